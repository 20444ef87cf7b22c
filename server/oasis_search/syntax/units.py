"""What is indexed: a unit of code or text, as a plain value.

A unit is the smallest piece that a search returns: a function, a method, the head of a class, a run of
module-level statements, or a window of plain text. Values only; cutting lives in `cut.py`.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["function", "method", "class", "module", "text"]
KINDS: tuple[Kind, ...] = ("function", "method", "class", "module", "text")
"""Stable order: the position of a kind is its code in the index, so append only."""


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open byte range of a UTF-8 text with the 0-based lines of its first and last byte."""

    start_byte: int
    end_byte: int
    start_line0: int
    end_line0: int


@dataclass(frozen=True, slots=True)
class CodeUnit:
    """One piece of a file, ready to be indexed."""

    kind: Kind
    language: str
    """Name in the language table."""
    name: str
    """As written in the source, without its container; empty for module-level code and text windows."""
    container: str
    """Dotted names of what encloses it (`Session.Options`), empty at the top of a file."""
    signature: str
    """Head of the definition on one line, at most 200 characters; empty when there is none."""
    doc: str
    """Documentation comment or docstring without its markers; empty when there is none."""
    calls: tuple[str, ...]
    """Names that it calls, in order of first appearance, without receivers, without repeats."""
    span: Span
    """What is shown and what is hashed: doc comment, decorators and body."""
    name_span: Span
    """The name alone; for units without one, the first line that has text."""
    part: int = 0
    """0 for a whole unit, else 1.. for the pieces of a long one (which overlap)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something expected that went wrong with one file; never raised."""

    path: str
    """Relative to the workspace folder, POSIX separators; empty when the caller adds it."""
    reason: str
    """A short stable word for counting: binary, too-large, minified, not-utf8, vanished, unreadable, ..."""
    detail: str
    """One sentence for a person."""


def qualified_name(name: str, container: str) -> str:
    """Both joined as programs join them, `Session.Options.read`; what is empty is left out."""
    return ".".join(part for part in (container, name) if part)
