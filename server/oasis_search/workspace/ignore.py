"""Which files of a workspace count: git's ignore rules, our own on top, and what the settings force.

The first of these that says anything about a path decides:

1. `.git`, `.hg`, `.svn`, `.jj`: never entered.
2. Globs of the settings to include: win over every rule below and reach into ignored folders.
3. Globs of the settings to exclude.
4. `.oasisignore` files, the nearest folder first; `!pattern` takes back any rule below.
5. `DEFAULT_EXCLUDES`, and folders that hold a `pyvenv.cfg`.
6. Git: `.gitignore` files from the nearest folder up to the repository's, `info/exclude`, the user's
   excludes file. A folder that is no repository honours its `.gitignore` files too.

All are written in the syntax of gitignore, and below an ignored folder nothing is taken back except by 2.
Rules speak about what lies below the workspace folder, never about the folder itself. A submodule or nested
repository has only its own git rules. Deliberately does not read git's index: a tracked file that a pattern
matches is ignored here, as in other search tools.
"""

import enum
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oasis_search.workspace.githead import (
    GitSettings,
    Repository,
    find_repository,
    open_repository,
    read_settings,
)
from oasis_search.workspace.patterns import PatternList, any_of, parse_patterns, without_trailing_spaces

VERSION_CONTROL: Final = frozenset({".git", ".hg", ".svn", ".jj"})
_TOOL_FOLDERS = """
node_modules __pycache__ .venv .tox .nox .mypy_cache .ruff_cache .pytest_cache .hypothesis .idea .vs
"""
DEFAULT_EXCLUDES: Final = frozenset(_TOOL_FOLDERS.split())
"""Folders of tools: installed packages and caches. Build outputs are left to the ignore files."""
VENV_MARKER: Final = "pyvenv.cfg"
GITIGNORE: Final = ".gitignore"
OASISIGNORE: Final = ".oasisignore"
_MARKERS: Final = frozenset({GITIGNORE, OASISIGNORE, VENV_MARKER, ".git"})
_RULE_FILE_LIMIT: Final = 100 * 1024 * 1024
"""Git's own limit for a file of patterns."""


class Fate(enum.IntEnum):
    """What becomes of one entry of a folder."""

    SKIPPED = 0
    REACHED = 1
    """An ignored folder in which a forced glob may still find something."""
    KEPT = 2
    FORCED = 3
    """Included by the settings, with all that lies below."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The rules in force inside one folder; most folders share the value of their parent."""

    fate: Fate
    own: tuple[PatternList, ...] = ()
    """From .oasisignore files, the nearest first."""
    git: tuple[PatternList, ...] = ()
    """From git, the one that decides first is first."""
    ignore_case: bool = False


_FORCED = Scope(Fate.FORCED)
_REACHED = Scope(Fate.REACHED)


