"""From the matches of a query to a tree of definitions, without looking at any other node.

The queries (`queries/*.scm`) say what is a definition, where its name and its body are, and which nodes are
names of calls. A definition that two patterns match (`export const f = ...`, a decorated function) is known
by the position of its name: the widest range is the unit.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from tree_sitter import Node

Role = Literal["function", "method", "class", "module", "namespace", "package", "block"]
"""Captures that mark a definition; `module` becomes a class or a namespace by what is in it, a `package`
reaches from its statement to the next one or to the end of the file, a `block` is a part of an expression."""

INNER_LINES = 6
"""What a block or a long function defines inside is a unit of its own from so many lines."""

_ROLES: tuple[Role, ...] = ("function", "method", "class", "module", "namespace", "package", "block")


@dataclass(slots=True)
class Definition:
    """A node that defines a name, and the definitions inside it."""

    role: Role
    start: int
    end: int
    head: int
    """Where the signature begins, decorators left aside."""
    name_start: int
    name_end: int
    body: int
    """Start of the body, -1 without one."""
    container: str
    """Dotted container that the node itself names (`Foo::bar`, a Go receiver), else empty."""
    children: list["Definition"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Matches:
    """All that a query says about one file, in source order."""

    definitions: list[Definition]
    """Outermost ones; the others hang below them."""
    call_starts: list[int]
    call_names: list[str]
    doc_ends: dict[int, int]
    """Start of a docstring -> its end."""
    attributes: dict[int, int]
    """Start of an attribute or annotation -> its end."""
    attribute_starts: dict[int, int]
    """The same the other way round."""


def sort_matches(matches: Sequence[tuple[int, dict[str, list[Node]]]], source: bytes) -> Matches:
    """Tell definitions, calls, docstrings and attributes apart; n log n in the number of matches."""
    calls: list[tuple[int, int]] = []
    doc_ends: dict[int, int] = {}
    attributes: dict[int, int] = {}
    found: dict[int, Definition] = {}
    roles: dict[int, Role] = {}
    for pattern, captures in matches:
        if "call" in captures:
            calls.append(captures["call"][0].byte_range)
        elif "doc" in captures:
            start, end = captures["doc"][0].byte_range
            doc_ends[start] = end
        elif "attached" in captures:
            start, end = captures["attached"][0].byte_range
            attributes[start] = end
        else:
            role = roles.get(pattern) or roles.setdefault(pattern, _role_of(captures))
            _add(found, role, captures, source)
    calls.sort()
    names: dict[bytes, str] = {}
    call_names = [
        names.get(raw := source[start:end]) or names.setdefault(raw, str(raw, "utf-8", "replace"))
        for start, end in calls
    ]
    definitions = _nest(sorted(found.values(), key=_outermost_first), source)
    attribute_starts = {end: start for start, end in attributes.items()}
    call_starts = [start for start, _ in calls]
    return Matches(definitions, call_starts, call_names, doc_ends, attributes, attribute_starts)


def _role_of(captures: dict[str, list[Node]]) -> Role:
    return next(role for role in _ROLES if role in captures)


def _add(found: dict[int, Definition], role: Role, captures: dict[str, list[Node]], source: bytes) -> None:
    node = captures[role][0]
    start, end = node.start_byte, node.end_byte
    head = start
    if "decorated" in captures:
        start = captures["decorated"][0].start_byte
    if "name" in captures:
        name = captures["name"][0]
        name_start, name_end = name.start_byte, name.end_byte
        key = name_start
    else:
        name_start = name_end = start
        key = -1 - start
    body = captures["body"][0].start_byte if "body" in captures else -1
    known = found.get(key)
    if known is not None:
        known.start, known.end = min(known.start, start), max(known.end, end)
        known.head, known.body = min(known.head, head), max(known.body, body)
        return
    container = ""
    if "container" in captures:
        outer = captures["container"]
        container = dotted(str(source[outer[0].start_byte : outer[-1].end_byte], "utf-8", "replace"))
    found[key] = Definition(role, start, end, head, name_start, name_end, body, container)


def _outermost_first(definition: Definition) -> tuple[int, int]:
    return definition.start, -definition.end


def _nest(definitions: list[Definition], source: bytes) -> list[Definition]:
    """Hang every definition below the innermost one around it; packages first get their ends."""
    end = len(source)
    for definition in reversed(definitions):
        if definition.role == "package":
            definition.end, end = end, definition.start
    outermost: list[Definition] = []
    around: list[Definition] = []
    for definition in definitions:
        while around and around[-1].end <= definition.start:
            around.pop()
        (around[-1].children if around else outermost).append(definition)
        around.append(definition)
    for definition in reversed(definitions):
        if definition.children:
            definition.children = _settle(definition.children, source)
    return _settle(outermost, source)


def _settle(definitions: list[Definition], source: bytes) -> list[Definition]:
    """Replace blocks by what is large in them, and leave out namespaces without a definition inside.

    A namespace without one is an object of plain values; a callback of two lines is no unit.
    """
    settled: list[Definition] = []
    for definition in definitions:
        if definition.role == "block":
            settled += [child for child in definition.children if is_large(child, source)]
        elif definition.children or definition.role not in ("namespace", "module", "package"):
            settled.append(definition)
    return settled


def is_large(definition: Definition, source: bytes) -> bool:
    """Whether a definition inside an expression or a function deserves a unit."""
    return source.count(b"\n", definition.start, definition.end) + 1 >= INNER_LINES


_GENERICS = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|\([^()]*\)")
_SEPARATOR = re.compile(r"\s*(?:::|\\|->|\.|/)\s*")
_FILLERS = {"prototype", "exports", "this", "self", ""}


def dotted(text: str) -> str:
    """A qualified name as dotted names, without type arguments: `std::vector<T>::` gives `std.vector`."""
    while (shorter := _GENERICS.sub("", text)) != text:
        text = shorter
    names = (name.strip("*&\"' \t\r\n") for name in _SEPARATOR.split(text))
    return ".".join(name for name in names if name not in _FILLERS)[:200]
