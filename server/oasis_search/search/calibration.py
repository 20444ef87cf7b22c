"""How likely a hit answers: a logistic function of what the search knows about it, fitted on judged hits.

One set of coefficients for each way of ranking: by words alone, with the static table, and with a better
model on top. Cosines of an unknown model mean nothing by themselves, so a model's count by how far they stand
out of the other candidates of the same question. `tests/bench/calibration.py` fits and judges the
coefficients (docs/ranking.md); they lie in calibration.toml.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from oasis_search.search.logistic import chance, read_coefficients

WAYS = ("words", "static", "model")

NOTHING_BELOW = 0.15
"""A best hit that is less likely than this means that nothing in the workspace seems to answer."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one hit; every number is comparable between questions and workspaces."""

    matched_share: float
    """Part of the question's idf mass that the unit holds, 0 to 1."""
    defines: float
    """1 when the unit defines a name of the question."""
    asks_name: float
    """1 when the question is nothing but a name."""
    place: float
    """Logarithm (base 2) of the hit's place in the list, counted from 1."""
    cosine: float = 0.0
    """By the static table; 0 when it does not know the unit or the question."""
    margin: float = 0.0
    """Standard deviations between that cosine and the middle of the question's candidates."""
    model_margin: float = 0.0
    """The same by the better model."""
    best_margin: float = 0.0
    """The largest margin that any candidate of the question has, by the better model if there is one."""
    best_share: float = 0.0
    """The largest `matched_share` among the hits of the question."""
    relative_score: float = 1.0
    """The hit's score over that of the first hit."""

    def terms(self) -> tuple[float, ...]:
        """(t,) the terms of the logistic function, in the order of `TERMS`."""
        plain = tuple(float(getattr(self, name)) for name in _PLAIN)
        products = (
            float(self.place == 0),
            self.defines * self.asks_name,
            self.matched_share**2,
            self.cosine**2,
            self.model_margin**2,
            self.matched_share * self.cosine,
            self.matched_share * self.model_margin,
        )
        return plain + products


_PLAIN = tuple(field.name for field in fields(Evidence))
TERMS = (
    *_PLAIN,
    "is_first",
    "defines_asked",
    "matched_share_squared",
    "cosine_squared",
    "model_margin_squared",
    "matched_share_cosine",
    "matched_share_model_margin",
)
"""What coefficients are named after. The products halve the calibration error (docs/ranking.md)."""


def margins(cosines: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far each cosine (c,) stands out, in deviations above the median of those that are not 0."""
    # Sorted and in double precision: the order of units in segments must not show in the last bits.
    known = np.sort(cosines[cosines != 0]).astype(np.float64)
    if len(known) < 2:
        return np.zeros(len(cosines), np.float32)
    spread = max(float(known.std()), 1e-3)
    return np.where(cosines != 0, (cosines - np.median(known)) / spread, 0.0).astype(np.float32)


def probability(way: str, evidence: Evidence) -> float:
    """The chance that a hit with this evidence answers its question, to four places."""
    return chance(coefficients()[way], TERMS, evidence.terms())


def coefficients() -> Mapping[str, Mapping[str, float]]:
    """Coefficients by way and name."""
    return read_coefficients("calibration.toml")
