"""Pieces of code as nobody means them: `oasis similar` gives a sensible answer or a clear sentence."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

OASIS = [sys.executable, "-P", "-m", "oasis_search.cli"]
RETRY = '''\
# Talking to services that fail
# and what to do about it.
import time


def call_with_backoff(action, attempts=5):
    """Try again after a failure, waiting twice as long."""
    delay = 0.1
    for attempt in range(attempts):
        try:
            return action()
        except ConnectionError:
            time.sleep(delay)
            delay *= 2
'''
COPY = RETRY.replace("call_with_backoff", "patiently").replace("action", "job").replace("delay", "pause")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("workspace")
    (root / "retry.py").write_text(RETRY, encoding="utf-8")
    (root / "patient.py").write_text(COPY, encoding="utf-8")
    (root / "tides.py").write_text(
        "def next_high_tide(moon):\n    return moon.phase() + 6\n", encoding="utf-8"
    )
    (root / "retry.zzz").write_text(RETRY, encoding="utf-8")
    (root / "image.py").write_bytes(b"\x89PNG\0" + bytes(range(256)) * 8)
    (root / "empty.py").write_text("", encoding="utf-8")
    functions = (f"def step_{n}(value):\n    return value * {n} + offset_{n % 7}\n\n\n" for n in range(2600))
    (root / "long.py").write_text("".join(functions), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def similar(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    environment = {**os.environ, "OASIS_CACHE_DIR": str(tmp_path_factory.mktemp("cache"))}

    def run(piece: str, *more: str, typed: bytes = b"") -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            [*OASIS, "similar", piece, str(folder), "--json", *more],
            env=environment,
            input=typed,
            capture_output=True,
            cwd=folder,
        )
        stdout, stderr = ended.stdout.decode(), ended.stderr.decode()
        assert "Traceback" not in stderr
        return subprocess.CompletedProcess(ended.args, ended.returncode, stdout, stderr)

    return run


def first_of(answer: subprocess.CompletedProcess[str]) -> str:
    """The first hit that has a name: the same text in a file of no language has none."""
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    return next(str(hit["symbol"]) for hit in found["copies"] + found["hits"] if hit["symbol"])


@pytest.mark.parametrize(
    "place", ["retry.py:7", "retry.py:9", "retry.py:14"], ids=["documentation", "code", "last line"]
)
def test_a_line_of_a_function_means_the_function(similar: Run, place: str) -> None:
    assert first_of(similar(place)) == "patiently"


def test_a_comment_above_all_functions_means_the_code_around_it(similar: Run) -> None:
    for piece in ("retry.py:1", "retry.py:1-2"):
        answer = similar(piece)
        assert answer.returncode == 0, answer.stderr
        assert json.loads(answer.stdout)["hits"] or json.loads(answer.stdout)["copies"]


def test_a_language_that_is_not_known_is_compared_by_its_words(similar: Run) -> None:
    assert first_of(similar("retry.zzz:6-14")) in ("call_with_backoff", "patiently")


@pytest.mark.parametrize(
    ("piece", "sentence"),
    [
        ("image.py:1", "not text"),
        ("empty.py:1", "no words"),
        ("retry.py:400", "no line 400"),
        ("gone.py:1", "gone.py"),
        ("retry.py:9-3", "9-3"),
        ("retry.py", "FILE:LINE"),
    ],
)
def test_what_cannot_be_compared_is_said(similar: Run, piece: str, sentence: str) -> None:
    answer = similar(piece)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert sentence in answer.stderr


def test_half_a_token_on_stdin_is_compared_and_signs_are_refused(similar: Run) -> None:
    assert similar("-", typed=b"cal").returncode in (0, 1)
    refused = similar("-", typed=b"}{;; ()")
    assert refused.returncode == 2
    assert "no words" in refused.stderr
    assert similar("-", typed=b"\xff\xfe broken \x00 bytes").returncode in (0, 1, 2)


def test_ten_thousand_lines_are_compared(similar: Run) -> None:
    answer = similar("long.py:1-10000", "-n", "5")
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert {hit["path"] for hit in found["hits"] + found["copies"]}.isdisjoint({"image.py", "empty.py"})
