"""Texts that are open in the editor, kept up to date by incremental edits.

Not pygls' own documents: those break lines also at form feeds and other separators that the protocol does not
count (CPython's own sources have form feeds), which shifts every later edit, and they walk over all lines in
Python at each keystroke. Here an edit costs the lines it touches and one join.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from oasis_search.lsp.convert import index_of_column
from oasis_search.lsp.protocol import Encoding, Position, Range

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


@dataclass(slots=True)
class Document:
    """One open text."""

    uri: str
    """As the client wrote it."""
    path: Path
    text: str
    lines: list[str]
    """With their ends; without a last empty one."""


class Documents:
    """All open texts. Changed on the protocol loop; read from any thread."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._by_path: Mapping[Path, Document] = {}

    def get(self, path: Path) -> Document | None:
        """The open text of a file, if it is open."""
        return self._by_path.get(path)

    def below(self, root: Path) -> list[Document]:
        """The open texts in a folder."""
        return [document for path, document in self._by_path.items() if path.is_relative_to(root)]

    def open(self, uri: str, path: Path, text: str) -> Document:
        """Takes in a text that was opened."""
        document = Document(uri, path, text, _LINE.findall(text))
        self._by_path = {**self._by_path, path: document}
        return document

    def close(self, path: Path) -> None:
        """Forgets a text."""
        self._by_path = {known: document for known, document in self._by_path.items() if known != path}

    def replace(self, document: Document, text: str) -> None:
        """Gives the document a whole new text."""
        document.lines = _LINE.findall(text)
        document.text = text

    def edit(self, document: Document, span: Range, text: str) -> None:
        """Replaces one range of the document by `text`."""
        lines = document.lines
        start_line, start = self._place(lines, span["start"])
        end_line, end = self._place(lines, span["end"])
        if (end_line, end) < (start_line, start):
            start_line, start, end_line, end = end_line, end, start_line, start
        # One neighbour on each side: an edit may split or join a line end of two characters.
        first, last = max(start_line - 1, 0), min(end_line + 2, len(lines))
        before = "".join(lines[first:start_line]) + "".join(lines[start_line : start_line + 1])[:start]
        after = "".join(lines[end_line : end_line + 1])[end:] + "".join(lines[end_line + 1 : last])
        lines[first:last] = _LINE.findall(before + text + after)
        document.text = "".join(lines)

    def _place(self, lines: list[str], position: Position) -> tuple[int, int]:
        line0 = position["line"]
        if line0 >= len(lines):
            return len(lines), 0
        content = lines[line0].rstrip("\r\n")
        return line0, index_of_column(content, position["character"], self._encoding)
