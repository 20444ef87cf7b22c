"""`oasis` in this process: every verb over one small real workspace, and every way to type it wrong."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from oasis_search import __version__
from oasis_search.cli import main
from oasis_search.syntax import KINDS

WORKSPACE = {
    "storage/lock.py": '''"""Locks on files."""

import fcntl


class FileLock:
    """Holds a file so that no other process may write to it."""

    def acquire(self, path: str) -> int:
        """Open a file and lock it for this process alone."""
        handle = open(path, "a")
        fcntl.flock(handle, fcntl.LOCK_EX)
        return handle.fileno()
''',
    "net/retry.go": """package net

// RetryWithBackoff calls f again after growing pauses until it succeeds.
func RetryWithBackoff(f func() error, attempts int) error {
	var err error
	for i := 0; i < attempts; i++ {
		if err = f(); err == nil {
			return nil
		}
		pause(1 << i)
	}
	return err
}
""",
    "README.md": "# Sample\n\nA sample workspace with a file lock and a retry loop.\n",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    status: int
    out: str
    err: str


Oasis = Callable[..., Outcome]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that is indexed once for all tests of this file."""
    root = tmp_path_factory.mktemp("workspace")
    for path, text in WORKSPACE.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(text)
    return root


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OASIS_CACHE_DIR", str(path))
        patch.setenv("OASIS_CONFIG", str(path / "settings.toml"))
        yield path


@pytest.fixture
def oasis(cache: Path, capsys: pytest.CaptureFixture[str]) -> Oasis:
    def run(*arguments: str) -> Outcome:
        try:
            status = main(arguments)
        except SystemExit as ending:  # argparse ends the process on its own
            status = int(str(ending.code))
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return run


def check_refused(outcome: Outcome, *words: str) -> None:
    """Status 2, nothing on stdout, and a sentence that has `words` and is no traceback."""
    assert outcome.status == 2
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    for word in words:
        assert word in outcome.err


def test_question_in_words_finds_the_function(oasis: Oasis, folder: Path) -> None:
    found = oasis("search", "try again with longer and longer pauses", str(folder), "--json")
    hit = json.loads(found.out)["hits"][0]
    assert found.status == 0
    assert (hit["path"], hit["symbol"], hit["kind"], hit["language"]) == (
        "net/retry.go",
        "RetryWithBackoff",
        "function",
        "go",
    )


def test_json_has_exactly_the_fields_of_the_contract(oasis: Oasis, folder: Path) -> None:
    answer = json.loads(oasis("search", "lock a file", str(folder), "--json").out)
    assert list(answer) == ["hits", "coverage", "model", "elapsed_ms"]
    assert list(answer["coverage"]) == ["units", "lexical", "static", "model"]
    assert answer["coverage"]["lexical"] == 1.0
    for hit in answer["hits"]:
        assert list(hit) == [
            "path",
            "start_line",
            "end_line",
            "symbol",
            "kind",
            "language",
            "score",
            "probability",
            "reasons",
        ]
        assert 0 <= hit["probability"] <= 1
        assert all(set(reason) == {"signal", "detail"} for reason in hit["reasons"])


def test_json_lines_count_from_one_and_include_the_last(oasis: Oasis, folder: Path) -> None:
    answer = json.loads(oasis("search", "FileLock.acquire", str(folder), "--json", "--kind", "method").out)
    hit = answer["hits"][0]
    lines = WORKSPACE["storage/lock.py"].splitlines()[hit["start_line"] - 1 : hit["end_line"]]
    assert hit["symbol"] == "FileLock.acquire"
    assert lines[0].strip().startswith("def acquire")
    assert lines[-1].strip() == "return handle.fileno()"


def test_text_answer_names_place_symbol_and_code(oasis: Oasis, folder: Path) -> None:
    found = oasis("search", "RetryWithBackoff", str(folder), "-n", "1")
    assert found.status == 0
    assert " 1  net/retry.go:4  function RetryWithBackoff" in found.out
    assert "func RetryWithBackoff(f func() error, attempts int) error {" in found.out
    assert "\x1b" not in found.out


def test_explain_says_why(oasis: Oasis, folder: Path) -> None:
    plain = oasis("search", "RetryWithBackoff", str(folder)).out
    explained = oasis("search", "RetryWithBackoff", str(folder), "--explain").out
    assert "    - " not in plain
    assert "    - definition: " in explained


