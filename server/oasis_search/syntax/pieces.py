"""A region of a file as a row of pieces: definitions with what belongs to them, and what lies between.

What belongs to a definition: the comments and attributes attached above it, a comment on its last line, and
neighbouring scraps too small to be a result of their own.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from oasis_search.syntax.definitions import Definition
from oasis_search.syntax.documentation import attached_start, is_comment
from oasis_search.syntax.languages import Language
from oasis_search.syntax.lines import SourceLines

_SCRAP_BYTES = 32
"""Up to so many bytes between definitions (`private:`, `end end`, `namespace a {`) are a scrap: no one
searches them. Without white space, of which there may be some more."""

_QUIET_BYTES = 240
"""Up to so many bytes of comments alone (a title, a licence line) or of `#if` and its kin join one too."""

_DIRECTIVES = re.compile(
    rb"(?:\s*#[ \t]*(?:if|ifdef|ifndef|else|elif|endif|undef|pragma|region|endregion|nullable)\b[^\n]*)+"
)

_TRAILING = re.compile(rb"[ \t]*[;,]?(?:[ \t]*(?://|#|/\*)[^\n]*)?")


@dataclass(slots=True)
class Piece:
    """A stretch of a region: a definition with all that belongs to it, or what lies between two of them."""

    start: int
    end: int
    definition: Definition | None = None
    doc_start: int = 0
    """Comments attached above the definition; empty range without any."""
    doc_end: int = 0


def divide_region(
    lines: SourceLines,
    language: Language,
    attribute_starts: Mapping[int, int],
    definitions: Sequence[Definition],
    region: tuple[int, int],
    *,
    head_words: int,
) -> list[Piece]:
    """The pieces of a region in order, without those that have no words; linear in its length.

    What stands before the first definition (the head of a class, the imports of a file) stays apart when it
    has `head_words` words, be it a scrap or not.
    """
    cursor, end = region
    pieces: list[Piece] = []
    for position, definition in enumerate(definitions):
        following = definitions[position + 1].start if position + 1 < len(definitions) else end
        first, doc_end = attached_start(lines, language, definition.start, cursor, attribute_starts)
        start = first
        last = max(definition.end, cursor)
        if (trailing := _TRAILING.match(lines.source, last, following)) is not None:
            last = trailing.end()
        if lines.has_words(cursor, first):
            gap = lines.trim(cursor, first)
            text = lines.source[slice(*gap)]
            is_head = not pieces and head_words <= len(text.split(None, head_words))
            if _is_quiet(text, language) or (not is_head and _is_scrap(text)):
                start = gap[0]
            else:
                pieces.append(Piece(*gap))
        pieces.append(Piece(start, last, definition, first, doc_end))
        cursor = last
    if lines.has_words(cursor, end):
        gap = lines.trim(cursor, end)
        text = lines.source[slice(*gap)]
        if pieces and (_is_scrap(text) or _is_quiet(text, language)):
            pieces[-1].end = gap[1]
        else:
            pieces.append(Piece(*gap))
    return pieces


def _is_scrap(text: bytes) -> bool:
    return len(text) <= _QUIET_BYTES and len(b"".join(text.split())) <= _SCRAP_BYTES


def _is_quiet(text: bytes, language: Language) -> bool:
    return len(text) <= _QUIET_BYTES and (
        is_comment(text, language) or _DIRECTIVES.fullmatch(text) is not None
    )
