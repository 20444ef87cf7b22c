"""Sources: URLs, clones, bare repositories, plain folders and folders of them, read without a work tree."""

import os
import subprocess
import textwrap
from pathlib import Path

import pytest

from oasis_train.corpus.sources import (
    Repository,
    Source,
    collect_sources,
    locate_repositories,
    parse_source,
    repository_name,
)
from oasis_train.errors import CorpusError


def git(folder: Path, *arguments: str) -> str:
    identity = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_AUTHOR_DATE": "2020-01-01T00:00:00Z"}
    identity |= {key.replace("AUTHOR", "COMMITTER"): value for key, value in identity.items()}
    command = ["git", "-C", str(folder), *arguments]
    environment = {**os.environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of two commits, with a symbolic link, a name that is not ASCII and a change not committed."""
    folder = tmp_path / "work" / "shapes"
    (folder / "src").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    (folder / "src" / "a.py").write_text("first")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "one")
    git(folder, "tag", "v1")
    (folder / "src" / "a.py").write_text("second")
    (folder / "src" / "größe.py").write_text("b")
    (folder / "secret.py").symlink_to("/etc/passwd")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "two")
    (folder / "src" / "a.py").write_text("not committed")
    return folder


def contents(repository: Repository) -> dict[str, bytes | None]:
    tree = repository.tree()
    return {entry.path: data for entry, data in tree.read(tree.entries())}


def locate(*texts: str, cache: Path | None = None) -> list[Repository]:
    return locate_repositories(collect_sources(texts, ()), cache)


COMMITTED = {"src/a.py": b"second", "src/größe.py": b"b"}


@pytest.mark.parametrize(
    ("text", "location", "revision", "name"),
    [
        ("https://example.org/pallets/click", "https://example.org/pallets/click", "", "pallets/click"),
        ("https://example.org/a/b.git@v1.0", "https://example.org/a/b.git", "v1.0", "a/b"),
        ("https://me@example.org/a/b", "https://me@example.org/a/b", "", "a/b"),
        ("https://example.org/a/b.git@fix/it", "https://example.org/a/b.git", "fix/it", "a/b"),
        ("git@example.org:a/b.git@v1", "git@example.org:a/b.git", "v1", "a/b"),
        ("git@example.org:a/b", "git@example.org:a/b", "", "a/b"),
        ("/nowhere/mirror.git@main", "/nowhere/mirror.git", "main", "mirror"),
        ("own/name=/nowhere/repo", "/nowhere/repo", "", "own/name"),
    ],
)
def test_text_of_a_source_names_a_place_and_a_revision(
    text: str, location: str, revision: str, name: str
) -> None:
    source = parse_source(text)
    assert (source.location, source.revision, repository_name(source)) == (location, revision, name)


def test_a_clone_and_a_bare_mirror_give_their_commit_and_follow_no_link(clone: Path, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror.git"
    git(tmp_path, "clone", "-q", "--mirror", str(clone), str(mirror))
    first, second = locate(str(mirror), str(clone))
    assert (first.name, second.name) == ("mirror", "shapes")
    assert first.revision == second.revision == git(clone, "rev-parse", "HEAD")
    assert contents(first) == contents(second) == COMMITTED
    (old,) = locate(f"{mirror}@v1")
    assert (old.revision, contents(old)) == (git(clone, "rev-parse", "v1"), {"src/a.py": b"first"})


def test_a_url_is_cloned_once_and_needs_no_network_then(clone: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    commit = git(clone, "rev-parse", "HEAD")
    (found,) = locate(f"file://{clone}", cache=cache)
    assert (found.revision, contents(found)) == (commit, COMMITTED)
    (tagged,) = locate(f"file://{clone}@v1", cache=cache)
    assert contents(tagged) == {"src/a.py": b"first"}
    clone.rename(tmp_path / "away")
    assert locate(f"file://{clone}", cache=cache) == [found]
    assert sorted(path.suffix for path in cache.iterdir()) == [".git", ".git"]


def test_plain_folders_and_collections_are_read_as_they_are(clone: Path, tmp_path: Path) -> None:
    plain = clone.parent / "plain"
    plain.mkdir()
    (plain / "b.py").write_bytes(b"b")
    (plain / "loop").symlink_to(plain)
    (clone.parent / ".hidden").mkdir()
    found = locate_repositories(collect_sources((), (clone.parent,)), None)
    assert [(item.name, bool(item.revision)) for item in found] == [("plain", False), ("shapes", True)]
    assert contents(found[0]) == {"b.py": b"b"}
    before = found[0].state()
    (plain / "b.py").write_bytes(b"bb")
    assert found[0].state() != before


def test_packages_and_modules_of_the_running_python_are_found_by_name() -> None:
    package, module = locate("package:json", "package:textwrap")
    assert (package.name, module.name) == ("json", "textwrap")
    assert {"decoder.py", "encoder.py"} <= set(contents(package))
    assert contents(module) == {"textwrap.py": Path(textwrap.__file__).read_bytes()}
    assert len({package.state(), module.state()}) == 2
    for name in ("nowhere", "sys", "../x", ""):
        with pytest.raises(CorpusError, match=f"package:{name} is no package or module"):
            locate(f"package:{name}")


def test_equal_names_are_told_apart_and_a_source_named_twice_counts_once(tmp_path: Path) -> None:
    for folder in ("a/x", "b/x"):
        (tmp_path / folder).mkdir(parents=True)
    texts = [str(tmp_path / "b" / "x"), str(tmp_path / "a" / "x"), str(tmp_path / "b" / "x")]
    assert [(item.name, item.folder.parent.name) for item in locate(*texts)] == [("x", "b"), ("x#2", "a")]


def test_a_repository_without_commits_has_no_files(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (repository,) = locate(str(tmp_path))
    assert (repository.revision, repository.tree().entries()) == ("", [])


def test_missing_folders_revisions_and_repositories_are_named_with_gits_own_message(
    clone: Path, tmp_path: Path
) -> None:
    with pytest.raises(CorpusError, match="nowhere is neither a folder nor a git URL"):
        locate(str(tmp_path / "nowhere"))
    with pytest.raises(CorpusError, match="nowhere is no folder: a collection"):
        collect_sources((), (tmp_path / "nowhere",))
    with pytest.raises(CorpusError, match="shapes has no revision 'v9'"):
        locate(f"{clone}@v9")
    cache = tmp_path / "cache"
    with pytest.raises(CorpusError, match=r"file:///nowhere/x: git fetch failed \(.*'/nowhere/x'"):
        locate("file:///nowhere/x", f"file://{clone}", cache=cache)
    assert [path.name.startswith(".") for path in cache.iterdir()] == [False]
    problems: list[tuple[str, str]] = []
    sources = [Source("file:///nowhere/x"), Source(str(clone))]
    assert [item.name for item in locate_repositories(sources, cache, problems)] == ["shapes"]
    assert [name for name, _ in problems] == ["x"]


def test_a_damaged_object_is_read_as_nothing(clone: Path) -> None:
    (repository,) = locate(str(clone))
    object_id = git(clone, "rev-parse", "HEAD:src/a.py")
    loose = clone / ".git" / "objects" / object_id[:2] / object_id[2:]
    loose.chmod(0o644)
    loose.unlink()
    assert contents(repository) == {"src/a.py": None, "src/größe.py": b"b"}
