"""An immutable block of indexed files: unit columns, postings and vectors, at most some ten thousand units.

A snapshot is a few segments and a mask of the units that still live. Segments are built from files' records
or merged from segments; both ways give the same postings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from oasis_search.index.fields import Field, path_number, term_id, words_of
from oasis_search.index.record import FileRecord
from oasis_search.index.vectors import VectorColumn, concatenate, missing, sign_bits

_T = TypeVar("_T", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class IndexedFile:
    """One file as it enters the index."""

    path: str
    """Relative to the folder, POSIX separators."""
    language: str
    digest: bytes
    """Of the text that was indexed."""
    record: FileRecord
    vectors: Mapping[str, VectorColumn]
    """Encoder fingerprint -> one row a unit."""


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Segment:
    """`f` files with `n` units, `t` distinct terms and `p` postings."""

    paths: tuple[str, ...]
    path_numbers: NDArray[np.uint64]
    """(f,) see `fields.path_number`"""
    languages: tuple[str, ...]
    digests: tuple[bytes, ...]
    first_units: NDArray[np.int32]
    """(f + 1,) the units of file i are first_units[i] : first_units[i + 1]."""
    file_of: NDArray[np.int32]
    """(n,)"""
    kinds: NDArray[np.uint8]
    parts: NDArray[np.uint16]
    spans: NDArray[np.uint32]
    """(n, 4)"""
    name_spans: NDArray[np.uint32]
    """(n, 4)"""
    keys: NDArray[np.uint8]
    """(n, 16)"""
    lengths: NDArray[np.uint32]
    names: tuple[str, ...]
    containers: tuple[str, ...]
    terms: NDArray[np.uint64]
    """(t,) sorted"""
    posting_starts: NDArray[np.int64]
    """(t + 1,)"""
    posting_units: NDArray[np.int32]
    """(p,) ascending within a term"""
    posting_counts: NDArray[np.uint8]
    """(p,)"""
    vectors: Mapping[str, VectorColumn]
    signs: Mapping[str, NDArray[np.uint64]]
    """Fingerprint -> (words, n) sign bits."""

    @property
    def n_units(self) -> int:
        """How many units, dead ones included."""
        return len(self.names)

    def postings(self, term: int) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Units that hold the term and how often; O(log t)."""
        at = int(self.terms.searchsorted(np.uint64(term)))
        if at == len(self.terms) or int(self.terms[at]) != term:
            return self.posting_units[:0], self.posting_counts[:0]
        rows = slice(int(self.posting_starts[at]), int(self.posting_starts[at + 1]))
        return self.posting_units[rows], self.posting_counts[rows]


def build_segment(files: Sequence[IndexedFile]) -> Segment:
    """A segment of `files` in the given order; O(p log p)."""
    records = [file.record for file in files]
    sizes = [record.n_units for record in records]
    first_units = np.zeros(len(files) + 1, np.int32)
    np.cumsum(sizes, out=first_units[1:])
    n = int(first_units[-1])
    ids: list[NDArray[np.uint64]] = []
    units: list[NDArray[np.int32]] = []
    counts: list[NDArray[np.uint8]] = []
    for file, record, first in zip(files, records, first_units.tolist(), strict=False):
        local = np.arange(first, first + record.n_units, dtype=np.int32)
        ids.append(record.term_ids)
        units.append(np.repeat(local, np.diff(record.term_starts)))
        counts.append(record.term_counts)
        path_ids = np.array([term_id(Field.PATH, word) for word in words_of(file.path)], np.uint64)
        ids.append(np.repeat(path_ids, record.n_units))
        units.append(np.tile(local, len(path_ids)))
        counts.append(np.ones(len(path_ids) * record.n_units, np.uint8))
    vectors = _join_vectors([(file.record.n_units, file.vectors) for file in files])
    terms, starts, posting_units, posting_counts = _invert(
        _cat(ids, np.uint64), _cat(units, np.int32), _cat(counts, np.uint8)
    )
    return Segment(
        paths=tuple(file.path for file in files),
        path_numbers=np.array([path_number(file.path) for file in files], np.uint64),
        languages=tuple(file.language for file in files),
        digests=tuple(file.digest for file in files),
        first_units=first_units,
        file_of=np.repeat(np.arange(len(files), dtype=np.int32), sizes),
        kinds=_cat([record.kinds for record in records], np.uint8),
        parts=_cat([record.parts for record in records], np.uint16),
        spans=_cat([record.spans for record in records], np.uint32).reshape(n, 4),
        name_spans=_cat([record.name_spans for record in records], np.uint32).reshape(n, 4),
        keys=_cat([record.keys for record in records], np.uint8).reshape(n, 16),
        lengths=_cat([record.lengths for record in records], np.uint32),
        names=tuple(name for record in records for name in record.names),
        containers=tuple(name for record in records for name in record.containers),
        terms=terms,
        posting_starts=starts,
        posting_units=posting_units,
        posting_counts=posting_counts,
        vectors=vectors,
        signs={fingerprint: sign_bits(column.codes) for fingerprint, column in vectors.items()},
    )


