"""A hit is never stale: its text is compared with the disk or the open buffer before it is returned."""

from pathlib import Path

from oasis_search.index.record import unit_key
from oasis_search.search.query import Hit
from oasis_search.syntax.units import Problem
from oasis_search.workspace.files import read_source
from oasis_search.workspace.status import FoundHit
from oasis_search.workspace.unsaved import UnsavedTexts

PREVIEW_CHARS = 2000
_MAX_BYTES = 64 * 1024 * 1024


class Verifier:
    """Checks the hits of one answer; reads each file once."""

    def __init__(self, root: Path, unsaved: UnsavedTexts) -> None:
        self._root = root
        self._unsaved = unsaved
        self._texts: dict[str, bytes | None] = {}

    def check(self, hit: Hit) -> FoundHit | None:
        """The hit with its present text, or None when that is not what was indexed."""
        text = self._text(hit.path)
        if text is None:
            return None
        body = text[hit.span.start_byte : hit.span.end_byte]
        if unit_key(body, hit.name, hit.container) != hit.key:
            return None
        name_start = hit.name_span.start_byte
        line_start = text.rfind(b"\n", 0, name_start) + 1
        line_end = text.find(b"\n", name_start)
        line = text[line_start : line_end if line_end >= 0 else len(text)]
        return FoundHit(
            root=self._root,
            hit=hit,
            preview=body[: 4 * PREVIEW_CHARS].decode("utf-8", "replace")[:PREVIEW_CHARS],
            start_line_text=line.decode("utf-8", "replace"),
        )

    def _text(self, path: str) -> bytes | None:
        if path not in self._texts:
            full = self._root / path
            text = self._unsaved.text_of(str(full))
            if text is None:
                source = read_source(full, max_bytes=_MAX_BYTES)
                text = None if isinstance(source, Problem) else source.text_utf8
            self._texts[path] = text
        return self._texts[path]
