"""Nearest units by inner product of quantised vectors.

Exact up to `EXACT_LIMIT` units. Above, sign bits choose candidates by Hamming distance in one pass over 32
bytes a unit, and only those are scored exactly; the recall against the exact form is measured by the
benchmark. The arithmetic is on whole numbers, so a score does not depend on which rows are scored together,
and neither the choice of candidates nor the order of equal scores depends on what the segments are.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oasis_search.errors import Cancelled
from oasis_search.index.snapshot import Snapshot
from oasis_search.index.vectors import VectorColumn, sign_bits

EXACT_LIMIT = 16_384
"""Units up to which every vector is scored: 2 ms at 256 dimensions on one slow core."""

CANDIDATES = 4096
"""Units that are scored exactly above the limit, at least. On CPython's library (23k units) they hold 99.9 %
of the 100 nearest, in a third of the time of scoring all.
"""

_BLOCK = 1024
"""Rows converted to float32 at a time: 1 MB at 256 dimensions stays in the cache, and OpenBLAS starts no
threads for so small a product (with 4096 rows it did: on two busy cores 24 ms a search instead of 1.2).
"""

_SAMPLE = 16_384
"""Scores looked at to find a bar for all."""

_EXACT_FLOAT = 2**24
"""float32 adds whole numbers up to here without rounding."""


def nearest(
    snapshot: Snapshot,
    fingerprint: str,
    query_vector: NDArray[np.float32],
    limit: int,
    *,
    allowed: NDArray[np.bool_] | None = None,
    exact_limit: int = EXACT_LIMIT,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(units, scores), best first, of at most `limit` living units that have a vector of `fingerprint`.

    `query_vector` (d,) has length 1, so scores are cosines. `allowed` (size,) restricts further. Equal scores
    (to 1e-5) are ordered by `Snapshot.tie_numbers`. Raises Cancelled between two blocks.
    """
    usable = snapshot.alive if allowed is None else snapshot.alive & allowed
    columns: list[tuple[int, VectorColumn]] = []
    masks: list[NDArray[np.bool_]] = []
    signs: list[NDArray[np.uint64]] = []
    for base, segment in zip(snapshot.offsets, snapshot.segments, strict=False):
        column = segment.vectors.get(fingerprint)
        if column is None or column.dim != len(query_vector):
            continue
        columns.append((base, column))
        masks.append((column.scales > 0) & usable[base : base + segment.n_units])
        signs.append(segment.signs[fingerprint])
    if not columns:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    if sum(map(np.count_nonzero, masks)) > exact_limit:
        rows = _nearest_by_sign(signs, query_vector, masks, max(limit, CANDIDATES))
    else:
        rows = [np.flatnonzero(mask) for mask in masks]
    units = np.concatenate([chosen + np.int64(base) for (base, _), chosen in zip(columns, rows, strict=True)])
    scores = np.concatenate(
        [
            score_rows(column, at, query_vector, cancelled)
            for (_, column), at in zip(columns, rows, strict=True)
        ]
    )
    return best(snapshot, units, scores, limit)


def score_rows(
    column: VectorColumn,
    rows: NDArray[np.intp],
    query_vector: NDArray[np.float32],
    cancelled: Callable[[], bool] = lambda: False,
) -> NDArray[np.float32]:
    """(len(rows),) inner products of chosen rows with the query; O(rows * d)."""
    query_codes, unit = _whole_numbers(query_vector)
    sums = np.empty(len(rows), np.float32)
    whole = len(rows) == len(column)
    for start in range(0, len(rows), _BLOCK):
        if cancelled():
            raise Cancelled("The search was cancelled.")
        # A slice converts twice as fast as a gather, and most searches look at every row.
        chosen = slice(start, start + _BLOCK) if whole else rows[start : start + _BLOCK]
        np.matmul(column.codes[chosen].astype(np.float32), query_codes, out=sums[start : start + _BLOCK])
    return sums * (column.scales[rows] * unit)