def merge_segments(parts: Sequence[tuple[Segment, NDArray[np.bool_]]]) -> Segment:
    """One segment with the living units of `parts`, files in order; O(p log p), runs being sorted already.

    A file lives or dies as a whole: masks never split one.
    """
    live_files = [[i for i in range(len(s.paths)) if _file_lives(s, alive, i)] for s, alive in parts]
    live_units = [np.flatnonzero(alive) for _, alive in parts]
    ids, units, counts = [], [], []
    offset = 0
    for (segment, alive), rows in zip(parts, live_units, strict=True):
        renumbered = np.full(segment.n_units, -1, np.int32)
        renumbered[rows] = np.arange(offset, offset + len(rows), dtype=np.int32)
        kept = alive[segment.posting_units]
        ids.append(np.repeat(segment.terms, np.diff(segment.posting_starts))[kept])
        units.append(renumbered[segment.posting_units[kept]])
        counts.append(segment.posting_counts[kept])
        offset += len(rows)
    terms, starts, posting_units, posting_counts = _invert(
        _cat(ids, np.uint64), _cat(units, np.int32), _cat(counts, np.uint8)
    )
    sizes = [
        int(s.first_units[i + 1] - s.first_units[i])
        for (s, _), files in zip(parts, live_files, strict=True)
        for i in files
    ]
    first_units = np.zeros(len(sizes) + 1, np.int32)
    np.cumsum(sizes, out=first_units[1:])
    vectors = _join_vectors(
        [
            (len(rows), {key: column.take(rows) for key, column in s.vectors.items()})
            for (s, _), rows in zip(parts, live_units, strict=True)
        ]
    )
    both = list(zip([s for s, _ in parts], live_units, strict=True))
    chosen = list(zip([s for s, _ in parts], live_files, strict=True))
    return Segment(
        paths=tuple(s.paths[i] for s, files in chosen for i in files),
        path_numbers=_cat([s.path_numbers[files] for s, files in chosen], np.uint64),
        languages=tuple(s.languages[i] for s, files in chosen for i in files),
        digests=tuple(s.digests[i] for s, files in chosen for i in files),
        first_units=first_units,
        file_of=np.repeat(np.arange(len(sizes), dtype=np.int32), sizes),
        kinds=_cat([s.kinds[rows] for s, rows in both], np.uint8),
        parts=_cat([s.parts[rows] for s, rows in both], np.uint16),
        spans=_cat([s.spans[rows] for s, rows in both], np.uint32).reshape(-1, 4),
        name_spans=_cat([s.name_spans[rows] for s, rows in both], np.uint32).reshape(-1, 4),
        keys=_cat([s.keys[rows] for s, rows in both], np.uint8).reshape(-1, 16),
        lengths=_cat([s.lengths[rows] for s, rows in both], np.uint32),
        names=tuple(s.names[i] for s, rows in both for i in rows.tolist()),
        containers=tuple(s.containers[i] for s, rows in both for i in rows.tolist()),
        terms=terms,
        posting_starts=starts,
        posting_units=posting_units,
        posting_counts=posting_counts,
        vectors=vectors,
        signs={fingerprint: sign_bits(column.codes) for fingerprint, column in vectors.items()},
    )


def _file_lives(segment: Segment, alive: NDArray[np.bool_], file: int) -> bool:
    first, end = int(segment.first_units[file]), int(segment.first_units[file + 1])
    return first < end and bool(alive[first])  # files without units never enter a snapshot


def _invert(
    ids: NDArray[np.uint64], units: NDArray[np.int32], counts: NDArray[np.uint8]
) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8]]:
    """Postings by term from entries whose units ascend: a stable sort keeps them ascending."""
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    borders = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(ids) else order
    return ordered[borders], np.append(borders, len(ids)).astype(np.int64), units[order], counts[order]


def _join_vectors(parts: Sequence[tuple[int, Mapping[str, VectorColumn]]]) -> dict[str, VectorColumn]:
    dims = {key: column.dim for n, columns in parts for key, column in columns.items() if n}
    return {
        key: concatenate([columns[key] if n and key in columns else missing(n, dim) for n, columns in parts])
        for key, dim in dims.items()
    }


def _cat(arrays: Sequence[NDArray[_T]], dtype: type[_T]) -> NDArray[_T]:
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype)
