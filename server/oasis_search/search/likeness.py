"""How likely a neighbour does what the piece does: a logistic function, fitted on judged neighbours.

What counts is how far a neighbour stands out of the crowd, those that are nearest in any workspace whatever
the piece: a cosine by itself means another thing for every encoder. Coefficients lie in likeness.toml, one
set for the table and one for a better model; `tests/bench/likeness.py` fits and judges them
(docs/ranking.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from oasis_search.search.logistic import chance, read_coefficients

CROWD = slice(10, 24)
"""Places of the ranking, from 0, that make the crowd; a large workspace always ranks as many."""

SAME_CODE = 0.99
"""Of the levels `exact` and `renamed`."""

SAME_BUT_EDITED = 0.95
"""Of the level `edited`: as often as levels are right, at least, on mechanical edits of real functions."""

WAYS = ("static", "model")
"""The table; a better model, whose cosines themselves say nothing."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """What is known of one neighbour."""

    lead: float
    """Share of the way from the crowd's mean cosine to 1 that its own cosine has gone; below 0 behind it."""
    place: float
    """Logarithm (base 2) of its place in the ranking, counted from 1."""
    cosine: float

    def terms(self) -> tuple[float, ...]:
        """(t,) the terms of the logistic function, in the order of `TERMS`."""
        return (
            self.lead,
            self.place,
            self.cosine,
            self.lead**2,
            self.cosine**2,
            self.lead * self.place,
            self.lead * self.cosine,
        )


TERMS = (
    *(field.name for field in fields(Likeness)),
    "lead_squared",
    "cosine_squared",
    "lead_place",
    "lead_cosine",
)


def leads(cosines: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n,) the lead of each of a ranking's cosines (n,), best first; 0 where there is no crowd.

    >>> leads(np.array([0.8, *[0.6] * 30], np.float32)).round(2)[:2].tolist()
    [0.5, 0.0]
    """
    crowd = cosines[CROWD]
    if not len(crowd):
        return np.zeros(len(cosines), np.float32)
    mean = float(np.sort(crowd).astype(np.float64).mean())
    return ((cosines - mean) / max(1 - mean, 1e-3)).astype(np.float32)


def probability(way: str, likeness: Likeness) -> float:
    """The chance that a neighbour does the same as the piece, to four places."""
    return chance(coefficients()[way], TERMS, likeness.terms())


def coefficients() -> Mapping[str, Mapping[str, float]]:
    """Coefficients by way and name."""
    return read_coefficients("likeness.toml")


def of_level(probability: float, level: str) -> float:
    """The probability once the texts were compared: what is the same but for names or edits is no guess."""
    if level in ("exact", "renamed"):
        return SAME_CODE
    return max(probability, SAME_BUT_EDITED) if level == "edited" else probability
