"""What git keeps on disk about a folder, read without starting git: its repository, its state, two settings.

Understands linked worktrees and submodules (a `.git` file that names the real folder, `commondir`), loose and
packed refs and the reftable format. Deliberately reads no objects and not the contents of the index, and
follows `include.path` but no conditional include.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SMALL_FILE = 64 * 1024
_REFTABLE_PLACEHOLDER = "refs/heads/.invalid"
"""What HEAD names in a repository whose refs lie in reftable/."""
_MAX_LINKS = 5
"""How many symbolic refs, or nested configuration includes, are followed."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A checked-out git repository; the two git folders differ only in a linked worktree."""

    worktree: str
    git_dir: str
    """Holds what belongs to this worktree: HEAD, index."""
    common_dir: str
    """Holds what all worktrees share: refs, config, info/exclude."""


@dataclass(frozen=True, slots=True)
class GitSettings:
    """The settings of git that decide which files it ignores."""

    excludes_file: str
    """`core.excludesFile`, or where git looks without it; the file need not exist. Empty for none."""
    ignore_case: bool


def find_repository(folder: Path) -> Repository | None:
    """The repository whose worktree holds `folder`, or None."""
    directory = os.path.realpath(folder)
    while True:
        repository = open_repository(directory)
        if repository is not None:
            return repository
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent


def open_repository(worktree: str) -> Repository | None:
    """The repository whose worktree starts at exactly this folder, or None."""
    git_dir = os.path.join(worktree, ".git")
    if not os.path.lexists(git_dir):
        return None
    if os.path.isfile(git_dir):
        line = _first_line(git_dir)
        if not line.startswith("gitdir:"):
            return None
        git_dir = os.path.normpath(os.path.join(worktree, line.removeprefix("gitdir:").strip()))
    common = _first_line(os.path.join(git_dir, "commondir"))
    common_dir = os.path.normpath(os.path.join(git_dir, common)) if common else git_dir
    is_complete = os.path.isfile(os.path.join(git_dir, "HEAD")) and os.path.isdir(
        os.path.join(common_dir, "objects")
    )
    return Repository(worktree, git_dir, common_dir) if is_complete else None


def head_state(folder: Path) -> str | None:
    """A token that differs after every commit, checkout, branch switch, reset, merge, stash and `git add`.

    None outside a repository. Costs a few small reads; compare for equality only. It may also differ when
    nothing but git's own cache of file times was refreshed.
    """
    repository = find_repository(folder)
    if repository is None:
        return None
    name = _first_line(os.path.join(repository.git_dir, "HEAD"))
    value = name
    for _ in range(_MAX_LINKS):
        if not value.startswith("ref:"):
            break
        value = _read_ref(repository, value.removeprefix("ref:").strip())
    index = _stamp(os.path.join(repository.git_dir, "index"))
    return f"{repository.git_dir}|{name}|{value}|{index}"


def read_settings(repository: Repository | None) -> GitSettings:
    """The user's and, if there is one, the repository's settings, as git would merge them."""
    home = os.path.expanduser("~")
    xdg = os.path.join(os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config"), "git")
    files = []
    if os.environ.get("GIT_CONFIG_NOSYSTEM", "").lower() not in {"1", "true", "yes", "on"}:
        files.append(os.environ.get("GIT_CONFIG_SYSTEM") or "/etc/gitconfig")
    user_file = os.environ.get("GIT_CONFIG_GLOBAL")
    user_files = [os.path.join(xdg, "config"), os.path.join(home, ".gitconfig")]
    files += user_files if user_file is None else [user_file]
    if repository is not None:
        files.append(os.path.join(repository.common_dir, "config"))
    values = {key: value for file in files for key, value in _config_values(file)}
    excludes_file = values.get("core.excludesfile")
    if excludes_file is None:
        excludes_file = os.path.join(xdg, "ignore")
    elif excludes_file:
        base = repository.worktree if repository is not None else home
        excludes_file = os.path.join(base, os.path.expanduser(excludes_file))
    return GitSettings(excludes_file, values.get("core.ignorecase", "").lower() in {"true", "yes", "on", "1"})


def _read_ref(repository: Repository, ref: str) -> str:
    """Value of a ref; empty for a branch without a commit."""
    if ref == _REFTABLE_PLACEHOLDER:
        stack = os.path.join("reftable", "tables.list")
        shared = _read(os.path.join(repository.common_dir, stack), _SMALL_FILE)
        return (shared + _read(os.path.join(repository.git_dir, stack), _SMALL_FILE)).decode(errors="replace")
    for folder in (repository.git_dir, repository.common_dir):
        value = _first_line(os.path.join(folder, ref))
        if value:
            return value
    packed = _read(os.path.join(repository.common_dir, "packed-refs"))
    found = re.search(rb"^([0-9a-f]+) " + re.escape(os.fsencode(ref)) + rb"$", packed, re.MULTILINE)
    return found[1].decode() if found else ""


def _stamp(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return f"{status.st_mtime_ns}.{status.st_size}.{status.st_ino}"


def _read(path: str, limit: int = -1) -> bytes:
    """Contents of a regular file, empty when it cannot be read."""
    try:
        if not os.path.isfile(path):
            return b""
        with open(path, "rb") as file:
            return file.read(limit)
    except (OSError, ValueError):
        return b""


def _first_line(path: str) -> str:
    return os.fsdecode(_read(path, _SMALL_FILE).split(b"\n", 1)[0]).strip()


_SECTION = re.compile(r'\s*\[\s*([\w.-]+)\s*(?:"((?:[^"\\]|\\.)*)")?\s*\]')
_VARIABLE = re.compile(r"\s*([A-Za-z][\w-]*)\s*(?:=(.*))?$")


def _config_values(path: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    """`(section.key, value)` in order, of sections without a subsection; a bare key is `true`."""
    text = _read(path).decode("utf-8-sig", errors="surrogateescape")
    text = re.sub(r"\\\r?\n", "", text)
    section: str | None = None
    for line in text.splitlines():
        header = _SECTION.match(line)
        if header:
            section = header[1].lower() if header[2] is None else None
            line = line[header.end() :]
        variable = _VARIABLE.match(line)
        if variable is None or section is None:
            continue
        key = f"{section}.{variable[1].lower()}"
        value = "true" if variable[2] is None else _config_value(variable[2])
        if key == "include.path" and depth < _MAX_LINKS:
            included = os.path.join(os.path.dirname(path), os.path.expanduser(value))
            yield from _config_values(included, depth + 1)
        yield key, value


def _config_value(raw: str) -> str:
    """Value without quotes, escapes and a trailing comment."""
    out: list[str] = []
    quoted = escaped = False
    kept = 0
    for char in raw.strip():
        if escaped:
            out.append({"n": "\n", "t": "\t", "b": "\b"}.get(char, char))
            escaped = False
            kept = len(out)
        elif char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
            kept = len(out)
        elif char in "#;" and not quoted:
            break
        else:
            out.append(char)
            if quoted or not char.isspace():
                kept = len(out)
    return "".join(out[:kept])
