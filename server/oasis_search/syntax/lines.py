"""A source text with its line ends: offsets to lines, spans, and text without decoding the whole."""

import re
from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate, count
from operator import add

from oasis_search.syntax.units import Span

WORD = re.compile(rb"[\w\x80-\xff]")
"""A byte that carries meaning: ASCII letters, digits, `_`, and every byte of a non-ASCII character."""

_SPACE = b" \t\r\n\f\v\0"


@dataclass(frozen=True, slots=True)
class SourceLines:
    """Bytes of a file and where its lines end."""

    source: bytes
    newlines: list[int]
    """Offsets of all line feeds, ascending."""

    def text(self, start_byte: int, end_byte: int) -> str:
        """Decoded slice; invalid UTF-8 becomes U+FFFD."""
        return str(self.source[start_byte:end_byte], "utf-8", "replace")

    def line0(self, byte: int) -> int:
        """0-based line of `byte`; a line feed belongs to the line it ends."""
        return bisect_left(self.newlines, byte)

    def line_start(self, byte: int) -> int:
        """Offset of the first byte of the line of `byte`."""
        line0 = bisect_left(self.newlines, byte)
        return self.newlines[line0 - 1] + 1 if line0 else 0

    def line_end(self, byte: int) -> int:
        """Offset just behind the last byte of the line of `byte`, without its line feed."""
        line0 = bisect_left(self.newlines, byte)
        return self.newlines[line0] if line0 < len(self.newlines) else len(self.source)

    def span(self, start_byte: int, end_byte: int) -> Span:
        """Span of a range; an empty one lies on the line of its start."""
        newlines = self.newlines
        line0 = bisect_left(newlines, start_byte)
        last = end_byte - 1 if end_byte > start_byte else start_byte
        return Span(start_byte, end_byte, line0, bisect_left(newlines, last, line0))

    def trim(self, start_byte: int, end_byte: int) -> tuple[int, int]:
        """The range without white space at its ends; empty ranges come back empty."""
        piece = self.source[start_byte:end_byte]
        stripped = piece.lstrip(_SPACE)
        start_byte = end_byte - len(stripped)
        return start_byte, start_byte + len(stripped.rstrip(_SPACE))

    def has_words(self, start_byte: int, end_byte: int) -> bool:
        """Whether the range holds anything but white space and punctuation."""
        return WORD.search(self.source, start_byte, end_byte) is not None

    def first_text_line(self, start_byte: int, end_byte: int) -> Span:
        """The first line of the range that has words, without white space around it."""
        match = WORD.search(self.source, start_byte, end_byte)
        at = match.start() if match else start_byte
        first = max(start_byte, self.line_start(at))
        return self.span(*self.trim(first, min(end_byte, self.line_end(at))))


def read_lines(source: bytes) -> SourceLines:
    """Index the line ends of `source`."""
    lengths = map(len, source.split(b"\n"))
    ends = list(map(add, accumulate(lengths), count()))
    ends.pop()
    return SourceLines(source, ends)
