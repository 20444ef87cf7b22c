"""Lists the files of a workspace folder that its rules keep, in an order that never changes.

A folder's own files come first, by name, then its subfolders. Whatever goes wrong below the root is a
`Problem` in the stream. Links to folders are not followed: inside the root they lead to what is walked anyway
(which also makes loops harmless), and one that leads out is reported. Links to files are followed when the
target lies inside the root and is not listed itself. Deliberately opens no file: what one holds is the
business of `files.py`.
"""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from errno import ELOOP
from operator import attrgetter
from pathlib import Path

from oasis_search.errors import WorkspaceError
from oasis_search.syntax.units import Problem
from oasis_search.workspace.ignore import Fate, IgnoreRules, Scope

_by_name = attrgetter("name")
_CANCEL_EVERY = 256
"""Entries of one folder between two looks at `cancelled`."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file that counts, as it was when it was listed."""

    path: str
    """Relative to the workspace folder, POSIX separators."""
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


def walk(root: Path, rules: IgnoreRules, *, cancelled: Callable[[], bool]) -> Iterator[FoundFile | Problem]:
    """All files below `root` that `rules` keep; ends early, without a word, once `cancelled` returns True.

    Raises WorkspaceError at once when `root` is missing, is no folder or cannot be listed; nothing later on.
    """
    top = os.path.realpath(root)
    try:
        os.scandir(top).close()
    except FileNotFoundError:
        raise WorkspaceError(f"The folder {root} does not exist; open a folder that does.") from None
    except NotADirectoryError:
        raise WorkspaceError(f"{root} is not a folder; open the folder that holds it.") from None
    except OSError as error:
        why = error.strerror or str(error)
        raise WorkspaceError(f"The folder {root} cannot be listed ({why}); check its permissions.") from error
    return _walk(top, rules, cancelled)


def _walk(top: str, rules: IgnoreRules, cancelled: Callable[[], bool]) -> Iterator[FoundFile | Problem]:
    followed: set[str] = set()
    folders: list[tuple[str, Fate, Scope]] = [("", Fate.KEPT, rules.base)]
    while folders:
        if cancelled():
            return
        folder, fate, parent = folders.pop()
        try:
            with os.scandir(os.path.join(top, folder) if folder else top) as listing:
                entries = sorted(listing, key=_by_name)
        except OSError as error:
            yield _problem(folder, error)
            continue
        scope = rules.enter(parent, folder, [entry.name for entry in entries], fate)
        if scope is None:
            continue
        prefix = folder + "/" if folder else ""
        subfolders: list[tuple[str, Fate, Scope]] = []
        for number, entry in enumerate(entries):
            if number % _CANCEL_EVERY == _CANCEL_EVERY - 1 and cancelled():
                return
            name = entry.name
            path = prefix + name
            try:
                is_dir = entry.is_dir(follow_symlinks=False)
                fate = rules.decide(scope, path, name, is_dir)
                if fate is Fate.SKIPPED:
                    continue
                if not name.isascii() and not _is_utf8(name):
                    yield _undecodable(path)
                elif is_dir:
                    subfolders.append((path, fate, scope))
                elif entry.is_symlink():
                    found = _follow(top, path, rules, followed)
                    if found is not None:
                        yield found
                else:
                    yield _found(path, entry.stat(follow_symlinks=False))
            except OSError as error:
                yield _problem(path, error)
        folders.extend(reversed(subfolders))


def _found(path: str, status: os.stat_result) -> FoundFile | Problem:
    if not stat.S_ISREG(status.st_mode):
        return Problem(path, "not-a-file", f"{path} is a pipe, socket or device, not a file.")
    return FoundFile(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _follow(top: str, path: str, rules: IgnoreRules, followed: set[str]) -> FoundFile | Problem | None:
    """What a symbolic link leads to; None when it stands for something that is listed under its own name."""
    link = os.path.join(top, path)
    try:
        status = os.stat(link)
    except FileNotFoundError:
        return Problem(path, "broken-link", f"{path} is a link to something that does not exist.")
    target = os.path.realpath(link)
    inner = os.path.relpath(target, top).replace(os.sep, "/") if _is_below(target, top) else None
    if inner is None:
        return Problem(path, "outside", f"{path} is a link to {target}, outside the workspace folder.")
    if stat.S_ISDIR(status.st_mode) or target in followed or not rules.is_ignored(inner):
        return None
    followed.add(target)
    return _found(path, status)


def _is_below(path: str, top: str) -> bool:
    return path == top or path.startswith(top if top.endswith(os.sep) else top + os.sep)


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _undecodable(path: str) -> Problem:
    shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return Problem(shown, "name-not-utf8", f"The name of {shown} is not UTF-8, so editors cannot open it.")


def _problem(path: str, error: OSError) -> Problem:
    if error.errno == ELOOP:
        return Problem(path, "symlink-loop", f"{path} is a link that leads back to itself.")
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return Problem(path, "vanished", f"{path} was removed while the workspace was being listed.")
    why = error.strerror or str(error)
    return Problem(path, "unreadable", f"{path or 'The workspace folder'} cannot be read: {why}.")
