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


@dataclass(frozen=True, slots=True)
class FieldQuery:
    """Weighted terms of one field and how their matches count."""

    terms: Mapping[int, float]
    """Term number -> weight."""
    parameters: Bm25 = BODY_BM25
    common_share: float = 1.0
    """Terms that more than this share of the units hold are skipped, unless all are that common."""


def bm25_scores(
    snapshot: Snapshot, *fields: FieldQuery, cancelled: Callable[[], bool] = lambda: False
) -> NDArray[np.float32]:
    """(size,) sums of the fields' scores; 0 for units that hold no term, and for dead ones.

    O(postings of the terms), in one pass over each segment. Raises Cancelled between two segments.
    """
    scores = np.zeros(snapshot.size, np.float32)
    # Saturated terms come first, so that a segment's postings are two slices, with the formula and without.
    ordered = sorted(fields, key=lambda one: not one.parameters.k1)
    numbers = np.array([term for one in ordered for term in one.terms], np.uint64)
    if not len(numbers) or not snapshot.n_units:
        return scores
    starts, ends = _ranges(snapshot, numbers)
    df = _living(snapshot, starts, ends)
    scales, floors, slopes = _factors(snapshot, ordered, df)
    n_saturated = sum(len(one.terms) for one in ordered if one.parameters.k1)
    asked = scales > 0
    for at, (segment, base) in enumerate(zip(snapshot.segments, snapshot.offsets, strict=False)):
        if cancelled():
            raise Cancelled("The search was cancelled.")
        held = np.flatnonzero(asked & (ends[at] > starts[at]))
        if not len(held):
            continue
        sizes = ends[at, held] - starts[at, held]
        slices = list(map(slice, starts[at, held].tolist(), ends[at, held].tolist()))
        units = np.concatenate([segment.posting_units[rows] for rows in slices])
        parts = np.repeat(scales[held], sizes)
        cut = int(sizes[: int(np.searchsorted(held, n_saturated))].sum())
        if cut:
            tf = np.concatenate([segment.posting_counts[rows] for rows in slices])[:cut].astype(np.float32)
            damping = np.repeat(slopes[held], sizes)[:cut] * segment.lengths[units[:cut]]
            damping += np.repeat(floors[held], sizes)[:cut]
            parts[:cut] *= tf / (tf + damping.astype(np.float32))
        # Summed in the order of the terms, in float64: no sum depends on what the segments are.
        total = np.bincount(units, parts, segment.n_units)
        if not snapshot.is_whole[at]:
            total *= snapshot.masks[at]
        scores[base : base + segment.n_units] = total
    return scores


def document_frequencies(snapshot: Snapshot, terms: Sequence[int]) -> list[int]:
    """How many living units hold each term."""
    counts: list[int] = _living(snapshot, *_ranges(snapshot, np.array(terms, np.uint64))).tolist()
    return counts


def units_with(snapshot: Snapshot, term: int) -> NDArray[np.int64]:
    """Numbers of the living units that hold a term, ascending."""
    parts = [
        segment.postings(term)[0] + np.int64(base)
        for segment, base in zip(snapshot.segments, snapshot.offsets, strict=False)
    ]
    units = np.concatenate(parts) if parts else np.zeros(0, np.int64)
    return units[snapshot.alive[units]]


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


def matched_shares(
    snapshot: Snapshot, idf: Mapping[int, float], units: NDArray[np.int64]
) -> tuple[list[NDArray[np.bool_]], NDArray[np.float64]]:
    """Which of some units (n,), in any order, hold each term, and (n,) their share of all idf mass."""
    order = np.argsort(units)
    ascending = units[order]
    held: list[NDArray[np.bool_]] = []
    mass = np.zeros(len(units))
    for term, weight in idf.items():
        found = np.zeros(len(units), bool)
        found[order] = holds(snapshot, term, ascending)
        mass[found] += weight
        held.append(found)
    return held, mass / max(sum(idf.values()), 1e-9)


def idf_of(snapshot: Snapshot, terms: Sequence[int]) -> dict[int, float]:
    """Term -> inverse document frequency over the living units."""
    counts = document_frequencies(snapshot, terms)
    return {
        term: inverse_document_frequency(snapshot.n_units, df) for term, df in zip(terms, counts, strict=True)
    }


def inverse_document_frequency(n: int, df: int) -> float:
    """The idf of a term that stands in `df` of `n` documents; positive for every df."""
    return math.log1p((n - df + 0.5) / (df + 0.5))


def _ranges(snapshot: Snapshot, terms: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(segments, terms) where the postings of each term start and end; equal where a segment has none."""
    starts = np.zeros((len(snapshot.segments), len(terms)), np.int64)
    ends = np.zeros_like(starts)
    for at, segment in enumerate(snapshot.segments):
        if not len(segment.terms):
            continue
        places = np.minimum(np.searchsorted(segment.terms, terms), len(segment.terms) - 1)
        known = segment.terms[places] == terms
        starts[at] = np.where(known, segment.posting_starts[places], 0)
        ends[at] = np.where(known, segment.posting_starts[places + 1], 0)
    return starts, ends


def _living(snapshot: Snapshot, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """(terms,) how many postings in these ranges are of living units."""
    counts = ends - starts
    for at, whole in enumerate(snapshot.is_whole):
        if not whole:
            segment, mask = snapshot.segments[at], snapshot.masks[at]
            for term in np.flatnonzero(counts[at]).tolist():
                units = segment.posting_units[starts[at, term] : ends[at, term]]
                counts[at, term] = np.count_nonzero(mask[units])
    total: NDArray[np.int64] = counts.sum(axis=0)
    return total


def _factors(
    snapshot: Snapshot, fields: Sequence[FieldQuery], df: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Per term of all fields weight * idf (0 where it is skipped), k1 * (1 - b), and k1 * b / mean length."""
    scales, floors, slopes = (np.zeros(len(df), np.float32) for _ in range(3))
    start = 0
    for one in fields:
        rows = slice(start, start + len(one.terms))
        start = rows.stop
        counts = df[rows]
        skipped = counts > one.common_share * snapshot.n_units
        if not counts[~skipped].any():
            skipped[:] = False
        idf = [inverse_document_frequency(snapshot.n_units, count) for count in counts.tolist()]
        scales[rows] = np.array(list(one.terms.values())) * idf * ~skipped
        floors[rows] = one.parameters.k1 * (1 - one.parameters.b)
        slopes[rows] = one.parameters.k1 * one.parameters.b / snapshot.mean_length
    return scales, floors, slopes
