"""Repositories through the `git` command: clones of one commit, revisions, and files without a work tree.

The command is run without the user's prompt, without GIT_* variables of an enclosing git, and without
fetching what a partial clone lacks: after the clone nothing here touches the network.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from oasis_train.corpus.trees import Entry, readable
from oasis_train.errors import CorpusError

_REGULAR_FILES = ("100644", "100755", "100664")
_BRANCH = "refs/heads/corpus"


def is_git(folder: Path) -> bool:
    """Whether `folder` itself is a clone or a bare repository, not merely inside of one."""
    return (folder / ".git").exists() or (
        (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()
    )


def clone(url: str, revision: str, cache: Path) -> Path:
    """The bare clone of one commit of `url` under `cache`, made now or earlier.

    A clone that exists is used as it is, without network; delete its folder to get a newer commit. It
    appears whole or not at all. Raises CorpusError with git's own message.
    """
    wanted = revision or "HEAD"
    digest = hashlib.blake2b(f"{url}\0{wanted}".encode(), digest_size=6).hexdigest()
    name = re.sub(r"[^\w.-]+", "-", url.split("://")[-1]).strip("-.")[-80:]
    folder = cache / f"{name}-{digest}.git"
    if folder.is_dir():
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".clone-", dir=cache))
    except OSError as error:
        raise CorpusError(f"{cache} cannot be written ({error}). Name another cache folder.") from error
    try:
        _run(scratch, "init", "--quiet", "--bare")
        _run(scratch, "fetch", "--quiet", "--depth=1", "--no-tags", "--", url, wanted, what=url)
        _run(scratch, "update-ref", _BRANCH, "FETCH_HEAD")
        _run(scratch, "symbolic-ref", "HEAD", _BRANCH)
        scratch.rename(folder)
    except OSError as error:
        if not folder.is_dir():  # else another process made the same clone meanwhile
            raise CorpusError(f"{folder} cannot be written ({error}). Make room there.") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def commit_of(repository: Path, revision: str) -> str:
    """The commit that `revision` (or HEAD) names; empty for a repository without commits."""
    wanted = f"{revision or 'HEAD'}^{{commit}}"
    result = _call(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", wanted)
    if result.returncode == 0:
        return result.stdout.decode().strip()
    if message := result.stderr.decode(errors="replace").strip():
        raise CorpusError(f"{repository}: git cannot read it ({_one_line(message)}).")
    if revision:
        raise CorpusError(f"{repository} has no revision {revision!r}: name a commit, branch or tag of it.")
    return ""


class CommitTree:
    """The files of one commit, read from the object store of a clone or a bare repository."""

    def __init__(self, repository: Path, commit: str) -> None:
        """`commit` may be empty: a repository without commits, which has no files."""
        self._repository = repository
        self._commit = commit

    def entries(self) -> list[Entry]:
        """Regular files of the commit; neither symbolic links nor submodules."""
        if not self._commit:
            return []
        listing = _run(self._repository, "ls-tree", "-r", "-z", "--full-tree", self._commit)
        names: list[tuple[str, str]] = []
        for line in listing.split(b"\0")[:-1]:
            head, _, name = line.partition(b"\t")
            mode, _, object_id = head.decode().split(" ")
            if mode in _REGULAR_FILES:
                names.append((readable(os.fsdecode(name)), object_id))
        asked = "".join(f"{object_id}\n" for _, object_id in names).encode()
        sizes = _run(self._repository, "cat-file", "--batch-check=%(objectsize)", stdin=asked).splitlines()
        return sorted(
            (
                Entry(path, int(size) if size.isdigit() else -1, object_id)
                for (path, object_id), size in zip(names, sizes, strict=True)
            ),
            key=lambda entry: entry.path,
        )

    def read(self, entries: Iterable[Entry]) -> Iterator[tuple[Entry, bytes | None]]:
        """Contents through one `git cat-file --batch`."""
        with subprocess.Popen(
            ["git", "-C", str(self._repository), "cat-file", "--batch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for entry in entries:
                try:
                    process.stdin.write(f"{entry.handle}\n".encode())
                    process.stdin.flush()
                    words = process.stdout.readline().split()
                except OSError:  # git gave up on a damaged object and ended
                    words = []
                if len(words) != 3 or words[1] != b"blob":
                    yield entry, None
                    continue
                n_bytes = int(words[2])
                content = process.stdout.read(n_bytes + 1)[:-1]
                yield entry, content if len(content) == n_bytes else None
            process.communicate()


def _run(repository: Path, *arguments: str, stdin: bytes = b"", what: str = "") -> bytes:
    """Output of a git command; raises CorpusError with git's message, which `what` precedes."""
    result = _call(repository, *arguments, stdin=stdin)
    if result.returncode:
        message = _one_line(result.stderr.decode(errors="replace").strip()) or f"status {result.returncode}"
        raise CorpusError(f"{what or repository}: git {arguments[0]} failed ({message}).")
    return result.stdout


def _call(repository: Path, *arguments: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(
            ["git", "-C", str(repository), *arguments],
            input=stdin,
            capture_output=True,
            env=_environment(),
            check=False,
        )
    except FileNotFoundError:
        raise CorpusError("The git command is missing: install git, or name plain folders only.") from None


def _environment() -> dict[str, str]:
    own = {"GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
    kept = ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_SSL_CAINFO", "GIT_CONFIG_GLOBAL")
    return {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k in kept} | own


def _one_line(message: str) -> str:
    return " ".join(message.split())[:300].rstrip(".")
