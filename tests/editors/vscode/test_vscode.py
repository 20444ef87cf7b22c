"""OASIS in the real VS Code, in a browser: from an installed .vsix to hits, similar code and duplicates.

Run by `make test-editors`, which says so by OASIS_TEST_EDITORS=1: then nothing is skipped.
"""

import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.editors.hello_server import COMMAND
from tests.editors.vscode.conftest import (
    OASIS,
    PATIENCE_S,
    ROOT,
    SETTINGS,
    Tools,
    opened,
    run,
    write_workspace,
)

pytestmark = pytest.mark.skipif(
    os.environ.get("OASIS_TEST_EDITORS") != "1", reason="the editors are tested by `make test-editors`"
)


@pytest.fixture(scope="module")
def seen(tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What a newcomer saw in one session, without touching a setting; then no process is left."""
    base = tmp_path_factory.mktemp("vscode")
    with opened(tools, base, write_workspace(base / "shop")) as rig:
        yield rig.drive("newcomer.mjs")


def test_a_newcomer_finds_code_and_opens_it(seen: dict[str, Any]) -> None:
    assert "error" not in seen, seen
    assert "units" in seen["status"]
    assert "call_with_backoff" in seen["rows"][0]
    assert "retry.py" in seen["opened"]


def test_similar_code_and_duplicates_stand_in_the_side_bar(seen: dict[str, Any]) -> None:
    assert "error" not in seen, seen
    assert "patiently" in str(seen["similar"])
    assert "renamed" in str(seen["duplicates"])


def _meet(
    tools: Tools,
    base: Path,
    workspace: Path,
    wanted: dict[str, Any],
    *,
    settings: Mapping[str, object] = SETTINGS,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """What was seen where something stood in the way: one message, whose button did what it says."""
    with opened(tools, base, workspace, settings=settings, environment=environment) as rig:
        seen = rig.drive("obstacle.mjs", json.dumps(wanted))
    assert "error" not in seen, seen
    assert seen["then"] is True
    assert len(seen["toasts"]) == 1
    return seen


def _program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_without_a_server_one_message_says_where_it_was_looked_for(tools: Tools, tmp_path: Path) -> None:
    workspace = write_workspace(tmp_path / "shop", server=None)
    (workspace / ".venv" / "bin").mkdir(parents=True)
    (workspace / ".venv" / "bin" / "later").symlink_to(OASIS)
    seen = _meet(tools, tmp_path, workspace, {
        "name": "missing", "toast": "needs its server", "button": "Try Again",
        "repair": [str(workspace / ".venv/bin/later"), str(workspace / ".venv/bin/oasis")],
        "then": ".statusbar-item", "text": "units",
    })  # fmt: skip
    assert "missing" in seen["status"]
    assert "not found" in str(seen["rows"])


def test_a_private_environment_is_made_on_request_and_removed(tools: Tools, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path)]
    run([*build, str(ROOT)])
    (wheel,) = tmp_path.glob("*.whl")
    workspace = write_workspace(tmp_path / "shop", server=None)
    settings = {**SETTINGS, "oasis.server.package": str(wheel)}
    seen = _meet(tools, tmp_path, workspace, {
        "name": "private", "toast": "needs its server", "button": "Make a Private Environment",
        "then": ".statusbar-item", "text": "units", "patience": 1000 * PATIENCE_S,
        "after": {"command": "OASIS: Remove the Private Environment", "toast": "was removed"},
    }, settings=settings)  # fmt: skip
    assert "call_with_backoff" in seen["after"]
    assert list(tmp_path.glob("data/**/globalStorage/*/environment")) == []


def test_a_server_of_another_age_is_named_with_its_version(tools: Tools, tmp_path: Path) -> None:
    old = _program(tmp_path / "old", "echo oasis 0.0.7")
    workspace = write_workspace(tmp_path / "shop", server=old)
    seen = _meet(tools, tmp_path, workspace, {
        "name": "old", "toast": "needs its server", "button": "Open Settings",
        "then": ".settings-editor", "text": "Server",
    })  # fmt: skip
    assert "version 0.0, older than 0.1" in seen["toasts"][0]


def test_a_server_that_offers_no_search_is_refused(tools: Tools, tmp_path: Path) -> None:
    other = _program(
        tmp_path / "other", f'[ "$1" = --version ] && echo oasis 0.1.0 || exec {shlex.join(COMMAND)}'
    )
    workspace = write_workspace(tmp_path / "shop", server=other)
    seen = _meet(tools, tmp_path, workspace, {
        "name": "foreign", "toast": "offers no oasis/search", "button": "Show Log",
        "then": ".panel .composite.title", "text": "Output",
    })  # fmt: skip
    assert "failed" in seen["status"]


def test_a_server_that_ends_again_and_again_is_left_alone(tools: Tools, tmp_path: Path) -> None:
    counter = tmp_path / "starts"
    ending = _program(
        tmp_path / "ending",
        f'[ "$1" = --version ] && echo oasis 0.1.0 && exit; echo >> {counter}; '
        f'[ -e {tmp_path}/well ] && exec {OASIS} "$@"; exec {shlex.join(COMMAND)} then-end',
    )
    workspace = write_workspace(tmp_path / "shop", server=ending)
    (tmp_path / "ill").touch()
    seen = _meet(tools, tmp_path, workspace, {
        "name": "crashing", "toast": "ended 5 times", "button": "Restart",
        "repair": [str(tmp_path / "ill"), str(tmp_path / "well")],
        "then": ".statusbar-item", "text": "units",
    })  # fmt: skip
    assert "ended 5 times" in str(seen["rows"])
    assert len(counter.read_text().splitlines()) == 6


def test_a_workspace_whose_drive_vanishes_comes_back_with_it(tools: Tools, tmp_path: Path) -> None:
    workspace = write_workspace(tmp_path / "drive" / "shop", server=None)
    settings = {**SETTINGS, "oasis.server.command": [str(OASIS), "serve"]}
    _meet(tools, tmp_path, workspace, {
        "name": "vanished", "toast": "is gone", "button": "Index Anew", "vanish": str(tmp_path / "drive"),
        "repair": True, "then": ".statusbar-item", "text": "units",
    }, settings=settings)  # fmt: skip


def test_an_index_folder_that_cannot_be_written_is_said_and_search_goes_on(
    tools: Tools, tmp_path: Path
) -> None:
    (tmp_path / "a-file").touch()
    workspace = write_workspace(tmp_path / "shop")
    seen = _meet(tools, tmp_path, workspace, {
        "name": "unwritable", "toast": "cannot be opened", "button": "Choose Index Folder",
        "then": ".settings-editor", "text": "Cache Dir",
    }, environment={"OASIS_CACHE_DIR": str(tmp_path / "a-file" / "index")})  # fmt: skip
    assert "call_with_backoff" in seen["rows"][0]
