"""BM25 over a snapshot, exact: statistics are those of the living units, whatever the segments are.

score(u) = sum over terms t of weight_t * idf(t) * tf / (tf + k1 * (1 - b + b * length(u) / mean length)),
idf(t) = log(1 + (N - df + 0.5) / (df + 0.5)), as in Lucene (Robertson & Zaragoza 2009, without the constant
factor k1 + 1).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oasis_search.errors import Cancelled
from oasis_search.index.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Bm25:
    """Saturation and length normalisation."""

    k1: float = 1.2
    b: float = 0.75


BODY_BM25 = Bm25()
FLAT_BM25 = Bm25(k1=0.0, b=0.0)
"""For fields where a term stands or does not (names, paths): the score is the idf."""


def bm25_scores(
    snapshot: Snapshot,
    terms: Mapping[int, float],
    parameters: Bm25 = BODY_BM25,
    cancelled: Callable[[], bool] = lambda: False,
) -> NDArray[np.float32]:
    """(size,) scores of all units for weighted term numbers; 0 for units without any, dead ones included.

    O(postings of the terms). Raises Cancelled between two terms.
    """
    scores = np.zeros(snapshot.size, np.float32)
    slope = np.float32(parameters.k1 * parameters.b / snapshot.mean_length)
    floor = np.float32(parameters.k1 * (1 - parameters.b))
    for term, weight in terms.items():
        if cancelled():
            raise Cancelled("The search was cancelled.")
        found = _living_postings(snapshot, term)
        if not found:
            continue
        df = sum(len(units) for _, units, _ in found)
        scale = np.float32(weight * inverse_document_frequency(snapshot.n_units, df))
        for at, units, counts in found:
            tf = counts.astype(np.float32)
            base = snapshot.offsets[at]
            lengths = snapshot.segments[at].lengths[units].astype(np.float32)
            scores[base + units] += scale * (tf / (tf + (floor + slope * lengths)))
    return scores


def document_frequency(snapshot: Snapshot, term: int) -> int:
    """Living units that hold a term."""
    return sum(len(units) for _, units, _ in _living_postings(snapshot, term))


def units_with(snapshot: Snapshot, term: int) -> NDArray[np.int64]:
    """Numbers of the living units that hold a term, ascending."""
    found = [units + np.int64(snapshot.offsets[at]) for at, units, _ in _living_postings(snapshot, term)]
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def holds(snapshot: Snapshot, term: int, units: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(len(units),) whether each of some ascending units holds a term; O(units * log(postings))."""
    found = np.zeros(len(units), bool)
    borders = np.searchsorted(units, snapshot.offsets).tolist()
    for at, segment in enumerate(snapshot.segments):
        rows = units[borders[at] : borders[at + 1]] - snapshot.offsets[at]
        held, _ = segment.postings(term) if len(rows) else (segment.posting_units[:0], None)
        if len(held):
            places = np.minimum(np.searchsorted(held, rows), len(held) - 1)
            found[borders[at] : borders[at + 1]] = held[places] == rows
    return found


def inverse_document_frequency(n: int, df: int) -> float:
    """Idf of a term that stands in `df` of `n` documents; positive for every df."""
    return math.log1p((n - df + 0.5) / (df + 0.5))


def _living_postings(snapshot: Snapshot, term: int) -> list[tuple[int, NDArray[np.int32], NDArray[np.uint8]]]:
    found = []
    for at, (segment, mask) in enumerate(zip(snapshot.segments, snapshot.masks, strict=True)):
        units, counts = segment.postings(term)
        if not len(units):
            continue
        kept = mask[units]
        if not kept.all():
            units, counts = units[kept], counts[kept]
        if len(units):
            found.append((at, units, counts))
    return found
