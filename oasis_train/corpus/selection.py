"""The second pass over one repository after the other: which functions stay, given all that came before."""

from collections import Counter
from dataclasses import replace

from oasis_search.syntax import identifiers
from oasis_train.corpus.duplicates import NearDuplicates, word_key
from oasis_train.corpus.exclusion import SuiteFilter
from oasis_train.corpus.raw import RawRepository
from oasis_train.data import Function


class Selection:
    """Everything that was kept so far, as far as duplicates are concerned."""

    def __init__(self, suites: SuiteFilter, near_duplicates: float) -> None:
        """`near_duplicates`: threshold of `NearDuplicates`; 0 keeps them."""
        self._suites = suites
        self._seen: set[int] = set()
        self._near = NearDuplicates(near_duplicates) if near_duplicates else None

    def select(self, raw: RawRepository) -> tuple[list[Function], Counter[str]]:
        """The functions that stay, linked only to each other, and how many were left out for which reason."""
        kept: list[Function] = []
        left_out: Counter[str] = Counter()
        for position, function in enumerate(raw.functions):
            if reason := self._reason(raw, position, function):
                left_out[reason] += 1
            else:
                kept.append(function)
        ids = {function.id for function in kept}
        return [_only_linked_to(function, ids) for function in kept], left_out

    def _reason(self, raw: RawRepository, position: int, function: Function) -> str:
        key = word_key(identifiers(function.code))
        if key in self._seen:
            return "duplicate"
        if self._suites.excludes(function.code):
            return "in-suite"
        self._seen.add(key)
        if self._near is not None and not self._near.add(raw.signatures[position]):
            return "near-duplicate"
        return ""


def _only_linked_to(function: Function, ids: set[str]) -> Function:
    callers = tuple(caller for caller in function.callers if caller in ids and caller != function.id)
    callees = tuple(callee for callee in function.callees if callee in ids and callee != function.id)
    if callers == function.callers and callees == function.callees:
        return function
    return replace(function, callers=callers, callees=callees)