def test_filters_restrict_hits(oasis: Oasis, folder: Path) -> None:
    def paths(*options: str) -> set[str]:
        answer = json.loads(oasis("search", "lock a file, retry", str(folder), "--json", *options).out)
        return {hit["path"] for hit in answer["hits"]}

    assert paths("--lang", "go") == {"net/retry.go"}
    assert paths("--lang", "go", "--lang", "Python") == {"net/retry.go", "storage/lock.py"}
    assert paths("--glob", "storage/") == {"storage/lock.py"}
    assert paths("--glob", "!*.go", "--glob", "!*.md") == {"storage/lock.py"}
    assert paths("--kind", "text") == {"README.md"}


def test_limit_bounds_the_answer(oasis: Oasis, folder: Path) -> None:
    answer = json.loads(oasis("search", "lock a file, retry", str(folder), "--json", "-n", "2").out)
    assert len(answer["hits"]) == 2


def test_no_hit_is_status_one_and_a_sentence(oasis: Oasis, folder: Path) -> None:
    found = oasis("search", "lock", str(folder), "--lang", "haskell")
    assert (found.status, found.out) == (1, "")
    assert "Nothing found" in found.err
    as_json = oasis("search", "lock", str(folder), "--lang", "haskell", "--json")
    assert as_json.status == 1
    assert json.loads(as_json.out)["hits"] == []


def test_a_verb_indexes_its_folder_although_editors_do_not(
    oasis: Oasis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "settings.toml").write_text("[index]\nenabled = false\n")
    monkeypatch.setenv("OASIS_CONFIG", str(tmp_path / "settings.toml"))
    (tmp_path / "rates.py").write_text("def convert_currency(amount, rate):\n    return amount * rate\n")
    assert "convert_currency" in oasis("search", "convert currency", str(tmp_path)).out


def test_folder_may_stand_behind_the_options(oasis: Oasis, folder: Path) -> None:
    assert oasis("search", "lock", "-n", "1", str(folder)).status == 0


def test_folder_is_the_working_directory_by_default(
    oasis: Oasis, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder / "net")
    assert "retry.go:4" in oasis("search", "RetryWithBackoff").out


def test_dash_reads_the_question_from_stdin(
    oasis: Oasis, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"RetryWithBackoff\n")))
    assert "net/retry.go:4" in oasis("search", "-", str(folder)).out


def test_nothing_is_written_into_the_workspace(oasis: Oasis, folder: Path) -> None:
    oasis("index", str(folder), "--rebuild")
    oasis("search", "lock", str(folder))
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == set(WORKSPACE)


