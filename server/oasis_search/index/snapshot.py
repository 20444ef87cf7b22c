"""A frozen view of one folder's index, and the only way to the next one.

`snapshot.apply(delta)` equals building anew from all files: after any sequence of deltas the same units,
terms and vectors live (order of segments apart, which no result depends on). Readers keep the snapshot they
have.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from oasis_search.index.segment import IndexedFile, Segment, build_segment, merge_segments
from oasis_search.index.vectors import missing
from oasis_search.syntax.units import KINDS, Kind, Span

SEGMENT_LIMIT = 32_768
"""Units beyond which segments are no longer merged: bounds the time and memory of a merge."""


@dataclass(frozen=True, slots=True)
class Delta:
    """Files that go and files that come; a path in `added` replaces what it was."""

    removed: Sequence[str] = ()
    added: Sequence[IndexedFile] = ()


@dataclass(frozen=True, slots=True)
class UnitView:
    """One unit of a snapshot with all that is known about it."""

    path: str
    language: str
    kind: Kind
    part: int
    name: str
    container: str
    span: Span
    name_span: Span
    key: bytes


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Segments, which of their units live, and where each file stands.

    A unit is addressed by its number in the row of all segments, 0 to `size`, dead ones included.
    """

    generation: int = 0
    segments: tuple[Segment, ...] = ()
    masks: tuple[NDArray[np.bool_], ...] = ()
    places: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Path -> (segment, file in it), living files only."""

    @cached_property
    def offsets(self) -> list[int]:
        """Number of the first unit of each segment, and `size` at the end."""
        return [0, *np.cumsum([segment.n_units for segment in self.segments]).tolist()]

    @property
    def size(self) -> int:
        """Length of arrays over all units."""
        return self.offsets[-1]

    @cached_property
    def alive(self) -> NDArray[np.bool_]:
        """(size,) units that may be hits."""
        return np.concatenate(self.masks) if self.masks else np.zeros(0, bool)

    @cached_property
    def is_whole(self) -> list[bool]:
        """Per segment, whether all its units live."""
        return [bool(mask.all()) for mask in self.masks]

    @cached_property
    def n_units(self) -> int:
        """Living units."""
        return int(sum(int(mask.sum()) for mask in self.masks))

    @cached_property
    def mean_length(self) -> float:
        """Mean body length in terms over living units, at least 1."""
        total = sum(int(s.lengths[mask].sum()) for s, mask in zip(self.segments, self.masks, strict=True))
        return max(1.0, total / self.n_units) if self.n_units else 1.0

    @cached_property
    def file_offsets(self) -> list[int]:
        """Number of the first file of each segment, and the number of all files at the end."""
        return [0, *np.cumsum([len(segment.paths) for segment in self.segments]).tolist()]

    @cached_property
    def file_ids(self) -> NDArray[np.int32]:
        """(size,) number of the file of each unit, see `path_of_file`."""
        parts = [s.file_of + base for s, base in zip(self.segments, self.file_offsets, strict=False)]
        return np.concatenate(parts).astype(np.int32) if parts else np.zeros(0, np.int32)

    def locate(self, unit: int) -> tuple[Segment, int]:
        """Segment of a unit and its row there."""
        at = bisect_right(self.offsets, unit) - 1
        return self.segments[at], unit - self.offsets[at]

    def path_of_file(self, file: int) -> str:
        """Path of a file number as `file_ids` gives it."""
        at = bisect_right(self.file_offsets, file) - 1
        return self.segments[at].paths[file - self.file_offsets[at]]

    def language_of_file(self, file: int) -> str:
        """Language of a file number."""
        at = bisect_right(self.file_offsets, file) - 1
        return self.segments[at].languages[file - self.file_offsets[at]]

    def tie_numbers(self, units: NDArray[np.int64]) -> NDArray[np.uint64]:
        """One number a unit from its path and its place in the file, to order equal scores by.

        Unlike unit numbers, these do not depend on what the segments are.
        """
        numbers = np.zeros(len(units), np.uint64)
        owners = np.searchsorted(self.offsets, units, side="right") - 1
        for at in np.unique(owners).tolist():
            chosen = owners == at
            segment = self.segments[at]
            rows = units[chosen] - self.offsets[at]
            # Wraps around: the low half is where the unit starts, mixed into the number of its path.
            numbers[chosen] = segment.path_numbers[segment.file_of[rows]] + segment.spans[rows, 0]
        return numbers

    def name_of(self, unit: int) -> str:
        """Name of a unit, empty for anonymous ones."""
        segment, row = self.locate(unit)
        return segment.names[row]

    def view(self, unit: int) -> UnitView:
        """All that is known of one unit."""
        segment, row = self.locate(unit)
        file = int(segment.file_of[row])
        return UnitView(
            path=segment.paths[file],
            language=segment.languages[file],
            kind=KINDS[int(segment.kinds[row])],
            part=int(segment.parts[row]),
            name=segment.names[row],
            container=segment.containers[row],
            span=Span(*segment.spans[row].tolist()),
            name_span=Span(*segment.name_spans[row].tolist()),
            key=segment.keys[row].tobytes(),
        )

    def digest_of(self, path: str) -> bytes | None:
        """Digest of the indexed text of a file, None when it is not in the index."""
        place = self.places.get(path)
        return None if place is None else self.segments[place[0]].digests[place[1]]

    def units_of(self, path: str) -> range:
        """Numbers of the units of a file, empty when it is not in the index."""
        place = self.places.get(path)
        if place is None:
            return range(0)
        at, file = place
        first = self.segments[at].first_units
        return range(self.offsets[at] + int(first[file]), self.offsets[at] + int(first[file + 1]))

    def apply(self, delta: Delta) -> "Snapshot":
        """The next snapshot; O(units of the delta) amortised, plus one pass over masks and places."""
        places = dict(self.places)
        masks = list(self.masks)
        touched: set[int] = set()
        for path in (*delta.removed, *(file.path for file in delta.added)):
            place = places.pop(path, None)
            if place is None:
                continue
            at, row = place
            if at not in touched:
                masks[at] = masks[at].copy()
                touched.add(at)
            first = self.segments[at].first_units
            masks[at][first[row] : first[row + 1]] = False
        segments = list(self.segments)
        # A file without units has nothing to find: it is gone from the index, as after a removal.
        latest = {file.path: self._carried(file) for file in delta.added if file.record.n_units}
        for files in _by_size(list(latest.values())):
            segment = build_segment(files)
            segments.append(segment)
            masks.append(np.ones(segment.n_units, bool))
            for i, file in enumerate(files):
                places[file.path] = (len(segments) - 1, i)
        return _compact(self.generation + 1, segments, masks, places)

    def _carried(self, file: IndexedFile) -> IndexedFile:
        """The file with the vectors of further encoders that its unchanged units had before."""
        place = self.places.get(file.path)
        if place is None:
            return file
        segment, at = self.segments[place[0]], place[1]
        further = segment.vectors.keys() - file.vectors.keys()
        if not further:
            return file
        first, end = int(segment.first_units[at]), int(segment.first_units[at + 1])
        rows = {segment.keys[row].tobytes(): row for row in range(first, end)}
        kept = [(new, rows[key]) for new, key in enumerate(file.record.unit_keys()) if key in rows]
        if not kept:
            return file
        targets, sources = np.array(kept, np.intp).T
        vectors = dict(file.vectors)
        for fingerprint in further:
            column = segment.vectors[fingerprint]
            if column.scales[sources].any():
                new = missing(file.record.n_units, column.dim)
                new.codes[targets], new.scales[targets] = column.codes[sources], column.scales[sources]
                vectors[fingerprint] = new
        return replace(file, vectors=vectors)


def _by_size(files: list[IndexedFile]) -> list[list[IndexedFile]]:
    """Runs of files with at most `SEGMENT_LIMIT` units (one file more than that stands alone)."""
    runs: list[list[IndexedFile]] = []
    room = 0
    for item in files:
        if not runs or item.record.n_units > room:
            runs.append([])
            room = SEGMENT_LIMIT
        runs[-1].append(item)
        room -= item.record.n_units
    return runs


def _compact(
    generation: int,
    segments: list[Segment],
    masks: list[NDArray[np.bool_]],
    places: dict[str, tuple[int, int]],
) -> Snapshot:
    """Merges segments until sizes fall geometrically, as a log-structured tree does.

    So there are O(log n) small segments, and each unit is merged O(log n) times. Empty segments go, and one
    that is mostly dead is rewritten.
    """
    living = [int(mask.sum()) for mask in masks]
    groups: list[list[int]] = []
    sizes: list[int] = []
    for i, size in enumerate(living):
        if size == 0:
            continue
        groups.append([i])
        sizes.append(size)
        while len(groups) > 1 and sizes[-2] < 2 * sizes[-1] and sizes[-2] + sizes[-1] <= SEGMENT_LIMIT:
            last, size_of_last = groups.pop(), sizes.pop()
            groups[-1] += last
            sizes[-1] += size_of_last
    new_segments: list[Segment] = []
    new_masks: list[NDArray[np.bool_]] = []
    moved: dict[int, int] = {}
    rebuilt: list[int] = []
    for group in groups:
        at = len(new_segments)
        only = group[0]
        if len(group) == 1 and 2 * living[only] >= len(masks[only]):
            moved[only] = at
            new_segments.append(segments[only])
            new_masks.append(masks[only])
            continue
        merged = merge_segments([(segments[i], masks[i]) for i in group])
        new_segments.append(merged)
        new_masks.append(np.ones(merged.n_units, bool))
        rebuilt.append(at)
    if not rebuilt and all(old == new for old, new in moved.items()):
        return Snapshot(generation, tuple(new_segments), tuple(new_masks), places)
    renamed = {path: (moved[at], file) for path, (at, file) in places.items() if at in moved}
    for at in rebuilt:
        renamed.update((path, (at, i)) for i, path in enumerate(new_segments[at].paths))
    return Snapshot(generation, tuple(new_segments), tuple(new_masks), renamed)
