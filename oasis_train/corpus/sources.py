"""From the texts of a configuration to repositories on disk, each with its name and what state it is in.

A source is one repository, in one of these forms, tried in this order:

    https://host/owner/name.git       a URL (`scheme://`, or `user@host:owner/name`): cloned into the cache
    folder                            that has `.git` or is bare: the commit of its HEAD, not its work tree
    folder                            any other: its files as they are now
    package:name                      a package or module of the running Python, found without importing it
    URL or git folder + @revision     that commit, branch or tag
    owner/name= before any of them    the name that it gets, where its folder's would not do

A collection is a folder whose sub-folders (those with a leading dot left aside) are such folders.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from platformdirs import user_cache_path

from oasis_train.corpus.git import CommitTree, clone, commit_of, is_git
from oasis_train.corpus.trees import FolderTree, Tree
from oasis_train.errors import CorpusError

_URL = re.compile(r"(?:https?|ssh|git|file)://\S+")
_SHORT_URL = re.compile(r"[\w.-]+@[\w.-]+:(?!/{2})\S+")
_NAMED = re.compile(r"([\w.+-]+/[\w.+-]+)=(.+)")
_PACKAGE = "package:"
_CLONES_AT_A_TIME = 4


@dataclass(frozen=True, slots=True)
class Source:
    """One repository as it is asked for."""

    location: str
    """URL, or path of a folder."""
    revision: str = ""
    name: str = ""
    """`owner/name` when it was given one."""

    @property
    def is_url(self) -> bool:
        """Whether it must be cloned."""
        return bool(_URL.fullmatch(self.location) or _SHORT_URL.fullmatch(self.location))


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository on disk, ready to be read; small, so that other processes may be given it."""

    name: str
    """`owner/name` for URLs, else the name of its folder; unique in a corpus."""
    folder: Path
    revision: str
    """Commit that is read; empty for a plain folder and for a repository without commits."""
    is_commit: bool
    """Whether `revision` is read, not the files of the folder."""

    def tree(self) -> Tree:
        """Its files."""
        return CommitTree(self.folder, self.revision) if self.is_commit else FolderTree(self.folder)

    def state(self) -> str:
        """What changes whenever its files may have changed: the commit, or sizes and times of all files."""
        if self.is_commit:
            return self.revision
        digest = hashlib.blake2b(digest_size=16)
        for entry in self.tree().entries():
            try:
                changed_ns = (self.folder / entry.handle).lstat().st_mtime_ns
            except OSError:
                changed_ns = 0
            digest.update(f"{entry.path}\0{entry.n_bytes}\0{changed_ns}\0".encode())
        return digest.hexdigest()


def parse_source(text: str) -> Source:
    """What a text of the configuration asks for.

    >>> parse_source("https://example.org/pallets/click.git@8.1.0")
    Source(location='https://example.org/pallets/click.git', revision='8.1.0', name='')
    >>> parse_source("git@example.org:pallets/click")
    Source(location='git@example.org:pallets/click', revision='', name='')
    """
    if Path(text).expanduser().exists():
        return Source(text)
    if text.startswith(_PACKAGE):
        return _package(text.removeprefix(_PACKAGE))
    if named := _NAMED.fullmatch(text):
        return replace(parse_source(named[2]), name=named[1])
    head = 0
    if _URL.fullmatch(text) or _SHORT_URL.fullmatch(text):
        head = max(text.rfind("/"), text.index(":"))
        if text.find("@", head) < 0 and re.search(r"\.git@[^:]+$", text):  # a branch with a slash
            head = text.rindex(".git@")
    at = text.find("@", head) if head else text.rfind("@")
    return Source(text[:at], text[at + 1 :]) if at > 0 else Source(text)


def _package(name: str) -> Source:
    spec = find_spec(name) if name.isidentifier() else None
    if spec is not None and spec.submodule_search_locations:
        return Source(spec.submodule_search_locations[0], name=name)
    if spec is not None and spec.origin is not None and spec.origin.endswith(".py"):
        return Source(spec.origin, name=name)
    raise CorpusError(f"{_PACKAGE}{name} is no package or module with source code of this Python.")


def repository_name(source: Source) -> str:
    """The name that it was given, `owner/name` of a URL, or the last part of a path."""
    if source.name:
        return source.name
    if not source.is_url:
        folder = Path(source.location).expanduser().resolve()
        return (folder.name.removesuffix(".git") or folder.parent.name) or "root"
    parts = [part for part in re.split(r"[/:]", source.location.split("://")[-1]) if part]
    return "/".join(parts[1:][-2:] or parts).removesuffix(".git")


def collect_sources(sources: Iterable[str], collections: Iterable[Path]) -> list[Source]:
    """Everything that is asked for; raises CorpusError for the first folder that is missing."""
    found = [parse_source(text) for text in sources]
    for source in found:
        place = Path(source.location).expanduser()
        if not source.is_url and not place.is_dir() and not (source.name and place.suffix == ".py"):
            raise CorpusError(f"Source {source.location} is neither a folder nor a git URL: check its name.")
    for collection in collections:
        if not collection.is_dir():
            raise CorpusError(f"{collection} is no folder: a collection is a folder of repositories.")
        found += [
            Source(str(path))
            for path in sorted(collection.iterdir())
            if path.is_dir() and not path.is_symlink() and path.name[0] != "."
        ]
    return list(dict.fromkeys(found))


def locate_repositories(
    sources: Iterable[Source], cache: Path | None, problems: list[tuple[str, str]] | None = None
) -> list[Repository]:
    """Repositories on disk, sorted by name, with unique names (`name`, `name#2`, ... in the order asked).

    All URLs are cloned before the first failure is raised, so that the next start goes on from there; with
    `problems`, failures go there as (name, message) instead.
    """
    found: list[Repository] = []
    failures: list[tuple[str, str]] = []
    folder = cache or user_cache_path("oasis-code-search", appauthor=False) / "repositories"
    for source, outcome in _locate_all(list(sources), folder):
        if isinstance(outcome, Repository):
            found.append(outcome)
        else:
            failures.append((repository_name(source), str(outcome)))
    if failures and problems is None:
        rest = f" {len(failures) - 1} more sources failed." if len(failures) > 1 else ""
        raise CorpusError(
            f"{failures[0][1]}{rest} Correct or remove the source, or set skip_unreachable; clones are kept."
        )
    if problems is not None:
        problems += failures
    taken: Counter[str] = Counter()
    unique = []
    for repository in found:
        taken[repository.name] += 1
        count = taken[repository.name]
        unique.append(repository if count == 1 else replace(repository, name=f"{repository.name}#{count}"))
    return sorted(unique, key=lambda repository: repository.name)


def _locate_all(sources: list[Source], cache: Path) -> Iterator[tuple[Source, Repository | CorpusError]]:
    def locate(source: Source) -> Repository | CorpusError:
        try:
            return _locate(source, cache)
        except CorpusError as error:
            return error

    with ThreadPoolExecutor(_CLONES_AT_A_TIME) as pool:
        yield from zip(sources, pool.map(locate, sources), strict=True)


def _locate(source: Source, cache: Path) -> Repository:
    name = repository_name(source)
    if source.is_url:
        folder = clone(source.location, source.revision, cache)
        return Repository(name, folder, commit_of(folder, ""), True)
    folder = Path(source.location).expanduser()
    if is_git(folder):
        return Repository(name, folder, commit_of(folder, source.revision), True)
    if source.revision:
        raise CorpusError(f"{folder} is no git repository, so it has no revision {source.revision!r}.")
    return Repository(name, folder, "", False)