def cosines_of(
    snapshot: Snapshot, fingerprint: str, query_vector: NDArray[np.float32], units: NDArray[np.int64]
) -> NDArray[np.float32]:
    """(len(units),) scores of some ascending units, as `nearest` gives them; 0 for those without a vector."""
    scores = np.zeros(len(units), np.float32)
    borders = np.searchsorted(units, snapshot.offsets).tolist()
    for at, segment in enumerate(snapshot.segments):
        column = segment.vectors.get(fingerprint)
        chosen = slice(borders[at], borders[at + 1])
        if column is not None and column.dim == len(query_vector) and borders[at] < borders[at + 1]:
            scores[chosen] = score_rows(column, units[chosen] - snapshot.offsets[at], query_vector)
    return scores


def best(
    snapshot: Snapshot, units: NDArray[np.int64], scores: NDArray[np.float32], limit: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The `limit` best (units, scores), best first; scores equal to 1e-5 are ordered by `tie_numbers`."""
    ranks = -np.round(scores, 5)
    if len(units) > limit:
        bar = np.partition(ranks, limit - 1)[limit - 1]
        kept = np.flatnonzero(ranks <= bar)
        units, scores, ranks = units[kept], scores[kept], ranks[kept]
    order = np.lexsort((snapshot.tie_numbers(units), ranks))[:limit]
    return units[order], scores[order]


def promising(scores: NDArray[np.float32], limit: int) -> NDArray[np.intp]:
    """Rows above 0 among which are the `limit` best, and all that equal the last of them to 1e-5.

    A sample gives a bar that surely more than `limit` pass; what is below need not be sorted. O(n), once.
    """
    step = len(scores) // _SAMPLE
    if step > 1:
        sample = scores[::step]
        rank = len(sample) - 1 - (4 * limit // step + 8)
        bar = np.partition(sample, rank)[rank]
        if bar > 0:
            rows = np.flatnonzero(scores >= bar - np.float32(2e-5))
            if len(rows) >= limit:
                return rows
    return np.flatnonzero(scores)


def _whole_numbers(query_vector: NDArray[np.float32]) -> tuple[NDArray[np.float32], np.float32]:
    """Whole numbers and their unit, so coarse that a product with a row of bytes is exact."""
    peak = np.float32(np.abs(query_vector).max(initial=0.0))
    if not peak > 0:
        return np.zeros_like(query_vector), np.float32(0)
    unit = peak / np.float32(_EXACT_FLOAT // (127 * len(query_vector)))
    return np.rint(query_vector / unit), unit


def _nearest_by_sign(
    signs: list[NDArray[np.uint64]],
    query_vector: NDArray[np.float32],
    masks: list[NDArray[np.bool_]],
    keep: int,
) -> list[NDArray[np.intp]]:
    """Rows of each segment, of those in its mask, whose signs differ least: `keep`, and all that tie."""
    query_signs = sign_bits(np.where(query_vector > 0, 1, -1).astype(np.int8)[None, :])[:, 0]
    borders = np.cumsum([0, *map(len, masks)])
    distances = np.empty(borders[-1], _distance_type(len(query_vector)))
    far = int(np.iinfo(distances.dtype).max)
    for start, words, mask in zip(borders.tolist(), signs, masks, strict=False):
        distance = distances[start : start + len(mask)]
        np.bitwise_count(words[0] ^ query_signs[0], out=distance)
        for word, query_word in zip(words[1:], query_signs[1:], strict=True):
            distance += np.bitwise_count(word ^ query_word)
        if not mask.all():
            distance[~mask] = far
    # The least bar that lets enough through; a histogram of all would take three times as long.
    low, high = 0, far - 1
    while low < high:
        bar = (low + high) // 2
        if np.count_nonzero(distances <= bar) >= keep:
            high = bar
        else:
            low = bar + 1
    # By number: choosing few of many by a mask takes twenty times as long.
    near = np.flatnonzero(distances <= low)
    starts = np.searchsorted(near, borders).tolist()
    return [near[first:last] - start for first, last, start in zip(starts, starts[1:], borders, strict=False)]


def _distance_type(dim: int) -> type[np.unsignedinteger[Any]]:
    """Eight bits a distance where they suffice: 256 of 256 count as none, and one too many does no harm."""
    return np.uint8 if dim <= 256 else np.uint16
