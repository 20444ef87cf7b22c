"""What the process is working on, written down so that it survives any death; its successor reads it.

A process that is killed or crashes leaves the digests of the texts of its last slice. They are suspects: the
next process encodes each of them alone. One that ends `MAX_DEATHS` processes alone is refused from then on;
one that passes is cleared. The file goes away with an orderly end, so no text is refused for ever.
Texts themselves are never written.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from oasis_search.service.address import write_private

MAX_DEATHS = 5
"""Processes that ended while a text was encoded alone. Not fewer: a process may also be killed from outside.
With 3, two innocent texts were refused in 100 kills, one a second, of an encoder that took 30 ms a text."""

_DIGEST_BYTES = 16
_COUNT_BYTES = 4


class WorkNotes:
    """Notes of one process; used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Reads what a predecessor left at `path`, and counts it."""
        self._path = path
        self._suspects_path = path.with_name(f"{path.name}.suspects")
        self._suspects = _read_suspects(self._suspects_path)
        left = _read_left(path)
        for digest in left:
            self._suspects[digest] = self._suspects.get(digest, 0) + (len(left) == 1)
        if left:
            self._save()
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(path, flags, 0o600)
        self._write(b"", 0)

    def is_suspect(self, text: str) -> bool:
        """Whether the text must be encoded alone."""
        return bool(self._suspects) and _digest(text).hex() in self._suspects

    def is_refused(self, text: str) -> bool:
        """Whether the text must not be encoded at all."""
        return bool(self._suspects) and self._suspects.get(_digest(text).hex(), 0) >= MAX_DEATHS

    def begin(self, texts: Sequence[str]) -> None:
        """From here on, an end of the process is blamed on these texts."""
        self._write(b"".join(map(_digest, texts)), len(texts))

    def end(self, texts: Sequence[str]) -> None:
        """The process outlived these texts."""
        self._write(b"", 0)
        if self._suspects and len(texts) == 1:
            deaths = self._suspects.pop(_digest(texts[0]).hex(), 0)
            if deaths or not self._suspects:  # Else the next process just tries it alone once more.
                self._save()

    def remove(self) -> None:
        """An orderly end: there is nothing to tell."""
        for path in (self._path, self._suspects_path):
            with contextlib.suppress(OSError):
                path.unlink()

    def _write(self, digests: bytes, count: int) -> None:
        with contextlib.suppress(OSError):  # A full disk costs the search for a culprit, nothing else.
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            os.write(self._descriptor, count.to_bytes(_COUNT_BYTES, "little") + digests)

    def _save(self) -> None:
        with contextlib.suppress(OSError):
            write_private(self._suspects_path, json.dumps(self._suspects))


def _digest(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()


def _read_left(path: Path) -> list[str]:
    try:
        data = path.read_bytes()
    except OSError:
        return []
    digests = data[_COUNT_BYTES:]
    count = min(int.from_bytes(data[:_COUNT_BYTES], "little"), len(digests) // _DIGEST_BYTES)
    return [digests[at * _DIGEST_BYTES : (at + 1) * _DIGEST_BYTES].hex() for at in range(count)]


def _read_suspects(path: Path) -> dict[str, int]:
    try:
        return {str(digest): int(deaths) for digest, deaths in json.loads(path.read_bytes()).items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