def test_index_says_what_came_of_it_and_encodes_once(oasis: Oasis, tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("def only_once():\n    return 'encoded only once'\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    first = oasis("index", str(tmp_path), "--wait")
    again = oasis("index", str(tmp_path))
    assert first.status == again.status == 0
    assert "1 newly encoded" in first.out
    assert "1 file left out (1 binary)" in first.out
    assert "0 newly encoded" in again.out


def test_status_follows_the_disk_without_indexing(oasis: Oasis, tmp_path: Path) -> None:
    def state() -> tuple[str, int, int, int]:
        found = json.loads(oasis("status", str(tmp_path), "--json").out)
        return found["state"], found["files_total"], found["files_done"], found["files_gone"]

    old = tmp_path / "old.py"
    old.write_text("def old():\n    return 1\n")
    # A file as young as this may change again within one tick of the clock, so it would not count as known.
    os.utime(old, (1_000_000_000, 1_000_000_000))
    assert state() == ("new", 1, 0, 0)
    assert state() == ("new", 1, 0, 0)
    oasis("index", str(tmp_path))
    (tmp_path / "new.py").write_text("def new():\n    return 2\n")
    assert state()[0] == "outdated"
    old.unlink()
    assert state() == ("new", 1, 0, 1)


def test_status_names_files_left_out_and_why(oasis: Oasis, tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(bytes(range(256)) * 8)
    oasis("index", str(tmp_path))
    found = oasis("status", str(tmp_path))
    assert found.status == 0
    assert "left out, binary: 1 file" in found.out
    assert "data.bin" in found.out


def test_doctor_reports_all_that_a_bug_report_needs(oasis: Oasis, folder: Path, cache: Path) -> None:
    found = oasis("doctor", str(folder), "--json")
    report = json.loads(found.out)
    checks = {check["name"]: check for check in report["checks"]}
    assert set(checks) >= {
        "oasis",
        "python",
        "libraries",
        "grammars",
        "settings",
        "model",
        "cache",
        "index",
        "watching",
        "git",
        "processors",
        "folder",
    }
    assert report["version"] == __version__
    assert str(cache) in checks["cache"]["detail"]
    assert "python" in checks["grammars"]["detail"]
    assert "fingerprint" in checks["model"]["detail"]
    assert found.status == (0 if report["ok"] else 1)


def test_doctor_has_a_remedy_for_a_cache_that_cannot_be_written(
    oasis: Oasis, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OASIS_CACHE_DIR", str(folder / "README.md"))
    found = oasis("doctor", str(folder))
    assert found.status == 1
    assert "PROBLEM  cache" in found.out
    assert "-> Make the folder writable" in found.out


def test_doctor_names_a_damaged_index(
    oasis: Oasis, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "index-v1.sqlite").write_bytes(b"not a database, but long enough to be read as one" * 100)
    monkeypatch.setenv("OASIS_CACHE_DIR", str(tmp_path))
    found = oasis("doctor", str(folder))
    assert found.status == 1
    assert "PROBLEM  index" in found.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("usage: oasis",)),
        (("find", "x"), ("invalid choice", "'find'")),
        (("search", "x", "--colour"), ("--colour", "oasis search --help")),
        (("search", "x", "a", "b"), ("unknown argument: b",)),
        (("search",), ("QUERY",)),
        (("search", ""), ("The query is empty",)),
        (("search", " \n\t"), ("The query is empty",)),
        (("search", "x", "-n", "0"), ("-n must be", "'0'")),
        (("search", "x", "-n", "many"), ("-n must be", "'many'")),
        (("search", "x", "--lang", "pyton"), ('no language "pyton"', "python")),
        (("search", "x", "--lang", "qqqq"), ('no language "qqqq"', "rust")),
        (("search", "x", "--kind", "macro"), ('no kind "macro"', *KINDS)),
        (("search", "x", "--glob", ""), ("--glob ''", "gitignore")),
        (("search", "x", "--glob", "!"), ("--glob '!'", "gitignore")),
        (("search", "x", "--model", "huge"), ("no model 'huge'", "static")),
        (("search", "x", "no/such/folder"), ('no folder "no/such/folder"',)),
        (("index", "no/such/folder"), ('no folder "no/such/folder"',)),
        (("status", "no/such/folder"), ('no folder "no/such/folder"',)),
        (("search", "x", "nul\0byte"), ("no folder",)),
        (("search", "x", "n" * 5000), ("cannot be opened",)),
        (("models", "burn"), ("invalid choice", "burn")),
        (("serve", "--tcp", "8765"), ("HOST:PORT",)),
        (("search", "x", "--log-level", "loud"), ("loud",)),
    ],
)
def test_mistakes_are_answered_by_a_sentence(
    oasis: Oasis, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    check_refused(oasis(*arguments), *words)


def test_file_in_place_of_a_folder_names_the_folder_to_give(oasis: Oasis, folder: Path) -> None:
    check_refused(oasis("search", "x", str(folder / "README.md")), "is a file", f'"{folder}"')


@pytest.mark.parametrize(
    "question", ["?!*(", "\\", "' OR 1=1 --", "\x1b[31m", "ﷺ", "a" * 5000, "lock\udce9", "the of and"]
)
def test_strange_questions_get_an_answer(oasis: Oasis, folder: Path, question: str) -> None:
    found = oasis("search", "--json", "--", question, str(folder))
    assert found.status == (0 if json.loads(found.out)["hits"] else 1)


@pytest.mark.parametrize("verb", ["", "index", "search", "status", "doctor", "models", "serve"])
def test_every_help_has_two_examples(oasis: Oasis, verb: str) -> None:
    shown = oasis(*([verb] if verb else []), "--help")
    examples = shown.out.partition("\nexamples:\n")[2].partition("\n\n")[0].splitlines()
    assert shown.status == 0
    assert len(examples) == 2
    assert all("oasis" in example for example in examples)


def test_version_is_ours(oasis: Oasis) -> None:
    assert oasis("--version").out == f"oasis {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["search", "--help"], ["--version"], ["search", "--no-such-option"]]
)
def test_help_and_typing_mistakes_import_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom oasis_search.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'tree_sitter', 'pygls', 'lsprotocol', 'rich', 'sqlite3', 'torch'}\n"
        "sys.exit(', '.join(heavy & sys.modules.keys()) or 0)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
