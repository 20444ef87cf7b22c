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

Patterns are translated here rather than by the `pathspec` package, which differs from git in character
classes, bytes, trailing blanks and case, and raises for some patterns (measured with pathspec 1.1).
"""

import enum
import os
import re
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
    own: tuple["PatternList", ...] = ()
    """From .oasisignore files, the nearest first."""
    git: tuple["PatternList", ...] = ()
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


class PatternList:
    """The patterns of one file, matched against paths relative to the workspace folder."""

    __slots__ = ("_globs", "_names", "_paths", "_patterns", "_prefix", "_strip", "_suffixes")

    def __init__(self, patterns: Sequence["_Pattern"], *, strip: int = 0, prefix: bytes = b"") -> None:
        self._patterns = tuple(reversed(patterns))
        self._strip = strip
        self._prefix = prefix
        self._names = frozenset(each.literal for each in patterns if each.literal)
        self._suffixes = tuple({each.suffix for each in patterns if each.suffix})
        names = [each for each in patterns if each.is_name]
        self._globs = _any_of(each for each in names if not each.literal and not each.suffix)
        self._paths = _any_of(each for each in patterns if not each.is_name)

    def seen_from(self, folder: bytes) -> "PatternList":
        """The same list for paths relative to `folder` (with a final slash), which lies below it."""
        return PatternList(self._patterns[::-1], prefix=self._prefix + folder[self._strip :])

    def verdict(self, path: bytes, name: bytes, is_dir: bool) -> bool | None:
        """True: ignored, False: taken back, None: not mentioned. Parents are the caller's to ask."""
        relative = b""
        is_mentioned = name in self._names or name.endswith(self._suffixes)
        if self._paths is not None:
            relative = self._prefix + path[self._strip :]
            is_mentioned = is_mentioned or self._paths(relative) is not None
        if not is_mentioned and (self._globs is None or self._globs(name) is None):
            return None
        for pattern in self._patterns:
            if pattern.dir_only and not is_dir:
                continue
            if pattern.regex.fullmatch(name if pattern.is_name else relative):
                return not pattern.is_negated
        return None


def parse_patterns(text: bytes, *, ignore_case: bool = False) -> list["_Pattern"]:
    """Patterns of an ignore file in order, without comments, blank lines and what can match nothing."""
    lines = text.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    found = (_parse_line(line.removesuffix(b"\r"), ignore_case) for line in lines)
    return [pattern for pattern in found if pattern is not None]


@dataclass(frozen=True, slots=True)
class _Pattern:
    regex: re.Pattern[bytes]
    is_negated: bool
    dir_only: bool
    is_name: bool
    """Without a slash: compared with the last part of a path only."""
    literal: bytes
    """The name itself when the pattern has no wildcard and case counts, else empty."""
    suffix: bytes
    """What follows the star of a pattern like `*.pyc` when case counts, else empty."""


_SPECIAL: Final = re.compile(rb"[*?\[\\]")


def _parse_line(line: bytes, ignore_case: bool) -> _Pattern | None:
    line = _without_trailing_spaces(line)
    if not line or line.startswith(b"#"):
        return None
    is_negated = line.startswith(b"!")
    pattern = line[1:] if is_negated else line
    dir_only = pattern.endswith(b"/")
    pattern = pattern[:-1] if dir_only else pattern
    is_name = b"/" not in pattern
    special = _SPECIAL.search(pattern)
    head = len(pattern) if special is None else special.start()
    if pattern.startswith(b"/"):
        pattern, head = pattern[1:], head - 1
    source = _translate(pattern, -1 if is_name else head)
    if not pattern or source is None:
        return None
    regex = re.compile(source, re.DOTALL | (re.IGNORECASE if ignore_case else 0))
    is_suffix = is_name and not ignore_case and head == 0 and not _SPECIAL.search(pattern[1:])
    return _Pattern(
        regex,
        is_negated,
        dir_only,
        is_name,
        literal=pattern if is_name and special is None and not ignore_case else b"",
        suffix=pattern[1:] if is_suffix and pattern.startswith(b"*") else b"",
    )


def _without_trailing_spaces(line: bytes) -> bytes:
    """Git drops spaces (not tabs) at the end unless a backslash stands before them."""
    bare = line.rstrip(b" ")
    n_backslashes = len(bare) - len(bare.rstrip(b"\\"))
    return line[: len(bare) + 1] if n_backslashes % 2 else bare


_STAR: Final = b"*"
_DEEP: Final = b"**/"


