"""What the documentation says is so: commands, targets, settings, the shape of the JSON, the version."""

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from oasis_search import __version__
from oasis_search.search.query import Hit, Reason
from oasis_search.syntax import Span
from oasis_search.terminal.parser import parse
from oasis_search.terminal.render import answer_to_json
from oasis_search.workspace.status import Coverage, FoundHit, SearchAnswer

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = (
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/log.md",
    "docs/models.md",
    "docs/endpoints.md",
    "docs/training.md",
)


def fenced(text: str, language: str = "") -> list[str]:
    """Contents of the fenced blocks of one language."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for of_language, block in blocks if of_language == language]


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_newest_version_in_the_changelog_is_that_of_the_package() -> None:
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == __version__


def test_generated_parts_of_the_readme_are_current() -> None:
    generate = load_generator()
    assert generate.replace_part(README, "settings", generate.settings_table()) == README


def test_every_setting_has_a_text_in_the_table() -> None:
    rows = load_generator().settings_table().splitlines()[2:]
    assert len(rows) >= 9
    assert all(row.split("|")[3].strip().endswith(".") for row in rows)


def test_generator_fails_when_a_mark_is_missing() -> None:
    with pytest.raises(ValueError, match="settings:begin"):
        load_generator().replace_part("no marks here", "settings", "")


def readme_commands() -> list[str]:
    lines = [line.split("  #")[0].strip() for block in fenced(README) for line in block.splitlines()]
    return [line for line in lines if re.search(r"\boasis ", line)]


def test_readme_shows_commands() -> None:
    assert len(readme_commands()) >= 5


@pytest.mark.parametrize("line", readme_commands())
def test_commands_in_the_readme_are_understood(line: str) -> None:
    command = line.rpartition("| ")[2].partition(" < ")[0]
    program, *arguments = shlex.split(command)
    assert program == "oasis"
    assert parse(arguments).verb == arguments[0]


def test_make_targets_that_pages_name_exist() -> None:
    for page in PAGES:
        named = re.findall(r"(?:`|^)make ([a-z-]+)", (ROOT / page).read_text(), re.MULTILINE)
        assert set(named) <= targets(), page


def test_make_help_lists_documented_targets() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = set(re.findall(r"^  make (\S+)\t\S", shown, re.MULTILINE))
    assert {"demo", "test", "check", "bench", "docs", "clean"} <= listed <= targets()


def test_files_that_make_and_ci_start_exist() -> None:
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    for script in re.findall(r"\$\(BIN\)/python ([a-z/]+\.py)", (ROOT / "Makefile").read_text()):
        assert (ROOT / script).is_file(), script


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text()):
            assert (ROOT / page).parent.joinpath(link).exists(), f"{page}: {link}"


def test_json_in_the_readme_has_the_shape_of_an_answer() -> None:
    hit = Hit("a.py", Span(0, 1, 0, 0), Span(0, 1, 0, 0), "a", "function", "python", "", b"", 1.0, 0.5)
    found = FoundHit(Path("/w"), hit, "a", b"a", "a")
    answer = SearchAnswer((found,), Coverage(1, 1.0, 1.0, 0.0), "static", 1.0, 1)
    shown = json.loads(fenced(README, "json")[0])
    real = answer_to_json(answer)
    assert list(shown) == list(real)
    assert list(shown["coverage"]) == list(real["coverage"])  # type: ignore[call-overload]
    assert list(shown["hits"][0]) == list(real["hits"][0])  # type: ignore[index]
    assert set(shown["hits"][0]["reasons"][0]) == {field for field in Reason.__dataclass_fields__}


def test_code_map_names_every_package() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()
    packages = [path for path in (ROOT / "server" / "oasis_search").iterdir() if path.is_dir()]
    for package in packages:
        if package.name != "__pycache__":
            assert f"  {package.name}/" in page, package.name


def test_generator_check_agrees() -> None:
    command = [sys.executable, "docs/generate.py", "--check"]
    assert subprocess.run(command, cwd=ROOT).returncode == 0
