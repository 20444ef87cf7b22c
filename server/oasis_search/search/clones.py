"""How much of a copy one piece of code is of another: the level of a clone.

The levels are those of the literature on clones (Roy and Cordy 2007, types 1 to 4): the same but for layout
and comments; the same with other names and literals; edited beyond that; and code that does the same but was
written anew. Pure; works on sketches of leaves (`syntax.leaves`), so layout and comments are gone already and
two pieces are compared in time that their texts do not matter for.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

import numpy as np
from numpy.typing import NDArray

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

_FUNCTION_WORDS = frozenset(("def", "function", "fn", "func", "fun"))

_FAMILIES = {"tsx": "javascript", "typescript": "javascript", "c": "cpp"}
"""Languages whose code can be a copy of code in the other."""


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """What is kept of a piece of code to compare it: some twenty bytes a leaf."""

    family: str
    n_leaves: int
    exact: bytes
    """Equal where all leaves are."""
    renamed: bytes
    """Equal where one becomes the other by giving every name another, each the same everywhere."""
    runs: NDArray[np.uint64]
    """Hashes of runs of leaves, sorted; the n-th occurrence of a run has a hash of its own."""
    shapes: NDArray[np.uint64]
    """The same with all names, and all literals, equal."""


def sketch(found: Sequence[Leaf], language: str) -> Sketch:
    """The sketch of the leaves of one piece; linear."""
    texts = [leaf.text for leaf in found]
    return Sketch(
        _FAMILIES.get(language, language),
        len(found),
        _digest(texts),
        _digest(_with_numbered_names(found)),
        _runs(texts),
        _runs([leaf.text if leaf.part == "language" else f"<{leaf.part}>" for leaf in found]),
    )


def clone_level(first: Sketch, second: Sketch) -> Level:
    """The level of two pieces that are alike in some way; `behaviour` where no text is shared. Linear."""
    if first.family != second.family or not first.n_leaves or not second.n_leaves:
        return "behaviour"
    if first.exact == second.exact:
        return "exact"
    if first.renamed == second.renamed:
        return "renamed"
    if _overlap(first.runs, second.runs) >= LEAST_ALIKE:
        return "edited"
    is_long = min(first.n_leaves, second.n_leaves) >= LEAST_LEAVES
    if is_long and _overlap(first.shapes, second.shapes) >= LEAST_SHAPED:
        return "edited"
    return "behaviour"


def _with_numbered_names(found: Sequence[Leaf]) -> Iterator[str]:
    """Texts in which every name is the number of its first appearance, and literals are equal.

    Who renames a variable leaves members and keywords of that name alone, so these are names of their own.
    """
    numbers: dict[tuple[str, str], int] = {}
    parameters = _parameters(found)
    for place, leaf in enumerate(found):
        if leaf.part == "name":
            role = _role(found, place, is_parameter=place in parameters)
            yield f"<{role} {numbers.setdefault((role, leaf.text), len(numbers))}>"
        else:
            yield leaf.text if leaf.part == "language" else "<literal>"


def _parameters(found: Sequence[Leaf]) -> range:
    """Places of the first parenthesised list behind the word that begins a function, or behind the start."""
    start = next((place for place, leaf in enumerate(found) if leaf.text in _FUNCTION_WORDS), 0)
    depth = 0
    for place in range(start, len(found)):
        depth += (found[place].text == "(") - (found[place].text == ")")
        if depth == 0 and found[place].text == ")":
            return range(start, place)
    return range(0)


def _role(found: Sequence[Leaf], place: int, *, is_parameter: bool) -> str:
    before = found[place - 1].text if place else ""
    if before in _MEMBER_SIGNS:
        return "member"
    if is_parameter:  # What follows is its type or default; the body uses it by this name.
        return "variable"
    after = found[place + 1].text if place + 1 < len(found) else ""
    return "keyword" if before in ("(", ",") and after in ("=", ":") else "variable"


def _digest(texts: "Iterator[str] | list[str]") -> bytes:
    return blake2b("\0".join(texts).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _runs(texts: Sequence[str]) -> NDArray[np.uint64]:
    seen: dict[str, int] = defaultdict(int)
    hashes = np.empty(max(1, len(texts) - _RUN + 1), np.uint64)
    for start in range(len(hashes)):
        run = "\0".join(texts[start : start + _RUN])
        seen[run] += 1
        text = f"{run}\0{seen[run]}".encode("utf-8", "surrogatepass")
        hashes[start] = int.from_bytes(blake2b(text, digest_size=8).digest(), "little")
    return np.sort(hashes)


def _overlap(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> float:
    """Dice coefficient of two multisets, 0 to 1."""
    common = np.intersect1d(first, second, assume_unique=True)
    return 2 * len(common) / (len(first) + len(second))
