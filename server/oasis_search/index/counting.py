"""Counts the terms of many units at once: the inner loop of indexing, kept out of Python.

Equal to counting each unit with a dictionary (tested): all (unit, term, count) of a file are sorted and
summed by numpy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from oasis_search.index.fields import Field, definition_terms, term_id, words_of
from oasis_search.index.roots import terms
from oasis_search.syntax.units import CodeUnit

IDENTIFIERS_KEPT = 16_000
"""Identifiers whose terms are remembered; code repeats its names, so a small memory serves nearly all."""


@dataclass(frozen=True, slots=True, eq=False)
class TermCounts:
    """Entries of `n` units, by unit and then by term number."""

    starts: NDArray[np.uint32]
    """(n + 1,) where the entries of each unit begin."""
    ids: NDArray[np.uint64]
    """(m,) numbers of terms."""
    counts: NDArray[np.uint8]
    """(m,) occurrences, 255 at most."""
    lengths: NDArray[np.uint32]
    """(n,) body terms with repeats."""


class TermCounter(dict[str, tuple[int, ...]]):
    """Identifier -> numbers of its body terms, computed on first use.

    What was used lately is remembered: when it is full, its content becomes the older of two generations,
    from which what is still used is taken over.
    """

    def __init__(self) -> None:
        super().__init__()
        self._older: dict[str, tuple[int, ...]] = {}

    def __missing__(self, identifier: str) -> tuple[int, ...]:
        ids = self._older.get(identifier)
        if ids is None:
            ids = tuple(term_id(Field.BODY, term) for term in terms(identifier))
        if len(self) >= IDENTIFIERS_KEPT:
            self._older = dict(self)
            self.clear()
        self[identifier] = ids
        return ids

    def count(self, units: Sequence[CodeUnit], bags: Sequence[Mapping[str, int]]) -> TermCounts:
        """Entries of units and of the counts of their identifiers; O(m log m)."""
        owners, ids, times, lengths = self._body(bags)
        named = [_named(unit) for unit in units]
        owners = np.concatenate([owners, np.repeat(np.arange(len(units)), [len(each) for each in named])])
        ids = np.concatenate([ids, np.fromiter(chain.from_iterable(named), np.uint64)])
        times = np.concatenate([times, np.ones(len(ids) - len(times), np.int64)])
        order = np.lexsort((ids, owners))
        owners, ids, times = owners[order], ids[order], times[order]
        is_first = np.ones(len(ids), bool)
        is_first[1:] = (ids[1:] != ids[:-1]) | (owners[1:] != owners[:-1])
        first = np.flatnonzero(is_first)
        sums = np.add.reduceat(times, first) if len(first) else times
        return TermCounts(
            starts=np.searchsorted(owners[first], np.arange(len(units) + 1)).astype(np.uint32),
            ids=ids[first],
            counts=np.minimum(sums, 255).astype(np.uint8),
            lengths=lengths,
        )

    def _body(
        self, bags: Sequence[Mapping[str, int]]
    ) -> tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint32]]:
        """Unit, number and count of every term of every identifier, and the units' lengths."""
        ids_of = self.__getitem__
        by_identifier = list(chain.from_iterable(map(ids_of, bag) for bag in bags))
        total = len(by_identifier)
        n_terms = np.fromiter(map(len, by_identifier), np.int64, total)
        times = np.fromiter(chain.from_iterable(bag.values() for bag in bags), np.int64, total)
        owners = np.repeat(np.arange(len(bags)), [len(bag) for bag in bags])
        lengths = np.bincount(owners, n_terms * times, len(bags)).astype(np.uint32)
        ids = np.fromiter(chain.from_iterable(by_identifier), np.uint64, int(n_terms.sum()))
        return np.repeat(owners, n_terms), ids, np.repeat(times, n_terms), lengths


def _named(unit: CodeUnit) -> set[int]:
    words = words_of(f"{unit.container} {unit.name}")
    # Only the first piece of a long unit holds the definition; the others continue it.
    whole = definition_terms(unit.name, unit.container) if unit.part <= 1 else ()
    return {term_id(Field.NAME, word) for word in words} | {term_id(Field.DEFINITION, term) for term in whole}
