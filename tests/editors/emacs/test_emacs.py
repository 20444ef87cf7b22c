"""OASIS in the real Emacs, in batch: ask in words, land on the code, edit, ask again, leave nothing behind.

Runs where `OASIS_TEST_EDITORS=1` is set (`make test-editors`); there a missing Emacs is a failure.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    os.environ.get("OASIS_TEST_EDITORS") != "1", reason="editors are tested by `make test-editors`"
)

PACKAGE = Path(__file__).parents[3] / "editors" / "emacs"
SCRIPT = Path(__file__).with_name("session.el")
PATIENCE_S = 240

WORKSPACE = {
    "src/retry.py": '''\
import time


def call_with_backoff(action, attempts=5):
    """Try again after a failure, waiting twice as long each time."""
    delay = 0.1
    for _ in range(attempts):
        try:
            return action()
        except ConnectionError:
            time.sleep(delay)
            delay *= 2
    raise TimeoutError("gave up")
''',
    "src/invoice.py": '''\
class Invoice:
    """What a customer owes."""

    def total_with_tax(self, rate):
        """Sum of all lines including value added tax."""
        return sum(line.price for line in self.lines) * (1 + rate)
''',
    "web/distance.js": """\
const globe = "🌍🌎"; export function haversine(a, b) {
  // Great-circle distance between two points on earth, in kilometres.
  return 12742 * Math.asin(Math.sqrt(chord(a, b)));
}
""",
    "README.md": "# Shop\n\nHow parcels are shipped to customers abroad.\n",
}
COPY = """\
def mean_of_positive(numbers):
    kept = []
    for number in numbers:
        if number > 0:
            kept.append(number)
    if not kept:
        raise ValueError("nothing is positive")
    return sum(kept) / len(kept)
"""
SECOND = {
    "tide.py": "def next_high_tide(moon):\n    return moon.phase() + 6\n",
    "first_copy.py": COPY,
    "second_copy.py": COPY,
}


def emacs() -> str:
    """The program; a failure that says what to install where there is none."""
    found = shutil.which("emacs")
    assert found, "emacs is missing. Install it: apt-get install emacs-nox"
    return found


def project(root: Path, files: dict[str, str]) -> Path:
    """A folder with these files, under git."""
    for relative, text in files.items():
        path = root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "--quiet", root], check=True)
    return root


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What one whole session in Emacs saw."""
    base = tmp_path_factory.mktemp("emacs")
    root = project(base / "shop", WORKSPACE)
    second = project(base / "second", SECOND)
    environment = {
        **os.environ,
        "HOME": str(base),
        "OASIS_TEST": json.dumps(
            {
                "command": [str(Path(sys.executable).parent / "oasis"), "serve"],
                "cache": str(base / "index"),
                "root": f"{root}/",
                "second": f"{second}/",
                "result": str(base / "result.json"),
            }
        ),
    }
    done = subprocess.run(
        [emacs(), "--batch", "-Q", "-L", PACKAGE, "-l", SCRIPT],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, object] = json.loads((base / "result.json").read_text(encoding="utf-8"))
    assert (root / "src/retry.py").read_text(encoding="utf-8") == WORKSPACE["src/retry.py"]
    return result


def _texts(value: object) -> list[str]:
    assert isinstance(value, list)
    return [str(each) for each in value]


def test_package_compiles_without_a_warning_and_its_documentation_is_clean(tmp_path: Path) -> None:
    source = shutil.copy(PACKAGE / "oasis.el", tmp_path)
    check = '(checkdoc-file "oasis.el")'
    done = subprocess.run(
        [
            emacs(),
            *("--batch", "-Q", "--eval", "(setq byte-compile-error-on-warn t)"),
            *("--eval", f"(progn (require 'checkdoc) {check})", "-f", "batch-byte-compile", source),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr


def test_missing_program_is_named_with_its_remedy(outcome: dict[str, object]) -> None:
    assert "no program" in str(outcome["missing"])
    assert "uv tool install oasis-code-search" in str(outcome["missing"])


def test_server_that_does_not_start_says_its_last_words(outcome: dict[str, object]) -> None:
    assert "broken pipe of dreams" in str(outcome["broken"])
    assert "oasis doctor" in str(outcome["broken"])


def test_mode_line_names_oasis(outcome: dict[str, object]) -> None:
    assert outcome["lighter"] == " OASIS"


def test_search_lists_hits_best_first_and_opens_the_name(outcome: dict[str, object]) -> None:
    assert outcome["title"] == "OASIS: wait longer after each failed attempt"
    assert _texts(outcome["files"])[0] == "retry.py"
    assert outcome["files"] == outcome["order"]
    assert outcome["cursor"] == ["retry.py", 4, 4]


def test_moving_in_the_list_shows_the_hit_beside_it(outcome: dict[str, object]) -> None:
    assert outcome["next"] == [2, 2]
    assert outcome["previous"] == 1


def test_columns_behind_emoji_are_characters(outcome: dict[str, object]) -> None:
    line = WORKSPACE["web/distance.js"].splitlines()[0]
    assert outcome["emoji"] == ["distance.js", 1, line.index("haversine")]


def test_similar_code_is_listed_with_its_level_and_without_itself(outcome: dict[str, object]) -> None:
    title, text = _texts(outcome["similar"])
    assert title == "OASIS: like call_with_backoff"
    assert "behaviour" in text
    assert "call_with_backoff" not in text


def test_xref_keeps_the_order_of_the_server(outcome: dict[str, object]) -> None:
    _, listed = _texts(outcome["similar"])
    headings = [line for line in str(outcome["xref"]).splitlines() if "%" in line]
    assert [line.split() for line in headings] == [line.split() for line in listed.splitlines()]


def test_unsaved_function_is_found_where_it_was_typed(outcome: dict[str, object]) -> None:
    assert outcome["unsaved"] == ["retry.py", 2, 4]


def test_second_project_joins_the_same_server(outcome: dict[str, object]) -> None:
    assert outcome["second"] == ["tide.py", 1, 4]
    assert outcome["servers"] == 1


def test_commands_in_a_list_are_about_the_project_it_is_of(outcome: dict[str, object]) -> None:
    assert Path(str(outcome["list_root"])).name == "second"


def test_duplicates_are_listed_in_groups(outcome: dict[str, object]) -> None:
    assert str(outcome["no_duplicates"]).startswith("OASIS: ")
    title, text = _texts(outcome["duplicates"])
    assert title == "OASIS: 1 group of duplicates"
    assert text.startswith("exact, 2 times")
    assert text.index("first_copy.py:1") < text.index("second_copy.py:1")


def test_status_names_the_projects(outcome: dict[str, object]) -> None:
    assert "shop: ready, 4 of 4 files" in str(outcome["status"])


def test_empty_answer_is_a_message(outcome: dict[str, object]) -> None:
    assert "empty" in str(outcome["empty"])


def test_crash_is_told_once_and_the_next_search_starts_anew(outcome: dict[str, object]) -> None:
    assert "the server ended" in str(outcome["crash"])
    assert _texts(outcome["first"])[0] == "retry.py"
    assert outcome["again"] == ["retry.py", 8, 4]


def test_stopping_leaves_no_process(outcome: dict[str, object]) -> None:
    assert outcome["exit"] == ["exit", 0, 0, 0]
    assert not Path(f"/proc/{outcome['pid']}").exists()
