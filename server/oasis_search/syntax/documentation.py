"""Comments: which of them belong to the definition below, and what they say without their markers.

Works on bytes above a definition, so that comments need no captures; a comment belongs to what follows
when no blank line stands between.
"""

import re
from collections.abc import Mapping

from oasis_search.syntax.languages import Language
from oasis_search.syntax.lines import SourceLines

_QUOTES = re.compile(r"[a-zA-Z]{0,2}(\"\"\"|'''|\"|')")
_MARKERS = re.compile(
    r"^[ \t]*(?:/\*+!?|\*+/|///?!?|\*(?!\*)|#+!?|--+|=begin\b|=end\b)?[ \t]?|[ \t]*(?:\*+/)?[ \t\r]*$",
    re.MULTILINE,
)
_XML_TAG = re.compile(
    r"</?(?:summary|remarks|param|returns|exception|value|para|example|typeparam)\b[^>\n]*>"
)
_BLOCK_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_RULE = re.compile(r"^[^\w\n]+$", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n{3,}")


def attached_start(
    lines: SourceLines, language: Language, start: int, floor: int, attribute_starts: Mapping[int, int]
) -> tuple[int, int]:
    """Start of the definition with what is attached above it, and the end of the comments in that.

    Never goes below `floor`. Linear in the length of what is attached.
    """
    source, newlines = lines.source, lines.newlines
    doc_end = start
    opening, closing = language.block_comment or (b"", b"")
    line0 = lines.line0(start)
    at = newlines[line0 - 1] + 1 if line0 else 0
    if source[at:start].strip():
        return start, start
    while line0 > 0:
        above = newlines[line0 - 2] + 1 if line0 > 1 else 0
        if above < floor:
            break
        text = source[above : newlines[line0 - 1]].strip()
        if not text:
            break
        first = -1
        if text.startswith(language.line_comments) and not text.startswith(b"#!"):
            first = source.index(text, above)
        elif closing and text.endswith(closing):
            first = _block_start(source, opening, floor, newlines[line0 - 1])
        elif (
            attribute_starts
            and (outer := attribute_starts.get(source.index(text, above) + len(text))) is not None
        ):
            first, doc_end = outer, outer
        if first < floor:
            break
        start = first
        line0 = lines.line0(first)
        if source[newlines[line0 - 1] + 1 if line0 else 0 : first].strip():
            break
    return start, max(doc_end, start)


def _block_start(source: bytes, opening: bytes, floor: int, end: int) -> int:
    """Start of the block comment that ends at `end` if nothing but white space stands before it, else -1."""
    first = source.rfind(opening, floor, end)
    if first < 0:
        return -1
    line = source.rfind(b"\n", 0, first) + 1
    return first if not source[line:first].strip() else -1


def is_comment(text: bytes, language: Language) -> bool:
    """Whether a text without white space around it is nothing but comments."""
    if language.block_comment is not None:
        opening, closing = language.block_comment
        if text.startswith(opening) and text.find(closing, len(opening)) == len(text) - len(closing):
            return True
    return all(line.strip().startswith(language.line_comments) for line in text.splitlines())


def without_comments(head: str, language: Language) -> str:
    """The head of a definition without the comments in it; lines with quotes keep what looks like one."""
    if language.block_comment is not None and "/*" in head:
        head = _BLOCK_COMMENT.sub(" ", head)
    for marker in language.line_comments:
        sign = marker.decode()
        if sign in head:
            rows = head.splitlines()
            head = "\n".join(row if '"' in row or "'" in row else row.partition(sign)[0] for row in rows)
    return head


def comment_text(comment: str) -> str:
    """What a comment says: no markers, no frames, no blank lines around it."""
    if not comment:
        return ""
    if "///" in comment:
        comment = _XML_TAG.sub("", comment)
    return _tidy(_MARKERS.sub("", comment))


def docstring_text(literal: str) -> str:
    """What a string literal says, without quotes and common indentation."""
    match = _QUOTES.match(literal)
    if match is not None:
        literal = literal[match.end() :].removesuffix(match[1])
    return _tidy("\n".join(line.strip() for line in literal.splitlines()))


def _tidy(text: str) -> str:
    return _BLANK_LINES.sub("\n\n", _RULE.sub("", text)).strip()
