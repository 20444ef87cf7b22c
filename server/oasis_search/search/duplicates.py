"""Pairs and groups of units that are copies of one another, over a whole snapshot.

Candidates are units whose vectors are near, found block by block, and units whose sketches have the same
shape, which other names hide from vectors. Pairs of sketches have a level, and pairs that hang together are a
group. Pure: the caller, who can read texts, brings the sketches.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oasis_search.errors import Cancelled
from oasis_search.index.snapshot import Snapshot, UnitView
from oasis_search.index.tiers import covered
from oasis_search.search.clones import LEVELS, Level, Sketch, clone_level
from oasis_search.syntax.units import KINDS

LEAST_COSINE = 0.8
"""Of a candidate pair; chosen by eye on CPython's library, not measured yet. Renamed copies lie below it."""

LEAST_BEHAVIOUR = 0.92
"""Cosine from which code that shares no text is worth showing."""

LEAST_LINES = 5
"""Shorter functions are alike by nature."""

NEAREST = 20
"""Candidates kept of a unit: a group is held together by its chain of neighbours, not by all its pairs."""

CANCELLED = "Looking for duplicates was cancelled."

_PAIRS = 256
"""Pairs judged between two looks at `cancelled`: 50 ms, as one of two methods took 0.2 ms."""

_SMALLEST = 16
"""Hashes of a sketch's shapes that stand for all: the smallest, a sample that copies share (Broder 1997)."""

_LEAST_SHARED = 8
"""Of those, so many make a pair; copies of which 70 % is the same share 11 on average."""

_COMMON = 64
"""A hash that more units have says nothing."""

_ROWS, _COLUMNS = 512, 8192
"""Units of a block: 16 MB of scores at a time, whatever the size of the workspace."""

_WORTH: Mapping[Level, float] = {"exact": 1.0, "renamed": 0.9, "edited": 0.6, "behaviour": 0.3}
"""How much of a group's repeated lines merging it would save."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two units whose vectors are near, `first` < `second`."""

    first: int
    second: int
    cosine: float


@dataclass(frozen=True, slots=True)
class Group:
    """Units that are copies of one another."""

    units: tuple[int, ...]
    """Their numbers in the snapshot, ascending."""
    level: Level
    """Of the weakest pair that holds it together."""
    worth: float
    """Lines that merging would save, less where more has to be adapted: the order of an answer."""


def comparable_units(
    snapshot: Snapshot, fingerprint: str, allowed: NDArray[np.bool_] | None
) -> NDArray[np.int64]:
    """Living, whole functions and methods of `LEAST_LINES` lines or more that have a vector; ascending."""
    kinds = [code for code, kind in enumerate(KINDS) if kind in ("function", "method")]
    found = []
    for base, segment in zip(snapshot.offsets, snapshot.segments, strict=False):
        lines = segment.spans[:, 3].astype(np.int64) - segment.spans[:, 2] + 1
        chosen = np.isin(segment.kinds, kinds) & (segment.parts == 0) & (lines >= LEAST_LINES)
        found.append(np.flatnonzero(chosen) + base)
    units = np.concatenate(found).astype(np.int64) if found else np.zeros(0, np.int64)
    usable = snapshot.alive & covered(snapshot, fingerprint)
    if allowed is not None:
        usable &= allowed
    return units[usable[units]]


def is_comparable(view: UnitView) -> bool:
    """Whether a unit is a whole function or method of `LEAST_LINES` lines or more."""
    lines = view.span.end_line0 - view.span.start_line0 + 1
    return view.kind in ("function", "method") and view.part == 0 and lines >= LEAST_LINES


def near_pairs(
    snapshot: Snapshot,
    fingerprint: str,
    units: NDArray[np.int64],
    *,
    least: float = LEAST_COSINE,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Pair]:
    """Every pair of `units` (ascending) with a cosine of `least` or more, but at most `NEAREST` of a unit.

    O(n^2 d) time, O(n d) memory in eight bits: by arithmetic two minutes for 100,000 units.
    Raises Cancelled between two blocks.
    """
    codes, scales = _columns(snapshot, fingerprint, units)
    lengths = np.sqrt((codes.astype(np.float32) ** 2).sum(axis=1)) * scales if len(units) else scales
    factors = np.divide(scales, lengths, out=np.zeros_like(scales), where=lengths > 0)
    for start in range(0, len(units), _ROWS):
        if cancelled():
            raise Cancelled(CANCELLED)
        on_progress(start, len(units))
        rows = codes[start : start + _ROWS].astype(np.float32) * factors[start : start + _ROWS, None]
        found: list[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]] = []
        for column in range(start, len(units), _COLUMNS):
            block = codes[column : column + _COLUMNS].astype(np.float32)
            scores = (rows @ block.T) * factors[column : column + _COLUMNS]
            at, other = np.nonzero(scores >= np.float32(least))
            beyond = other + column > at + start
            at, other = at[beyond], other[beyond]
            found.append((at, other + column, scores[at, other]))
        yield from _nearest_of_each(units, start, found)
    on_progress(len(units), len(units))


