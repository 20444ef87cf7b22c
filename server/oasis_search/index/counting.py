"""Counts the terms of many units at once: the inner loop of indexing, kept out of Python.

Equal to counting each unit with a dictionary (tested); terms get small numbers on first sight, so that unit,
term and count are sorted and summed as whole numbers by numpy.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from oasis_search.index.fields import Field, definition_terms, term_id, words_of
from oasis_search.index.roots import terms
from oasis_search.syntax.units import CodeUnit

IDENTIFIERS_KEPT = 20_000
"""Identifiers whose terms are remembered; code repeats its names, so a small memory serves nearly all."""

_TERM_BITS = 32


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
    """Identifier -> small numbers of its body terms, computed on first use and forgotten all at once."""

    def __init__(self) -> None:
        super().__init__()
        self._small: dict[str, int] = {}
        self._ids = array("Q")
        """Small number -> number of a term."""

    def __missing__(self, identifier: str) -> tuple[int, ...]:
        small = tuple(map(self._small_number, terms(identifier)))
        self[identifier] = small
        return small

    def count(self, units: Sequence[CodeUnit], bags: Sequence[Mapping[str, int]]) -> TermCounts:
        """Entries of units and of the counts of their identifiers; O(m log m)."""
        if len(self) > IDENTIFIERS_KEPT:
            self.clear()
            self._small.clear()
            self._ids = array("Q")
        owners, ids, times, lengths = self._body(bags)
        named = [_named(unit) for unit in units]
        owners = np.concatenate([owners, np.repeat(np.arange(len(units)), [len(each) for each in named])])
        ids = np.concatenate([ids, np.fromiter(chain.from_iterable(named), np.uint64)])
        times = np.concatenate([times, np.ones(len(ids) - len(times), np.int64)])
        order = np.lexsort((ids, owners))
        return TermCounts(
            starts=np.searchsorted(owners[order], np.arange(len(units) + 1)).astype(np.uint32),
            ids=ids[order],
            counts=np.minimum(times[order], 255).astype(np.uint8),
            lengths=lengths,
        )

    def _body(
        self, bags: Sequence[Mapping[str, int]]
    ) -> tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64], NDArray[np.uint32]]:
        """Unit, number and count of every distinct body term of every unit, and the units' lengths."""
        ids_of = self.__getitem__
        by_identifier = list(chain.from_iterable(map(ids_of, bag) for bag in bags))
        total = len(by_identifier)
        n_terms = np.fromiter(map(len, by_identifier), np.int64, total)
        times = np.fromiter(chain.from_iterable(bag.values() for bag in bags), np.int64, total)
        owners = np.repeat(np.arange(len(bags)), [len(bag) for bag in bags])
        lengths = np.bincount(owners, n_terms * times, len(bags)).astype(np.uint32)
        small = np.fromiter(chain.from_iterable(by_identifier), np.int64, int(n_terms.sum()))
        packed = (np.repeat(owners, n_terms) << _TERM_BITS) + small
        order = np.argsort(packed, kind="stable")
        packed, times = packed[order], np.repeat(times, n_terms)[order]
        first = np.flatnonzero(np.diff(packed, prepend=-1))
        sums = np.add.reduceat(times, first) if len(first) else times
        keys = packed[first]
        ids = np.frombuffer(self._ids, np.uint64)[keys & ((1 << _TERM_BITS) - 1)]
        return keys >> _TERM_BITS, ids, sums, lengths

    def _small_number(self, term: str) -> int:
        number = self._small.setdefault(term, len(self._ids))
        if number == len(self._ids):
            self._ids.append(term_id(Field.BODY, term))
        return number


def _named(unit: CodeUnit) -> set[int]:
    words = words_of(f"{unit.container} {unit.name}")
    # Only the first piece of a long unit holds the definition; the others continue it.
    whole = definition_terms(unit.name, unit.container) if unit.part <= 1 else ()
    return {term_id(Field.NAME, word) for word in words} | {term_id(Field.DEFINITION, term) for term in whole}
