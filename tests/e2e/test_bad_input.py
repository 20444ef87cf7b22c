"""Workspaces as nobody wants them: a clear message or an empty answer, and whatever can be found is found."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.damage import damage_table

OASIS = [sys.executable, "-P", "-m", "oasis_search.cli"]
GOOD = "def open_the_airlock():\n    return 'hatch open'\n"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "OASIS_CACHE_DIR": str(tmp_path / "cache")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "workspace"
    root.mkdir()
    return root


@pytest.fixture
def oasis(environment: dict[str, str]) -> Run:
    def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        ended: subprocess.CompletedProcess[str] = subprocess.run(
            [*OASIS, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            **options,  # type: ignore[call-overload]
        )
        assert "Traceback" not in ended.stderr
        return ended

    return run


def check_finds_the_good_file(oasis: Run, folder: Path) -> None:
    found = oasis("search", "open_the_airlock", str(folder), "--json")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["hits"][0]["symbol"] == "open_the_airlock"


def left_out(oasis: Run, folder: Path) -> dict[str, int]:
    assert oasis("index", str(folder)).returncode == 0
    counts: dict[str, int] = json.loads(oasis("status", str(folder), "--json").stdout)["problem_counts"]
    return counts


def test_empty_folder(oasis: Run, folder: Path) -> None:
    assert oasis("index", str(folder)).stdout.startswith("Indexed 0 files, 0 units")
    found = oasis("search", "anything", str(folder))
    assert (found.returncode, found.stdout) == (1, "")
    assert "Nothing found" in found.stderr


def test_folder_of_only_binaries(oasis: Run, folder: Path) -> None:
    for name in ("a.so", "b.png", "c.bin"):
        (folder / name).write_bytes(bytes(range(256)) * 16)
    assert left_out(oasis, folder) == {"binary": 3}
    assert oasis("search", "anything", str(folder)).returncode == 1


def test_file_of_200_megabytes_is_left_out(oasis: Run, folder: Path) -> None:
    (folder / "good.py").write_text(GOOD)
    (folder / "huge.py").touch()
    os.truncate(folder / "huge.py", 200 * 1024 * 1024)
    assert left_out(oasis, folder) == {"too-large": 1}
    check_finds_the_good_file(oasis, folder)


def test_files_that_go_while_they_are_indexed(oasis: Run, folder: Path, environment: dict[str, str]) -> None:
    for number in range(300):
        (folder / f"passing_{number}.py").write_text(f"def passing_{number}():\n    return {number}\n" * 40)
    (folder / "good.py").write_text(GOOD)
    command = [*OASIS, "index", str(folder)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        for path in sorted(folder.glob("passing_*.py"), reverse=True):
            path.unlink()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert b"Traceback" not in err
    check_finds_the_good_file(oasis, folder)
    answer = json.loads(oasis("search", "passing number", str(folder), "--json", "-n", "50").stdout)
    assert {hit["path"] for hit in answer["hits"]} <= {"good.py"}


def test_odd_names_of_files(oasis: Run, folder: Path) -> None:
    (folder / "line\nbreak.py").write_text("def first_oddity(): ...\n")
    (folder / "café 世界 😀.py").write_text("def second_oddity(): ...\n")
    with open(os.fsencode(folder) + b"/latin\xe9.py", "w") as file:
        file.write("def third_oddity(): ...\n")
    as_json = json.loads(oasis("search", "oddity", str(folder), "--json").stdout)
    assert {hit["path"] for hit in as_json["hits"]} == {"line\nbreak.py", "café 世界 😀.py"}
    as_text = oasis("search", "oddity", str(folder)).stdout
    assert "line\\nbreak.py:1  function first_oddity" in as_text
    assert "café 世界 😀.py:1  function second_oddity" in as_text
    status = json.loads(oasis("status", str(folder), "--json").stdout)
    assert status["problem_counts"] == {"name-not-utf8": 1}


def test_query_of_100_kilobytes(oasis: Run, folder: Path) -> None:
    (folder / "good.py").write_text(GOOD)
    long = "open the airlock " * 6000
    assert len(long) > 100_000
    assert oasis("search", long, str(folder)).returncode == 0
    assert oasis("search", "-", str(folder), input=long * 20).returncode == 0


def test_question_that_is_not_utf8(oasis: Run, folder: Path, environment: dict[str, str]) -> None:
    (folder / "good.py").write_text(GOOD)
    command = [*map(os.fsencode, OASIS), b"search", b"open_the_airlock caf\xe9", os.fsencode(folder)]
    ended = subprocess.run(command, env=environment, capture_output=True)
    assert ended.returncode == 0, ended.stderr


def test_terminal_that_knows_ascii_only(folder: Path, environment: dict[str, str]) -> None:
    (folder / "naïve.py").write_text("def snowman():\n    return '☃'\n")
    ascii_only = {**environment, "PYTHONIOENCODING": "ascii"}
    command = [*OASIS, "search", "snowman", str(folder)]
    ended = subprocess.run(command, env=ascii_only, capture_output=True)
    assert ended.returncode == 0, ended.stderr
    assert rb"\u2603" in ended.stdout


def test_broken_links_loops_and_pipes(oasis: Run, folder: Path) -> None:
    (folder / "good.py").write_text(GOOD)
    (folder / "loop").symlink_to(folder)
    (folder / "dangling.py").symlink_to(folder / "nowhere.py")
    (folder / "self.py").symlink_to(folder / "self.py")
    os.mkfifo(folder / "pipe.py")
    check_finds_the_good_file(oasis, folder)


def test_damaged_index_is_a_sentence_with_a_remedy(oasis: Run, folder: Path, tmp_path: Path) -> None:
    (folder / "good.py").write_text(GOOD)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "index-v1.sqlite").write_bytes(b"this is no database at all " * 200)
    ended = oasis("status", str(folder))
    assert ended.returncode == 2
    assert "index-v1.sqlite" in ended.stderr
    # Searching does not need the store: it works from memory.
    check_finds_the_good_file(oasis, folder)


def test_index_that_is_damaged_in_the_middle_is_a_sentence_with_a_remedy(
    oasis: Run, folder: Path, tmp_path: Path
) -> None:
    (folder / "good.py").write_text(GOOD)
    check_finds_the_good_file(oasis, folder)
    damage_table(tmp_path / "cache" / "index-v1.sqlite", "entries")
    check_finds_the_good_file(oasis, folder)
    assert "Delete the file" in oasis("index", str(folder), "--rebuild").stderr
    ended = oasis("status", str(folder))
    assert ended.returncode == 2
    assert "index-v1.sqlite" in ended.stderr


def bound_by_permissions() -> list[str]:
    """What to put before a command so that permissions bind it, though root runs the tests."""
    if os.geteuid() != 0:
        return []
    # Root owns the files, and without these two capabilities only the owner's bits count.
    prefix = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"]
    if shutil.which("setpriv") is None or subprocess.run([*prefix, "true"]).returncode != 0:
        pytest.skip("root reads everything here, and setpriv cannot change that")
    return prefix


def test_folder_without_read_permission(folder: Path, environment: dict[str, str]) -> None:
    prefix = bound_by_permissions()
    folder.chmod(0o000)
    try:
        for verb in (["search", "x"], ["index"], ["status"]):
            command = [*prefix, *OASIS, *verb, str(folder)]
            ended = subprocess.run(command, env=environment, capture_output=True, text=True)
            assert ended.returncode == 2
            assert "Traceback" not in ended.stderr
            assert str(folder) in ended.stderr
    finally:
        folder.chmod(0o755)


def test_files_without_read_permission_are_named(folder: Path, environment: dict[str, str]) -> None:
    (folder / "good.py").write_text(GOOD)
    (folder / "secret.py").write_text("def secret(): ...\n")
    (folder / "secret.py").chmod(0o000)
    (folder / "closed").mkdir(mode=0o000)
    prefix = bound_by_permissions()
    command = [*prefix, *OASIS, "search", "open_the_airlock", str(folder)]
    try:
        found = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert "good.py:1" in found.stdout
        command = [*prefix, *OASIS, "status", str(folder), "--json"]
        status = json.loads(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
        assert {problem["path"] for problem in status["problems"]} == {"secret.py", "closed"}
        assert status["problem_counts"] == {"unreadable": 2}
    finally:
        (folder / "closed").chmod(0o755)
