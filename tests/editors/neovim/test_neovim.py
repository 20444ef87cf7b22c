"""OASIS in the real Neovim, headless: ask in words, land on the code, edit, ask again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
PLUGIN = Path(__file__).parents[3] / "editors" / "neovim"
SCRIPT = Path(__file__).with_name("session.lua")
PATIENCE_S = 180

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

COPIED = """\
def heaviest_in_NAME(WORD, limit):
    found = []
    for one in WORD:
        if one.weight > limit and one.is_loaded:
            found.append((one.weight, one.owner))
    found.sort(reverse=True)
    return found[:10]
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What one whole session in Neovim saw."""
    nvim = BIN / "nvim"
    assert nvim.exists(), f'{nvim} is missing. Install it: pip install -e ".[dev]"'
    base = tmp_path_factory.mktemp("neovim")
    root = base / "shop"
    for relative, text in WORKSPACE.items():
        path = root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (root / ".git").mkdir()
    second = base / "second"
    (second / ".git").mkdir(parents=True)
    (second / "tide.py").write_text(
        "def next_high_tide(moon):\n    return moon.phase() + 6\n", encoding="utf-8"
    )
    for name, word in (("harbour", "ships"), ("depot", "lorries")):
        (second / f"{name}.py").write_text(
            COPIED.replace("WORD", word).replace("NAME", name), encoding="utf-8"
        )
    (base / "settings.toml").write_text(f"cacheDir = {json.dumps(str(base / 'index'))}\n", encoding="utf-8")
    environment = {
        **os.environ,
        "OASIS_CONFIG": str(base / "settings.toml"),
        **{f"XDG_{kind}_HOME": str(base / kind) for kind in ("CONFIG", "DATA", "STATE", "CACHE")},
        "OASIS_TEST": json.dumps(
            {
                "command": [str(BIN / "oasis"), "serve"],
                "root": str(root),
                "second": str(second),
                "result": str(base / "result.json"),
            }
        ),
    }
    done = subprocess.run(
        [nvim, "--clean", "--headless", "-n", "--cmd", f"set rtp^={PLUGIN}", "-c", f"luafile {SCRIPT}"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, object] = json.loads((base / "result.json").read_text(encoding="utf-8"))
    assert (root / "src/retry.py").read_text(encoding="utf-8") == WORKSPACE["src/retry.py"]
    result["has_index_where_the_file_says"] = any((base / "index").glob("**/*"))
    return result


def test_the_users_own_settings_file_counts_where_neovim_sets_nothing(outcome: dict[str, object]) -> None:
    assert outcome["has_index_where_the_file_says"] is True


def test_search_lists_hits_best_first_and_jumps_to_the_name(outcome: dict[str, object]) -> None:
    first = outcome["by_meaning"]
    assert isinstance(first, dict)
    assert first["title"] == "OASIS: wait longer after each failed attempt"
    assert first["files"][0] == "retry.py"
    assert first["files"] == first["order_of_server"]
    assert first["cursor"] == ["retry.py", 4, 4]


def test_similar_code_is_listed_with_its_level_and_without_itself(outcome: dict[str, object]) -> None:
    similar = outcome["similar"]
    assert isinstance(similar, dict)
    assert similar["title"] == "OASIS: like call_with_backoff"
    assert similar["text"].startswith("behaviour  ")
    assert "call_with_backoff" not in similar["text"]


def test_columns_behind_emoji_are_bytes_of_the_line(outcome: dict[str, object]) -> None:
    line = WORKSPACE["web/distance.js"].splitlines()[0]
    column = len(line[: line.index("haversine")].encode())
    assert outcome["emoji"] == ["distance.js", 1, column]


def test_unsaved_function_is_found_where_it_was_typed(outcome: dict[str, object]) -> None:
    assert outcome["unsaved"] == ["retry.py", 2, 4]


def test_second_project_joins_the_same_server(outcome: dict[str, object]) -> None:
    assert outcome["second"] == ["tide.py", 1, 4]
    assert outcome["clients"] == 1


def test_menu_gets_the_hits_and_opens_the_chosen_one(outcome: dict[str, object]) -> None:
    menu = outcome["menu"]
    assert isinstance(menu, dict)
    assert "Invoice.total_with_tax" in menu["label"]
    assert menu["cursor"][0] == "invoice.py"


def test_live_picker_shows_the_newest_answer_with_a_preview_and_opens_it(outcome: dict[str, object]) -> None:
    live = outcome["live"]
    assert isinstance(live, dict)
    assert live["lines"] == live["hits"] > 1
    assert "def call_with_backoff" in live["preview"]
    assert live["marks"] >= 10
    assert live["wraps"]
    assert live["cursor"][0] == "retry.py"
    assert live["windows_left"] == 2


def test_duplicates_are_listed_by_group(outcome: dict[str, object]) -> None:
    duplicates = outcome["duplicates"]
    assert isinstance(duplicates, dict)
    assert duplicates["title"] == "OASIS: 1 of 1 groups of copies"
    assert len(duplicates["texts"]) == 2
    assert all(text.startswith("group 1 (renamed, 2 places, ") for text in duplicates["texts"])


def test_statusline_is_empty_when_all_is_well(outcome: dict[str, object]) -> None:
    assert outcome["statusline"] == ["", "OASIS 42%", "OASIS paused"]


def test_status_names_the_projects(outcome: dict[str, object]) -> None:
    status = str(outcome["status"])
    assert "shop: ready, 4 of 4 files" in status


def test_progress_was_shown(outcome: dict[str, object]) -> None:
    assert "begin" in str(outcome["progress"])
    assert str(outcome["progress"]).endswith("end")


def test_empty_answer_is_a_message(outcome: dict[str, object]) -> None:
    assert "empty" in str(outcome["empty"])