def shaped_pairs(sketches: Mapping[int, Sketch]) -> Iterator[Pair]:
    """Pairs whose sketches are a renaming of one another or share most of their shapes; cosine 0.

    Of units that are renamings of one another each is paired with the first. O(units), but for common shapes.
    """
    first_of: dict[bytes, int] = {}
    holders: dict[int, list[int]] = {}
    for unit in sorted(sketches):
        known = first_of.setdefault(sketches[unit].renamed, unit)
        if known != unit:
            yield Pair(known, unit, 0.0)
            continue
        for value in sketches[unit].shapes[:_SMALLEST].tolist():
            holders.setdefault(value, []).append(unit)
    shared: dict[tuple[int, int], int] = {}
    for units in holders.values():
        if 2 <= len(units) <= _COMMON:
            for place, unit in enumerate(units):
                for other in units[place + 1 :]:
                    shared[unit, other] = shared.get((unit, other), 0) + 1
    for (unit, other), count in shared.items():
        if count >= _LEAST_SHARED:
            yield Pair(unit, other, 0.0)


def group_pairs(
    snapshot: Snapshot,
    pairs: Sequence[Pair],
    sketches: Mapping[int, Sketch],
    *,
    weakest: Level = "edited",
    cancelled: Callable[[], bool] = lambda: False,
) -> list[Group]:
    """Groups of units that pairs of level `weakest` or nearer hold together, the most worth merging first.

    A pair whose unit has no sketch (its file changed) is left out, as is one of level `behaviour` below
    `LEAST_BEHAVIOUR`. The nearest levels join first, so a group's level is that of its weakest needed pair.
    Raises Cancelled while it judges pairs.
    """
    judged: list[tuple[int, float, Pair]] = []
    for number, pair in enumerate(pairs):
        if number % _PAIRS == 0 and cancelled():
            raise Cancelled(CANCELLED)
        if pair.first in sketches and pair.second in sketches:
            level = clone_level(sketches[pair.first], sketches[pair.second])
            rank = LEVELS.index(level)
            if rank <= LEVELS.index(weakest) and (level != "behaviour" or pair.cosine >= LEAST_BEHAVIOUR):
                judged.append((rank, -pair.cosine, pair))
    judged.sort(key=lambda each: (each[0], each[1], each[2].first, each[2].second))
    parents: dict[int, int] = {}
    levels: dict[int, int] = {}

    def head(unit: int) -> int:
        while parents.setdefault(unit, unit) != unit:
            parents[unit] = parents[parents[unit]]
            unit = parents[unit]
        return unit

    for rank, _, pair in judged:
        first, second = head(pair.first), head(pair.second)
        if first != second:
            parents[second] = first
            levels[first] = max(levels.get(first, 0), levels.get(second, 0), rank)
    members: dict[int, list[int]] = {}
    for unit in parents:
        members.setdefault(head(unit), []).append(unit)
    groups = [_group(snapshot, sorted(units), LEVELS[levels.get(top, 0)]) for top, units in members.items()]
    return sorted(groups, key=lambda group: (-group.worth, snapshot.view(group.units[0]).path, group.units))


def _group(snapshot: Snapshot, units: list[int], level: Level) -> Group:
    spans = [snapshot.view(unit).span for unit in units]
    lines = sorted(span.end_line0 - span.start_line0 + 1 for span in spans)
    saved = sum(lines[:-1])  # the longest stays
    return Group(tuple(units), level, round(saved * _WORTH[level], 2))


def _columns(
    snapshot: Snapshot, fingerprint: str, units: NDArray[np.int64]
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Codes (n, d) and scales (n,) of ascending units."""
    codes: list[NDArray[np.int8]] = []
    scales: list[NDArray[np.float32]] = []
    borders = np.searchsorted(units, snapshot.offsets).tolist()
    for at, segment in enumerate(snapshot.segments):
        rows = units[borders[at] : borders[at + 1]] - snapshot.offsets[at]
        if len(rows):
            column = segment.vectors[fingerprint]
            codes.append(column.codes[rows])
            scales.append(column.scales[rows])
    if not codes:
        return np.zeros((0, 0), np.int8), np.zeros(0, np.float32)
    return np.concatenate(codes), np.concatenate(scales)


def _nearest_of_each(
    units: NDArray[np.int64],
    start: int,
    found: Sequence[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]],
) -> Iterator[Pair]:
    at = np.concatenate([each[0] for each in found])
    other = np.concatenate([each[1] for each in found])
    scores = np.concatenate([each[2] for each in found])
    order = np.lexsort((other, -np.round(scores, 5), at))
    at, other, scores = at[order], other[order], scores[order]
    places = np.arange(len(at)) - np.searchsorted(at, at)
    kept = places < NEAREST
    for row, column, score in zip(
        at[kept].tolist(), other[kept].tolist(), scores[kept].tolist(), strict=True
    ):
        yield Pair(int(units[start + row]), int(units[column]), score)
