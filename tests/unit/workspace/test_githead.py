"""The state token of a repository, driven by the real git."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from oasis_search.workspace.githead import find_repository, head_state, open_repository, read_settings

Git = Callable[..., str]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_DIR"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "work"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "one")
    return folder


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, check=True, text=True).stdout.strip()


def commit(folder: Path, text: str) -> None:
    (folder / "file").write_text(text)
    git(folder, "add", "file")
    git(folder, "commit", "-q", "-m", text)


def test_outside_a_repository_there_is_no_state(tmp_path: Path) -> None:
    assert find_repository(tmp_path) is None
    assert head_state(tmp_path) is None
    assert head_state(tmp_path / "missing") is None


@pytest.mark.parametrize(
    "command",
    [
        ["commit", "--allow-empty", "-m", "two"],
        ["commit", "--amend", "--allow-empty", "-m", "other"],
        ["checkout", "-b", "other"],
        ["switch", "old"],
        ["checkout", "--detach"],
        ["reset", "--soft", "HEAD~1"],
        ["reset", "--hard", "HEAD~1"],
        ["merge", "side"],
        ["branch", "-m", "renamed"],
        ["rm", "file"],
    ],
)
def test_the_state_differs_after(command: list[str], repository: Path) -> None:
    git(repository, "branch", "old")
    git(repository, "checkout", "-q", "-b", "side")
    git(repository, "commit", "-q", "--allow-empty", "-m", "side")
    git(repository, "checkout", "-q", "main")
    commit(repository, "two")
    before = head_state(repository)
    git(repository, *command)
    assert head_state(repository) != before


def test_restoring_files_without_moving_head_differs(repository: Path) -> None:
    (repository / "file").write_text("changed")
    git(repository, "add", "file")
    before = head_state(repository)
    git(repository, "reset", "-q", "--hard")
    assert head_state(repository) != before


def test_the_state_stays_while_nothing_is_checked_out(repository: Path) -> None:
    before = head_state(repository)
    git(repository, "branch", "other")
    git(repository, "tag", "v1")
    (repository / "file").write_text("edited, not added")
    git(repository, "pack-refs", "--all")
    assert not (repository / ".git/refs/heads/main").exists()
    assert head_state(repository) == before


def test_the_state_follows_a_packed_branch(repository: Path) -> None:
    git(repository, "pack-refs", "--all")
    packed = head_state(repository)
    assert packed is not None
    assert git(repository, "rev-parse", "HEAD") in packed
    git(repository, "commit", "-q", "--allow-empty", "-m", "two")
    assert head_state(repository) != packed


def test_a_branch_without_a_commit_has_a_state(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    before = head_state(tmp_path)
    assert before is not None
    commit(tmp_path, "one")
    assert head_state(tmp_path) != before


def test_subfolders_and_links_have_the_state_of_their_repository(repository: Path) -> None:
    (repository / "a/b").mkdir(parents=True)
    (repository.parent / "link").symlink_to(repository / "a")
    state = head_state(repository)
    assert state is not None
    assert head_state(repository / "a/b") == head_state(repository.parent / "link") == state


def test_a_linked_worktree_has_a_state_of_its_own(repository: Path) -> None:
    linked = repository.parent / "linked"
    git(repository, "worktree", "add", "-q", "-b", "other", str(linked))
    found = find_repository(linked)
    assert found is not None
    assert os.path.samefile(found.common_dir, repository / ".git")
    assert os.path.samefile(found.git_dir, git(linked, "rev-parse", "--absolute-git-dir"))
    here, there = head_state(repository), head_state(linked)
    commit(linked, "two")
    assert head_state(repository) == here
    assert head_state(linked) != there


def test_a_submodule_has_a_state_of_its_own(repository: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    git(root, "init", "-q")
    git(root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(repository), "sub")
    outer, inner = head_state(root), head_state(root / "sub")
    commit(root / "sub", "two")
    assert head_state(root) == outer
    assert head_state(root / "sub") != inner


@pytest.mark.parametrize("content", ["", "junk", "gitdir:", "gitdir: ../nowhere", "\0", "gitdir: \0"])
def test_a_git_file_that_leads_nowhere_is_no_repository(content: str, tmp_path: Path) -> None:
    (tmp_path / ".git").write_text(content)
    assert open_repository(str(tmp_path)) is None
    assert head_state(tmp_path) is None


def test_a_repository_with_reftable_changes_its_state_with_each_update(repository: Path) -> None:
    # Written by hand: the format is younger than the oldest git that the tests run with.
    folder = repository / ".git"
    (folder / "HEAD").write_text("ref: refs/heads/.invalid\n")
    (folder / "reftable").mkdir()
    (folder / "reftable/tables.list").write_text("0x01-0x01-a.ref\n")
    before = head_state(repository)
    (folder / "reftable/tables.list").write_text("0x01-0x01-a.ref\n0x02-0x02-b.ref\n")
    assert head_state(repository) != before


@pytest.mark.parametrize(
    "value",
    [
        "/plain",
        "~/at home",
        '/q"uoted" # text',
        "/semi;colon",
        "/tab\there",
        "/back\\slash",
        "relative/x",
        "",
    ],
)
def test_settings_are_read_as_git_wrote_them(value: str, repository: Path) -> None:
    git(repository, "config", "core.excludesFile", value)
    git(repository, "config", "core.ignoreCase", "yes")
    read = read_settings(find_repository(repository))
    assert read.ignore_case
    if value.startswith(("/", "~")):
        assert read.excludes_file == git(repository, "config", "--path", "core.excludesFile")
    else:
        assert read.excludes_file == (str(repository / value) if value else "")


def test_later_files_and_bare_keys_win_as_in_git(repository: Path) -> None:
    home = repository.parent / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        "[core]\n\texcludesFile = /first\n\tignoreCase\n"
        '[include] path = more\n[includeIf "gitdir:/"]\n\tpath = never\n[core]\n\texcludesFile = /la\\\nst\n'
    )
    (home / "more").write_text("[core]\nexcludesFile = /more\n[include]\npath = more\n")
    (home / "never").write_text("[core]\nexcludesFile = /never\n")
    outside = read_settings(None)
    assert (outside.excludes_file, outside.ignore_case) == ("/last", True)
    (repository / ".git/config").write_text("[core]\nignoreCase = false\nexcludesFile = /own\n")
    inside = read_settings(find_repository(repository))
    assert (inside.excludes_file, inside.ignore_case) == ("/own", False)
