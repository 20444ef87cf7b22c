"""How much of a copy one piece of code is of another: the level of a clone.

The levels are those of the literature on clones (Roy and Cordy 2007, types 1 to 4): the same but for layout
and comments; the same with other names and literals; edited beyond that; and code that does the same but was
written anew. Pure; works on leaves (`syntax.leaves`), so layout and comments are gone already.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

from oasis_search.syntax.leaves import Leaf

Level = Literal["exact", "renamed", "edited", "behaviour"]

LEVELS: tuple[Level, ...] = ("exact", "renamed", "edited", "behaviour")
"""The nearest first."""

LEAST_ALIKE = 0.5
"""Share of equal runs from which code with the same names counts as edited."""

LEAST_SHAPED = 0.7
"""The same of runs in which names and literals count as equal, where names were changed as well."""

LEAST_LEAVES = 24
"""Shorter pieces have the same shape by chance."""

_RUN = 3
"""Leaves of a run: a reordered statement keeps most of its runs, an added one takes few away."""

_MEMBER_SIGNS = frozenset((".", "->", "::", "?."))

_FAMILIES = {"tsx": "javascript", "typescript": "javascript", "c": "cpp"}
"""Languages whose code can be a copy of code in the other."""


def clone_level(
    first: Sequence[Leaf], first_language: str, second: Sequence[Leaf], second_language: str
) -> Level:
    """The level of two pieces that are alike in some way; `behaviour` where no text is shared. Linear."""
    if _family(first_language) != _family(second_language) or not first or not second:
        return "behaviour"
    if len(first) == len(second):
        if [leaf.text for leaf in first] == [leaf.text for leaf in second]:
            return "exact"
        if _is_renamed(first, second):
            return "renamed"
    if _overlap(_runs(_texts(first)), _runs(_texts(second))) >= LEAST_ALIKE:
        return "edited"
    if min(len(first), len(second)) >= LEAST_LEAVES:
        shapes = _overlap(_runs(_shape(first)), _runs(_shape(second)))
        if shapes >= LEAST_SHAPED:
            return "edited"
    return "behaviour"


def _family(language: str) -> str:
    return _FAMILIES.get(language, language)


def _is_renamed(first: Sequence[Leaf], second: Sequence[Leaf]) -> bool:
    """Whether one becomes the other by giving every name another, each the same everywhere.

    Who renames a variable leaves members and keywords of that name alone, so these are names of their own.
    """
    forth: dict[tuple[str, str], str] = {}
    back: dict[tuple[str, str], str] = {}
    for place, (one, other) in enumerate(zip(first, second, strict=True)):
        if one.part != other.part:
            return False
        if one.part == "language" and one.text != other.text:
            return False
        role = _role(first, place) if one.part == "name" else ""
        if one.part == "name" and (
            forth.setdefault((role, one.text), other.text) != other.text
            or back.setdefault((role, other.text), one.text) != one.text
        ):
            return False
    return True


def _role(found: Sequence[Leaf], place: int) -> str:
    before = found[place - 1].text if place else ""
    if before in _MEMBER_SIGNS:
        return "member"
    after = found[place + 1].text if place + 1 < len(found) else ""
    return "keyword" if before in ("(", ",") and after in ("=", ":") else "variable"


def _texts(found: Sequence[Leaf]) -> list[str]:
    return [leaf.text for leaf in found]


def _shape(found: Sequence[Leaf]) -> list[str]:
    return [leaf.text if leaf.part == "language" else f"<{leaf.part}>" for leaf in found]


def _runs(words: Sequence[str]) -> Counter[tuple[str, ...]]:
    return Counter(_windows(words))


def _windows(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for start in range(max(1, len(words) - _RUN + 1)):
        yield tuple(words[start : start + _RUN])


def _overlap(first: "Counter[tuple[str, ...]]", second: "Counter[tuple[str, ...]]") -> float:
    """Dice coefficient of two multisets, 0 to 1."""
    total = first.total() + second.total()
    return 2 * (first & second).total() / total if total else 0.0
