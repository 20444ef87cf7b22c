"""A hit is never stale: its text is compared with the disk or the open buffer before it is returned."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from oasis_search.index.record import unit_key
from oasis_search.search.query import Hit
from oasis_search.syntax.units import Problem
from oasis_search.workspace.files import source_of_bytes
from oasis_search.workspace.status import FoundHit
from oasis_search.workspace.unsaved import UnsavedTexts

PREVIEW_CHARS = 2000
MAX_BYTES = 64 * 1024 * 1024
"""A file that has grown beyond this is not what was indexed."""

_NONBLOCK = getattr(os, "O_NONBLOCK", 0)


class Verifier:
    """Checks the hits of one answer; reads each file once."""

    def __init__(self, root: Path, unsaved: UnsavedTexts) -> None:
        self._root = root
        self._unsaved = unsaved
        self._raw: dict[str, bytes | None] = {}

    def check(self, hit: Hit) -> FoundHit | None:
        """The hit with its present text, or None when that is not what was indexed."""
        for text in self._texts(hit.path):
            body = text[hit.span.start_byte : hit.span.end_byte]
            if unit_key(body, hit.name, hit.container) == hit.key:
                return self._found(hit, text, body)
        return None

    def _found(self, hit: Hit, text: bytes, body: bytes) -> FoundHit:
        name_start = hit.name_span.start_byte
        line_start = text.rfind(b"\n", 0, name_start) + 1
        line_end = text.find(b"\n", name_start)
        line = text[line_start : line_end if line_end >= 0 else len(text)]
        return FoundHit(
            root=self._root,
            hit=hit,
            preview=body[: 4 * PREVIEW_CHARS].decode("utf-8", "replace")[:PREVIEW_CHARS],
            text_utf8=text,
            start_line_text=line.decode("utf-8", "replace"),
        )

    def _texts(self, path: str) -> Iterator[bytes]:
        """What a path holds now, in the forms in which it may have been indexed.

        Nearly every file is plain UTF-8, so its bytes come first; only when those do not fit is it worth to
        decode it as indexing does (UTF-16, a byte order mark, Latin-1).
        """
        full = self._root / path
        unsaved = self._unsaved.text_of(str(full))
        if unsaved is not None:
            yield unsaved
            return
        if path not in self._raw:
            self._raw[path] = _read(full)
        raw = self._raw[path]
        if raw is None:
            return
        yield raw
        source = source_of_bytes(path, raw)
        if not isinstance(source, Problem) and source.text_utf8 != raw:
            yield source.text_utf8


def _read(path: Path) -> bytes | None:
    """Bytes of a regular file of reasonable size; never waits, not even for a pipe in its place."""
    try:
        with open(os.open(path, os.O_RDONLY | _NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            is_readable = stat.S_ISREG(status.st_mode) and status.st_size <= MAX_BYTES
            return file.read() if is_readable else None
    except (OSError, ValueError):
        return None
