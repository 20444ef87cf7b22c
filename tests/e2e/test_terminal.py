"""`oasis` as its users start it: another process, pipes and terminals, interruption, one index for all."""

import contextlib
import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

OASIS = [sys.executable, "-P", "-m", "oasis_search.cli"]
STDLIB = Path(sysconfig.get_path("stdlib"))

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    cache = tmp_path_factory.mktemp("cache")
    return {**os.environ, "OASIS_CACHE_DIR": str(cache), "TERM": "xterm-256color", "COLUMNS": "100"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real code: the `json` and `email` packages of the standard library."""
    root = tmp_path_factory.mktemp("workspace")
    for package in ("json", "email"):
        for source in sorted((STDLIB / package).glob("*.py")):
            target = root / package / source.name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(source.read_bytes())
    return root


@pytest.fixture(scope="module")
def oasis(environment: dict[str, str], folder: Path) -> Run:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*OASIS, *arguments], env=environment, capture_output=True, text=True)

    assert run("index", str(folder)).returncode == 0
    return run


def test_questions_about_real_code_are_answered(oasis: Run, folder: Path) -> None:
    def first(question: str, n: int) -> set[str]:
        """Paths of the first `n` hits: a list that is read at a glance."""
        answer = oasis("search", question, str(folder), "--json")
        assert answer.returncode == 0
        assert answer.stderr == ""
        return {str(hit["path"]) for hit in json.loads(answer.stdout)["hits"][:n]}

    assert first("encode binary data as base64 text for a message", 1) <= {
        "email/base64mime.py",
        "email/encoders.py",
    }
    assert "email/headerregistry.py" in first("parse a date and time from a message header", 2)
    assert first("JSONDecodeError", 1) == {"json/decoder.py"}


def test_second_run_encodes_nothing(oasis: Run, folder: Path) -> None:
    assert " 0 newly encoded" in oasis("index", str(folder)).stdout


def test_copy_of_a_folder_shares_what_was_encoded(oasis: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.py").write_bytes((folder / "json" / "decoder.py").read_bytes())
    assert " 0 newly encoded" in oasis("index", str(tmp_path)).stdout


def test_edit_on_disk_is_found_by_the_next_search(oasis: Run, folder: Path) -> None:
    changed = folder / "json" / "fresh.py"
    changed.write_text("def translate_klingon_poetry():\n    return 'Qapla'\n")
    try:
        found = json.loads(oasis("search", "translate_klingon_poetry", str(folder), "--json").stdout)
        assert found["hits"][0]["path"] == "json/fresh.py"
    finally:
        changed.unlink()
    gone = json.loads(oasis("search", "translate_klingon_poetry", str(folder), "--json").stdout)
    assert "json/fresh.py" not in {hit["path"] for hit in gone["hits"]}


def test_closed_pipe_ends_quietly(oasis: Run, folder: Path, environment: dict[str, str]) -> None:
    command = [*OASIS, "search", "decode", str(folder), "-n", "200"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.parametrize("verb", [["search", "decode"], ["status", "--json"]])
def test_a_full_disk_is_an_error_and_not_an_empty_answer(
    folder: Path, environment: dict[str, str], verb: list[str]
) -> None:
    with open("/dev/full", "w") as full:
        command = [*OASIS, *verb, str(folder)]
        done = subprocess.run(command, env=environment, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2
    assert done.stderr.decode().strip().splitlines()[-1].startswith("oasis: [Errno 28]")


def test_index_that_cannot_be_written_is_an_error(folder: Path, environment: dict[str, str]) -> None:
    nowhere = environment | {"OASIS_CACHE_DIR": "/proc/nowhere"}
    done = subprocess.run(
        [*OASIS, "index", str(folder)], env=nowhere, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "/proc/nowhere" in done.stderr


@contextlib.contextmanager
def terminal() -> Iterator[tuple[int, list[bytes]]]:
    """The slave side of a pseudo terminal, and what was written to it after the block.

    It is read all the while: a terminal that nobody reads takes some kilobytes, and then its writers wait.
    """
    master, slave = pty.openpty()
    written: list[bytes] = []

    def read() -> None:
        with contextlib.suppress(OSError):  # Linux ends a terminal without writers by an error
            while chunk := os.read(master, 65536):
                written.append(chunk)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield slave, written
    finally:
        os.close(slave)
        reader.join()
        os.close(master)


def test_colours_appear_on_a_terminal_only(oasis: Run, folder: Path, environment: dict[str, str]) -> None:
    question = ["search", "JSONDecodeError", str(folder), "-n", "2"]
    with terminal() as (slave, written):
        command = subprocess.run([*OASIS, *question], env=environment, stdout=slave, stderr=slave)
    assert command.returncode == 0
    shown = b"".join(written).decode()
    assert "\x1b[" in shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert "json/decoder.py" in plain
    assert "2 hits among" in plain
    assert "\x1b" not in oasis(*question).stdout


def test_progress_goes_to_stderr_and_results_to_stdout(environment: dict[str, str], tmp_path: Path) -> None:
    fresh = {**environment, "OASIS_CACHE_DIR": str(tmp_path)}
    many = copy_library(tmp_path / "workspace")  # a bar is shown of work that takes a while
    with terminal() as (slave, written):
        ended = subprocess.run(
            [*OASIS, "index", str(many)], env=fresh, stdout=subprocess.PIPE, stderr=slave, text=True
        )
    shown = b"".join(written).decode()
    assert "files" in shown
    assert "Indexing" in shown or "Looking for files" in shown
    assert re.fullmatch(
        r"Indexed \d+ files, [\d,]+ units, [\d,]+ newly encoded\. Took [\d.]+ s\.\n", ended.stdout
    )


def copy_library(to: Path) -> Path:
    """The modules of the standard library that stand in no package, in a folder of their own."""
    to.mkdir()
    for source in STDLIB.glob("*.py"):
        (to / source.name).write_bytes(source.read_bytes())
    return to


def test_interrupt_ends_quietly_and_keeps_what_is_stored(environment: dict[str, str], tmp_path: Path) -> None:
    fresh = {**environment, "OASIS_CACHE_DIR": str(tmp_path)}
    many = copy_library(tmp_path / "workspace")
    process = subprocess.Popen(
        [*OASIS, "index", str(many)],
        env=fresh,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert wait_for_entries(tmp_path / "index-v1.sqlite", process)
    os.killpg(process.pid, signal.SIGINT)  # As Ctrl-C does: the workers get it as well.
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, b"", b"")
    kept = stored_entries(tmp_path / "index-v1.sqlite")
    again = subprocess.run([*OASIS, "status", str(many), "--json"], env=fresh, capture_output=True, text=True)
    state = json.loads(again.stdout)
    assert 0 < kept <= state["files_total"]
    assert state["files_done"] > 0


def stored_entries(path: Path) -> int:
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT count(*) FROM entries").fetchone()[0])
    except sqlite3.Error:
        return 0


def wait_for_entries(path: Path, process: subprocess.Popen[bytes]) -> bool:
    while process.poll() is None:
        if stored_entries(path):
            return True
        time.sleep(0.02)
    return False


def test_two_processes_index_one_folder_at_once(
    folder: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    fresh = {**environment, "OASIS_CACHE_DIR": str(tmp_path)}
    command = [*OASIS, "search", "JSONDecodeError", str(folder), "--json"]
    both = [
        subprocess.Popen(command, env=fresh, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in "ab"
    ]
    answers = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    first, second = (json.loads(out)["hits"] for out, _ in answers)
    assert first == second
