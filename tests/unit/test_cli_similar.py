"""`oasis similar` in this process: places, ranges, stdin, JSON, and what is refused with a sentence."""

import io
import json
from pathlib import Path

import pytest

from oasis_search.cli import main

WORKSPACE = {
    "net/retry.py": "def call_patiently(action, attempts=5):\n"
    '    """Try again after a failure, waiting twice as long each time."""\n'
    "    delay = 0.1\n"
    "    for attempt in range(attempts):\n"
    "        try:\n"
    "            return action()\n"
    "        except ConnectionError:\n"
    "            time.sleep(delay)\n"
    "            delay *= 2\n"
    "    raise TimeoutError('gave up')\n",
    "old/again.py": "def again(job, tries=5):\n"
    "    pause = 0.1\n"
    "    for number in range(tries):\n"
    "        try:\n"
    "            return job()\n"
    "        except ConnectionError:\n"
    "            time.sleep(pause)\n"
    "            pause *= 2\n"
    "    raise TimeoutError('gave up')\n",
    "colours.py": "def to_rgb(name):\n    red, green, blue = TABLE[name]\n    return red, green, blue\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("workspace")
    for name, text in (WORKSPACE | {"copies/retry.py": WORKSPACE["net/retry.py"]}).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OASIS_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "similar-cache"))


def test_a_line_means_its_function_and_copies_stand_apart(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["similar", f"{folder}/net/retry.py:5", str(folder), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == ["hits", "copies", "origin", "coverage", "model", "elapsed_ms"]
    assert answer["origin"] == "call_patiently"
    assert [(hit["path"], hit["level"]) for hit in answer["copies"]] == [("copies/retry.py", "exact")]
    first, second = answer["hits"][:2]
    assert (first["symbol"], first["level"]) == ("again", "renamed")
    assert (second["symbol"], second["level"]) == ("to_rgb", "behaviour")
    assert first["score"] > second["score"]


def test_members_of_a_class_are_not_similar_to_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = "".join(f"        self.balance += self.rate * {n} - self.fee\n" for n in range(60))
    methods = "".join(f"\n    def settle_account_{n}(self):\n{steps}" for n in range(3))
    bank = f"class Account:\n    rate = 2\n    fee = 1\n{methods}"
    (tmp_path / "bank.py").write_text(bank, encoding="utf-8")
    (tmp_path / "shop.py").write_text("class Bill:\n    rate = 3\n    fee = 1\n", encoding="utf-8")
    assert main(["similar", f"{tmp_path / 'bank.py'}:1", str(tmp_path), "--json"]) == 0
    hits = json.loads(capsys.readouterr().out)["hits"]
    assert "Bill" in [hit["symbol"] for hit in hits]
    assert not [hit for hit in hits if hit["symbol"].startswith("Account")]


def test_text_names_place_level_and_code(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["similar", f"{folder}/net/retry.py:1-10", str(folder), "-n", "1"]) == 0
    out = capsys.readouterr().out
    assert "copies of call_patiently\n 1  copies/retry.py:1  function call_patiently  exact" in out
    assert " 1  old/again.py:1  function again  renamed" in out
    assert "      def again(job, tries=5):" in out


def test_exact_words_are_looked_for_in_the_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ["--exact", "pause *= 2", "--json"]
    assert main(["similar", f"{folder}/net/retry.py:5", str(folder), *wanted]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert ([hit["symbol"] for hit in answer["hits"]], answer["copies"]) == (["again"], [])
    assert main(["similar", f"{folder}/net/retry.py:5", str(folder), "--exact", "2 pause"]) == 1


def test_code_on_stdin_is_compared_in_its_language(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = b"function toRgb(name) { const [red, green, blue] = TABLE[name]; return [red, green, blue]; }"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(code)))
    assert main(["similar", "-", str(folder), "--as", "javascript", "-n", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["hits"][0]["symbol"] == "to_rgb"


def test_nothing_like_it_is_status_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["similar", f"{folder}/colours.py:2", str(folder), "--lang", "haskell"]) == 1
    found = capsys.readouterr()
    assert found.out == ""
    assert "Nothing like it" in found.err


def test_what_may_be_missing_is_said_beside_the_hits(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oasis_search.workspace.session.describe_gaps", lambda folders: "There may be more.")
    assert main(["similar", f"{folder}/net/retry.py:5", str(folder)]) == 0
    assert capsys.readouterr().err == "There may be more.\n"
    assert main(["similar", f"{folder}/net/retry.py:5", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["message"] == "There may be more."


@pytest.mark.parametrize(
    ("piece", "words"),
    [
        ("colours.py", "names no line"),
        ("colours.py:0", "count from 1"),
        ("colours.py:3-2", "count from 1"),
        ("colours.py:99", "has 4 lines"),
        ("missing.py:1", "no file"),
        ("blob.bin:1", "cannot be compared"),
    ],
)
def test_mistakes_are_answered_by_a_sentence(
    folder: Path,
    piece: str,
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (folder / "blob.bin").write_bytes(b"\0\1\2")
    monkeypatch.chdir(folder)
    assert main(["similar", piece]) == 2
    assert words in capsys.readouterr().err
