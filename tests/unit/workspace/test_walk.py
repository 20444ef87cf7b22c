"""Walking real folders: what is found, in which order, and what becomes of all that is no plain file."""

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from oasis_search.errors import WorkspaceError
from oasis_search.syntax.units import Problem
from oasis_search.workspace.ignore import load_rules
from oasis_search.workspace.walk import FoundFile, walk


def never() -> bool:
    return False


def walked(root: Path, cancelled: Callable[[], bool] = never) -> list[FoundFile | Problem]:
    return list(walk(root, load_rules(root), cancelled=cancelled))


def paths(root: Path) -> list[str]:
    return [each.path for each in walked(root) if isinstance(each, FoundFile)]


def problems(root: Path) -> list[tuple[str, str]]:
    found = [each for each in walked(root) if isinstance(each, Problem)]
    assert all(each.path in each.detail and each.detail.endswith(".") for each in found)
    return [(each.path, each.reason) for each in found]


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def test_a_folders_files_come_first_and_all_is_in_order_of_names(tmp_path: Path) -> None:
    write(tmp_path, "b/z", "b/a", "b/c/x", "a.b/x", "a/x", "z", "B", "é", "y")
    assert paths(tmp_path) == ["B", "y", "z", "é", "a/x", "a.b/x", "b/a", "b/z", "b/c/x"]


def test_a_found_file_carries_what_tells_whether_it_changed(tmp_path: Path) -> None:
    write(tmp_path, "a/x")
    status = (tmp_path / "a/x").stat()
    expected = FoundFile("a/x", 3, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    assert walked(tmp_path) == [expected]


def test_an_empty_folder_holds_nothing_and_is_no_problem(tmp_path: Path) -> None:
    assert walked(tmp_path) == []


def test_a_root_that_cannot_be_opened_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    write(tmp_path, "file")
    rules = load_rules(tmp_path)
    with pytest.raises(WorkspaceError, match=r"gone does not exist; open a folder that does"):
        walk(tmp_path / "gone", rules, cancelled=never)
    with pytest.raises(WorkspaceError, match=r"file is not a folder; open the folder that holds it"):
        walk(tmp_path / "file", rules, cancelled=never)


def test_a_root_that_is_a_link_is_walked(tmp_path: Path) -> None:
    write(tmp_path, "real/x")
    (tmp_path / "link").symlink_to("real")
    assert paths(tmp_path / "link") == ["x"]


def test_links_to_listed_files_are_not_listed_twice(tmp_path: Path) -> None:
    write(tmp_path, "b/x")
    (tmp_path / "a").symlink_to("b/x")
    (tmp_path / "z").symlink_to(tmp_path / "b/x")
    assert paths(tmp_path) == ["b/x"]
    assert problems(tmp_path) == []


def test_the_first_link_to_an_ignored_file_stands_for_it(tmp_path: Path) -> None:
    write(tmp_path, "node_modules/x", "other")
    (tmp_path / "a").symlink_to("node_modules/x")
    (tmp_path / "b").symlink_to("node_modules/x")
    found = {each.path: each for each in walked(tmp_path) if isinstance(each, FoundFile)}
    assert list(found) == ["a", "other"]
    assert found["a"].inode == (tmp_path / "node_modules/x").stat().st_ino


def test_loops_of_links_end(tmp_path: Path) -> None:
    write(tmp_path, "a/x")
    (tmp_path / "a/up").symlink_to("..")
    (tmp_path / "a/self").symlink_to("self")
    (tmp_path / "a/one").symlink_to("two")
    (tmp_path / "a/two").symlink_to("one")
    assert paths(tmp_path) == ["a/x"]
    loops = [("a/one", "symlink-loop"), ("a/self", "symlink-loop"), ("a/two", "symlink-loop")]
    assert problems(tmp_path) == loops


def test_links_that_lead_out_or_nowhere_are_reported_and_not_followed(tmp_path: Path) -> None:
    write(tmp_path, "out/x", "root-twin/x", "root/a")
    root = tmp_path / "root"
    (root / "file").symlink_to("../out/x")
    (root / "folder").symlink_to("../out")
    (root / "twin").symlink_to("../root-twin")
    (root / "gone").symlink_to("nothing")
    (root / "node_modules").symlink_to("../out")
    assert paths(root) == ["a"]
    outside = [("file", "outside"), ("folder", "outside"), ("gone", "broken-link"), ("twin", "outside")]
    assert problems(root) == outside


def test_pipes_and_sockets_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        assert problems(tmp_path) == [("pipe", "not-a-file"), ("socket", "not-a-file")]


def test_a_name_that_is_not_utf8_is_reported_in_a_form_that_can_be_printed(tmp_path: Path) -> None:
    write(tmp_path, "a")
    folder = os.fsencode(tmp_path)
    try:
        os.mkdir(folder + b"/\xff.py")
        os.mkdir(folder + b"/d\xe9")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    assert problems(tmp_path) == [("d\\xe9", "name-not-utf8"), ("\\xff.py", "name-not-utf8")]
    assert paths(tmp_path) == ["a"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "unreadable"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), "vanished"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory"), "vanished"),
        (OSError(errno.EIO, "Input/output error"), "unreadable"),
    ],
)
def test_a_folder_that_cannot_be_listed_is_a_problem_and_the_rest_is_walked(
    error: OSError, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Permissions do not hold back root, who may run the tests, so the system's answer is put in its place.
    write(tmp_path, "a/x", "b/x", "c/x")
    real = os.scandir

    def scandir(path: str) -> object:
        if path == str(tmp_path / "b"):
            raise error
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert problems(tmp_path) == [("b", reason)]
    assert paths(tmp_path) == ["a/x", "c/x"]


def test_a_root_that_cannot_be_listed_names_its_permissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scandir(path: str) -> object:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    rules = load_rules(tmp_path)
    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(
        WorkspaceError, match=r"cannot be listed \(Permission denied\); check its permissions"
    ):
        walk(tmp_path, rules, cancelled=never)


def test_a_file_and_a_folder_that_vanish_during_the_walk_are_problems(tmp_path: Path) -> None:
    write(tmp_path, "a", "b", "c/x", "d/x")
    found: list[FoundFile | Problem] = []
    for each in walk(tmp_path, load_rules(tmp_path), cancelled=never):
        found.append(each)
        if each.path == "a":
            (tmp_path / "b").unlink()
            (tmp_path / "c/x").unlink()
            (tmp_path / "c").rmdir()
    assert [(each.path, getattr(each, "reason", "")) for each in found] == [
        ("a", ""),
        ("b", "vanished"),
        ("c", "vanished"),
        ("d/x", ""),
    ]


def test_a_cancelled_walk_ends_between_folders_and_within_large_ones(tmp_path: Path) -> None:
    write(tmp_path, *(f"a/{number:04}" for number in range(600)), "b/x")
    assert walked(tmp_path, lambda: True) == []
    found: list[str] = []
    for each in walk(tmp_path, load_rules(tmp_path), cancelled=lambda: len(found) > 10):
        found.append(each.path)
    assert 10 < len(found) < 600


def test_folders_deeper_than_the_stack_of_calls_are_walked(tmp_path: Path) -> None:
    here = os.getcwd()
    depth = 1500
    try:
        os.chdir(tmp_path)
        for _ in range(depth):
            os.mkdir("d")
            os.chdir("d")
        Path("x").touch()
        assert paths(tmp_path) == ["d/" * depth + "x"]
        Path("x").unlink()
        for _ in range(depth):  # pytest could not remove it: shutil.rmtree recurses
            os.chdir("..")
            os.rmdir("d")
    finally:
        os.chdir(here)
