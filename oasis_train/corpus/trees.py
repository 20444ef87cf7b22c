"""The files of one repository: listed cheaply, read one by one. A plain folder here, a commit in `git.py`.

Symbolic links are never followed and never listed, so nothing outside of a repository is read.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from oasis_train.errors import CorpusError

_VERSION_CONTROL = frozenset((".git", ".hg", ".svn", ".bzr", "CVS"))


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a repository."""

    path: str
    """Inside the repository, POSIX separators; names that are not UTF-8 are shown with U+FFFD."""
    n_bytes: int
    """-1 when it is listed but absent (a partial clone)."""
    handle: str
    """How its tree finds it again."""


class Tree(Protocol):
    """The files of one repository at one moment."""

    def entries(self) -> list[Entry]:
        """All regular files, sorted by path; raises CorpusError when the repository cannot be read."""

    def read(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, bytes | None]]:
        """Contents one by one, in the order asked; None for what cannot be read (any more)."""


class FolderTree:
    """A plain folder, or one file."""

    def __init__(self, root: Path) -> None:
        """`root`: the repository's folder, or its only file."""
        self._root = root

    def entries(self) -> list[Entry]:
        """Files below the folder, those of version control left aside."""
        found: list[Entry] = []
        try:
            if self._root.is_file():
                return [Entry(readable(self._root.name), self._root.stat().st_size, "")]
            self._scan("", found)
        except OSError as error:
            raise CorpusError(f"{self._root} cannot be read ({error}). Check its permissions.") from error
        return sorted(found, key=lambda entry: entry.path)

    def read(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, bytes | None]]:
        """Contents from disk."""
        for entry in entries:
            try:
                yield entry, (self._root / entry.handle).read_bytes()
            except OSError:
                yield entry, None

    def _scan(self, folder: str, found: list[Entry]) -> None:
        with os.scandir(self._root / folder) as items:
            for item in items:
                path = f"{folder}{item.name}"
                if item.is_dir(follow_symlinks=False):
                    if item.name not in _VERSION_CONTROL:
                        self._scan(f"{path}/", found)
                elif item.is_file(follow_symlinks=False):
                    found.append(Entry(readable(path), item.stat(follow_symlinks=False).st_size, path))


def readable(path: str) -> str:
    """A file name as text that can be written: bytes that are not UTF-8 become U+FFFD."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
