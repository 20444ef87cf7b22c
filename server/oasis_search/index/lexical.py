"""BM25 over a snapshot, exact: statistics are those of the living units, whatever the segments are.

score(u) = sum over terms t of weight_t * idf(t) * tf / (tf + k1 * (1 - b + b * length(u) / mean length)),
idf(t) = log(1 + (N - df + 0.5) / (df + 0.5)), as in Lucene (Robertson & Zaragoza 2009, without the constant
factor k1 + 1).
"""

import math
from collections.abc import Callable, Mapping, Sequence
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


Posting = tuple[int, NDArray[np.int32], NDArray[np.uint8]]
"""Segment, its living units that hold a term, ascending, and how often."""


def bm25_scores(
    snapshot: Snapshot,
    terms: Mapping[int, float],
    parameters: Bm25 = BODY_BM25,
    *,
    common_share: float = 1.0,
    onto: NDArray[np.float32] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> NDArray[np.float32]:
    """(size,) scores of all units for weighted term numbers; 0 for units without any, dead ones included.

    Terms that more than `common_share` of the units hold are skipped, unless all are that common. Scores are
    added to `onto` where it is given. O(postings of the terms). Raises Cancelled between two terms.
    """
    scores = np.zeros(snapshot.size, np.float32) if onto is None else onto
    found = list(zip(terms.values(), postings_of(snapshot, list(terms)), strict=True))
    most = common_share * snapshot.n_units
    rare = [(weight, held) for weight, held in found if _count(held) <= most]
    slope = np.float32(parameters.k1 * parameters.b / snapshot.mean_length)
    floor = np.float32(parameters.k1 * (1 - parameters.b))
    for weight, held in rare if any(held for _, held in rare) else found:
        if cancelled():
            raise Cancelled("The search was cancelled.")
        scale = np.float32(weight * inverse_document_frequency(snapshot.n_units, _count(held)))
        for at, units, counts in held:
            segment, base = snapshot.segments[at], snapshot.offsets[at]
            part = scores[base : base + segment.n_units]
            if not parameters.k1:
                part[units] += scale
                continue
            tf = counts.astype(np.float32)
            part[units] += scale * (tf / (tf + (floor + slope * segment.lengths[units].astype(np.float32))))
    return scores


def postings_of(snapshot: Snapshot, terms: Sequence[int]) -> list[list[Posting]]:
    """Living postings of each term, segment by segment; one lookup a segment for all terms."""
    wanted = np.array(terms, np.uint64)
    found: list[list[Posting]] = [[] for _ in terms]
    for at, (segment, mask) in enumerate(zip(snapshot.segments, snapshot.masks, strict=True)):
        places = np.minimum(np.searchsorted(segment.terms, wanted), max(0, len(segment.terms) - 1))
        known = np.flatnonzero(segment.terms[places] == wanted) if len(segment.terms) else places[:0]
        starts = segment.posting_starts[places[known]].tolist()
        ends = segment.posting_starts[places[known] + 1].tolist()
        for term, start, end in zip(known.tolist(), starts, ends, strict=True):
            units, counts = segment.posting_units[start:end], segment.posting_counts[start:end]
            if not snapshot.is_whole[at]:
                kept = mask[units]
                units, counts = units[kept], counts[kept]
            if len(units):
                found[term].append((at, units, counts))
    return found


def document_frequencies(snapshot: Snapshot, terms: Sequence[int]) -> list[int]:
    """How many living units hold each term."""
    return [_count(held) for held in postings_of(snapshot, terms)]


def units_with(snapshot: Snapshot, term: int) -> NDArray[np.int64]:
    """Numbers of the living units that hold a term, ascending."""
    (held,) = postings_of(snapshot, [term])
    parts = [units + np.int64(snapshot.offsets[at]) for at, units, _ in held]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def holds(snapshot: Snapshot, term: int, units: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(len(units),) whether each of some ascending units holds a term; O(units * log(postings))."""
    found = np.zeros(len(units), bool)
    borders = np.searchsorted(units, snapshot.offsets).tolist()
    for at, segment in enumerate(snapshot.segments):
        if borders[at] == borders[at + 1]:
            continue
        held, _ = segment.postings(term)
        if len(held):
            rows = units[borders[at] : borders[at + 1]] - snapshot.offsets[at]
            places = np.minimum(np.searchsorted(held, rows), len(held) - 1)
            found[borders[at] : borders[at + 1]] = held[places] == rows
    return found


def inverse_document_frequency(n: int, df: int) -> float:
    """The idf of a term that stands in `df` of `n` documents; positive for every df."""
    return math.log1p((n - df + 0.5) / (df + 0.5))


def _count(held: Sequence[Posting]) -> int:
    return sum(len(units) for _, units, _ in held)
