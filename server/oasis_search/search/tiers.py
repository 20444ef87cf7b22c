"""One ranking by meaning out of several encoders', of which the better ones know a part of the workspace.

Scores of two encoders mean different things and are never compared. A better encoder only re-orders: the
places that the units it covers hold in the ranking so far are filled anew with these units in its own order.
So without coverage nothing changes, with full coverage its own ranking remains, and in between every unit
that it does not cover keeps its place.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class QueryVector:
    """A question as one encoder sees it."""

    model: str
    """What a user calls the encoder."""
    fingerprint: str
    vector: NDArray[np.float32]
    """(d,) of length 1."""


def refine(
    ranking: NDArray[np.int64], covered: NDArray[np.bool_], better: NDArray[np.int64], limit: int
) -> NDArray[np.int64]:
    """The first `limit` units of `ranking`, re-ordered by a better encoder's ranking `better`.

    `covered` (size,) says which units the better encoder knows; both rankings are best first and hold the
    first `limit` units of theirs or all there are. Units that only `better` holds follow at the end where
    `ranking` is shorter. O(limit).
    """
    merged = ranking[:limit].copy()
    places = np.flatnonzero(covered[merged])
    if len(places) > len(better):
        raise ValueError(f"The better ranking holds {len(better)} units for {len(places)} places.")
    merged[places] = better[: len(places)]
    rest = better[len(places) :]
    return np.concatenate([merged, rest[: limit - len(merged)]])


def refill(
    scores: NDArray[np.float32], better: NDArray[np.float32], covered: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """(c,) `scores`, of which the covered ones are handed out anew in the order of `better`.

    The same for fused scores as `refine` is for ranks: what is not covered keeps its score, and no unit
    passes one only because the better encoder knows it. Equal values of `better` get equal scores.
    O(c log c).
    """
    filled = scores.copy()
    places, order = -np.sort(-scores[covered]), np.round(-better[covered], 6)
    filled[covered] = places[np.searchsorted(np.sort(order), order, side="left")]
    return filled