def _translate(pattern: bytes, head: int) -> bytes | None:
    """Regular expression of a glob, or None when it matches nothing.

    `head` is the length of the part without wildcards. Git compares that part first and the rest on its own,
    so that a `**` right behind it counts as one at the start: `foo**/bar` matches foo1/x/bar.
    """
    tokens: list[bytes] = []
    i = 0
    while i < len(pattern):
        char = pattern[i : i + 1]
        if char == b"*":
            end = i + 1
            while pattern[end : end + 1] == b"*":
                end += 1
            is_deep = end - i > 1 and (i in (0, head) or pattern[i - 1 : i] == b"/")
            if is_deep and end == len(pattern):
                tokens.append(b".*")
            elif is_deep and pattern[end : end + 1] == b"/":
                tokens.append(_DEEP)
                end += 1
            else:
                tokens.append(_STAR)
            i = end
        elif char == b"[":
            parsed = _parse_class(pattern, i + 1)
            if parsed is None:
                return None
            token, i = parsed
            tokens.append(token)
        else:
            i += char == b"\\"
            if i == len(pattern):
                return None
            tokens.append(b"[^/]" if char == b"?" else re.escape(pattern[i : i + 1]))
            i += 1
    return _without_backtracking(tokens)


def _without_backtracking(tokens: list[bytes]) -> bytes:
    """Joined tokens; of several wildcards of a kind all but the last take the shortest match for good.

    The first match of what stands between two of them is always good enough, and without this a pattern like
    `*a*a*a*a*b` or `**/a/**/a/**/a/b` would take time exponential in its wildcards.
    """
    first, *others = _split(tokens, _DEEP)
    out = _without_star_backtracking(first)
    for number, part in enumerate(others, 1):
        block = _without_star_backtracking(part)
        out += b"(?:.*/)?" + block if number == len(others) else b"(?>(?:.*?/)??" + block + b")"
    return out


def _without_star_backtracking(tokens: list[bytes]) -> bytes:
    out: list[bytes] = []
    for part in _split(tokens, b"/"):
        first, *others = _split(part, _STAR)
        text = b"".join(first)
        for number, piece in enumerate(others, 1):
            block = b"".join(piece)
            text += b"[^/]*" + block if number == len(others) else b"(?>[^/]*?" + block + b")"
        out.append(text)
    return b"/".join(out)


def _split(tokens: list[bytes], at: bytes) -> list[list[bytes]]:
    parts: list[list[bytes]] = [[]]
    for token in tokens:
        if token == at:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


_POSIX_CLASSES: Final = {
    b"alnum": rb"[0-9A-Za-z]",
    b"alpha": rb"[A-Za-z]",
    b"blank": rb"[ \t]",
    b"cntrl": rb"[\x00-\x1f\x7f]",
    b"digit": rb"[0-9]",
    b"graph": rb"[\x21-\x7e]",
    b"lower": rb"[a-z]",
    b"print": rb"[\x20-\x7e]",
    b"punct": rb"[\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]",
    b"space": rb"[ \t\n\r\v\f]",
    b"upper": rb"[A-Z]",
    b"xdigit": rb"[0-9A-Fa-f]",
}


def _parse_class(pattern: bytes, i: int) -> tuple[bytes, int] | None:
    """Expression of the class whose `[` stands before `i`, and where it ends; None when it is malformed."""
    is_negated = pattern[i : i + 1] in (b"!", b"^")
    i += is_negated
    members: set[int] = set()
    first, previous = i, -1
    while i < len(pattern) and (pattern[i] != ord("]") or i == first):
        char = pattern[i]
        if pattern[i : i + 2] == b"[:":
            end = pattern.find(b"]", i + 2)
            if end < 0:
                return None
            if pattern[end - 1] == ord(":") and end - 1 >= i + 2:
                known = _POSIX_CLASSES.get(pattern[i + 2 : end - 1])
                if known is None:
                    return None
                members.update(byte for byte in range(256) if re.match(known, bytes([byte])))
                previous, i = -1, end + 1
                continue
        is_range = char == ord("-") and previous >= 0 and pattern[i + 1 : i + 2] not in (b"", b"]")
        i += is_range
        i += pattern[i] == ord("\\")
        if i >= len(pattern):
            return None
        members.update(range(previous, pattern[i] + 1) if is_range else (pattern[i],))
        previous = -1 if is_range else pattern[i]
        i += 1
    if i >= len(pattern):
        return None
    members = (set(range(256)) - members if is_negated else members) - {ord("/")}
    listed = b"".join(b"\\x%02x" % byte for byte in sorted(members))
    return (b"[" + listed + b"]" if listed else b"(?!)"), i + 1


def _any_of(patterns: Iterable[_Pattern]) -> Callable[[bytes], object] | None:
    """One test for "might match any of them"."""
    patterns = list(patterns)
    if not patterns:
        return None
    joined = b"|".join(b"(?:" + each.regex.pattern + b")" for each in patterns)
    return re.compile(joined, patterns[0].regex.flags).fullmatch


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
        parts = _without_trailing_spaces(glob).removesuffix(b"/").split(b"/")
        if glob.startswith((b"!", b"#")):
            continue
        if len(parts) == 1:
            folders.append(b"/**")
        parts = parts if parts[0] else parts[1:]
        for n in range(1, len(parts)):
            folders.append(b"/" + b"/".join(parts[:n]))
            if b"**" in parts[n - 1]:
                break
    return _any_of(parse_patterns(b"\n".join(folders), ignore_case=ignore_case))


def _encoded(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a character, from a client's JSON: names no file
        return text.encode("utf-8", "surrogatepass")
