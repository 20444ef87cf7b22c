"""Open folders may lie in one another, as a package in a monorepo does: what both hold is answered once."""

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from oasis_search.workspace.status import FoundHit

T = TypeVar("T")


def each_once(items: Iterable[T], place: Callable[[T], Hashable]) -> list[T]:
    """The first of the items at every place, in their order."""
    first: dict[Hashable, T] = {}
    for item in items:
        first.setdefault(place(item), item)
    return list(first.values())


def place_of(found: FoundHit) -> Hashable:
    """Where a hit is, whichever folder it was found in."""
    return found.root / found.hit.path, found.hit.span