class IgnoreRules:
    """Decides about paths below one workspace folder; made by `load_rules`, holds until `changes_rules`."""

    __slots__ = ("_base", "_exclude", "_include", "_reach", "_root", "_scopes")

    def __init__(self, root: str, base: Scope, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._root = root
        self._base = base
        self._include = _settings_list(include, base.ignore_case)
        self._exclude = _settings_list(exclude, base.ignore_case)
        self._reach = _reach_of(include, base.ignore_case)
        self._scopes: dict[str, Scope | None] = {}

    @property
    def base(self) -> Scope:
        """The rules that come from outside the workspace folder; `enter` it with an empty path."""
        return self._base

    def is_ignored(self, path: str, *, is_dir: bool = False) -> bool:
        """Whether a walk would leave out `path` (relative, POSIX), which need not exist; reads rules once."""
        folder, _, name = path.rpartition("/")
        scope = self._scope_of(folder)
        return scope is None or self.decide(scope, path, name, is_dir) < Fate.KEPT

    def decide(self, scope: Scope, path: str, name: str, is_dir: bool) -> Fate:
        """The fate of the entry `name` at `path` (relative to the workspace) in the folder of `scope`."""
        if name in VERSION_CONTROL:
            return Fate.SKIPPED
        if scope.fate is Fate.FORCED:
            return Fate.FORCED
        if self._include is not None:
            path_bytes, name_bytes = _encoded(path), _encoded(name)
            if self._include.verdict(path_bytes, name_bytes, is_dir):
                return Fate.FORCED
        if scope.fate is Fate.KEPT and not self._is_ruled_out(scope, path, name, is_dir):
            return Fate.KEPT
        return Fate.REACHED if is_dir and self._is_reached(path) else Fate.SKIPPED

    def enter(self, parent: Scope, path: str, names: Iterable[str], fate: Fate) -> Scope | None:
        """Rules inside the folder `path` that holds `names`; None when nothing in it can count."""
        if fate is Fate.FORCED:
            return _FORCED
        if fate is Fate.REACHED:
            return _REACHED
        markers = _MARKERS.intersection(names)
        if not markers:
            return parent
        if VENV_MARKER in markers and path and self._own_verdict(parent, path) is not False:
            return _REACHED if self._is_reached(path) else None
        folder = os.path.join(self._root, path) if path else self._root
        own, git, ignore_case = parent.own, parent.git, parent.ignore_case
        strip = len(_encoded(path)) + 1 if path else 0
        if ".git" in markers and path:
            repository = open_repository(folder)
            if repository is not None:
                settings = read_settings(repository)
                git, ignore_case = _shared_lists(repository, settings, strip=strip), settings.ignore_case
        if GITIGNORE in markers and VENV_MARKER not in markers:  # a venv opened on purpose ignores itself
            git = (*_load_list(os.path.join(folder, GITIGNORE), ignore_case, strip=strip, follow=False), *git)
        if OASISIGNORE in markers:
            own = (*_load_list(os.path.join(folder, OASISIGNORE), ignore_case, strip=strip), *own)
        return Scope(Fate.KEPT, own, git, ignore_case)

    def scope_above(self, folder: str) -> Scope | None:
        """Rules of the folder that holds `folder`; None when they ignore it."""
        if self.is_ignored(folder, is_dir=True):
            return None
        return self._scope_of(folder.rpartition("/")[0])

    def _is_ruled_out(self, scope: Scope, path: str, name: str, is_dir: bool) -> bool:
        has_default = name in DEFAULT_EXCLUDES  # folders, and links that stand for them
        if not scope.own and self._exclude is None:
            if has_default or not scope.git:
                return has_default
            verdict = None
        else:
            verdict = self._own_verdict(scope, path, name, is_dir)
        if verdict is not None:
            return verdict
        return has_default or bool(_first_verdict(scope.git, _encoded(path), _encoded(name), is_dir))

    def _own_verdict(self, scope: Scope, path: str, name: str = "", is_dir: bool = True) -> bool | None:
        lists = scope.own if self._exclude is None else (self._exclude, *scope.own)
        return _first_verdict(lists, _encoded(path), _encoded(name or path.rpartition("/")[2]), is_dir)

    def _is_reached(self, path: str) -> bool:
        return self._reach is not None and self._reach(_encoded(path)) is not None

    def _scope_of(self, folder: str) -> Scope | None:
        missing: list[str] = []
        while folder not in self._scopes and folder:
            missing.append(folder)
            folder = folder.rpartition("/")[0]
        if folder not in self._scopes:
            self._scopes[folder] = self.enter(self._base, folder, self._markers_in(folder), Fate.KEPT)
        scope = self._scopes[folder]
        for inner in reversed(missing):
            name = inner.rpartition("/")[2]
            if scope is not None:
                fate = self.decide(scope, inner, name, True)
                is_skipped = fate is Fate.SKIPPED
                scope = None if is_skipped else self.enter(scope, inner, self._markers_in(inner), fate)
            self._scopes[inner] = scope
        return scope

    def _markers_in(self, folder: str) -> list[str]:
        place = os.path.join(self._root, folder)
        return [marker for marker in _MARKERS if os.path.lexists(os.path.join(place, marker))]


def load_rules(root: Path, *, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> IgnoreRules:
    """Rules for the workspace folder `root`; `include` and `exclude` are the globs of the settings.

    A workspace inside a repository follows the rules of the folders above it, unless they ignore the
    workspace itself (a package opened in an ignored venv): then only the user's own excludes file counts.
    """
    top = os.path.realpath(root)
    repository = find_repository(Path(top))
    settings = read_settings(repository)
    user_lists = tuple(_load_list(settings.excludes_file, settings.ignore_case))
    scope = Scope(Fate.KEPT, (), user_lists, settings.ignore_case)
    if repository is not None:
        scope = Scope(Fate.KEPT, (), _shared_lists(repository, settings), settings.ignore_case)
        inner = os.path.relpath(top, repository.worktree).replace(os.sep, "/")
        if inner != ".":
            above = IgnoreRules(repository.worktree, scope, (), ()).scope_above(inner)
            prefix = _encoded(inner) + b"/"
            own, git = ((), user_lists) if above is None else (above.own, above.git)
            own, git = (tuple(each.seen_from(prefix) for each in lists) for lists in (own, git))
            scope = Scope(Fate.KEPT, own, git, settings.ignore_case)
    return IgnoreRules(top, scope, include, exclude)


def changes_rules(path: str) -> bool:
    """Whether rules must be loaded anew after the file at `path` (any form, POSIX) changed."""
    name = path.rpartition("/")[2]
    return name in {GITIGNORE, OASISIGNORE, VENV_MARKER} or path.endswith(".git/info/exclude")


def _first_verdict(lists: Iterable[PatternList], path: bytes, name: bytes, is_dir: bool) -> bool | None:
    for each in lists:
        verdict = each.verdict(path, name, is_dir)
        if verdict is not None:
            return verdict
    return None


def _shared_lists(
    repository: Repository, settings: GitSettings, *, strip: int = 0
) -> tuple[PatternList, ...]:
    """What a repository has besides its .gitignore files."""
    exclude = os.path.join(repository.common_dir, "info", "exclude")
    files = (exclude, settings.excludes_file)
    return tuple(each for file in files for each in _load_list(file, settings.ignore_case, strip=strip))


def _load_list(path: str, ignore_case: bool, *, strip: int = 0, follow: bool = True) -> list[PatternList]:
    """The list in a file; none when it is absent, unreadable, no file, or has no pattern.

    Git does not follow a .gitignore that is a symbolic link (`follow`), so that a link cannot make rules of
    a file elsewhere.
    """
    try:
        status = os.stat(path, follow_symlinks=follow)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _RULE_FILE_LIMIT:
            return []
        with open(path, "rb") as file:
            text = file.read()
    except (OSError, ValueError):
        return []
    patterns = parse_patterns(text, ignore_case=ignore_case)
    return [PatternList(patterns, strip=strip)] if patterns else []


def _settings_list(globs: Sequence[str], ignore_case: bool) -> PatternList | None:
    patterns = parse_patterns(b"\n".join(_encoded(each) for each in globs), ignore_case=ignore_case)
    return PatternList(patterns) if patterns else None


def _reach_of(globs: Sequence[str], ignore_case: bool) -> Callable[[bytes], object] | None:
    """Test for folders below which one of the globs may match something."""
    folders: list[bytes] = []
    for glob in map(_encoded, globs):
        parts = without_trailing_spaces(glob).removesuffix(b"/").split(b"/")
        if glob.startswith((b"!", b"#")):
            continue
        if len(parts) == 1:
            folders.append(b"/**")
        parts = parts if parts[0] else parts[1:]
        for n in range(1, len(parts)):
            folders.append(b"/" + b"/".join(parts[:n]))
            if b"**" in parts[n - 1]:
                break
    return any_of(parse_patterns(b"\n".join(folders), ignore_case=ignore_case))


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a character, from a client's JSON: names no file
        return text.encode("utf-8", "surrogatepass")
