"""What stands in Neovim's way, and what it is shown by: one message, and a command that helps."""

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.editors.hello_server import COMMAND as FOREIGN
from tests.editors.neovim.test_neovim import BIN, PLUGIN, WORKSPACE

HERE = Path(__file__).parent
PATIENCE_S = 180


def run_script(script: str, base: Path, given: dict[str, Any]) -> dict[str, Any]:
    """The result that a script in Neovim wrote; afterwards no server of it is left."""
    root = base / "shop"
    for relative, text in WORKSPACE.items():
        (root / relative).parent.mkdir(parents=True, exist_ok=True)
        (root / relative).write_text(text, encoding="utf-8")
    (root / ".git").mkdir()
    (base / "a-file").touch()
    result = base / "result.json"
    places = {"root": str(root), "folder": str(base), "cache": str(base / "index"), "result": str(result)}
    environment = {
        **os.environ,
        **{f"XDG_{kind}_HOME": str(base / kind) for kind in ("CONFIG", "DATA", "STATE", "CACHE")},
        "OASIS_TEST": json.dumps({**places, **given}),
    }
    command = [str(BIN / "nvim"), "--clean", "--headless", "-n", "--cmd", f"set rtp^={PLUGIN}"]
    editor = subprocess.Popen(
        [*command, "-c", f"luafile {HERE / script}"],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said, _ = editor.communicate(timeout=PATIENCE_S)
    assert editor.returncode == 0, said
    left = [
        process for process in psutil.process_iter(["cmdline"]) if str(base) in str(process.info["cmdline"])
    ]
    _, alive = psutil.wait_procs(left, timeout=20)
    assert alive == []
    facts: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return facts


@pytest.mark.parametrize(
    ("scenario", "count"),
    [
        ("missing", 1),
        ("older", 0),
        ("foreign", 1),
        ("ending", 4),
        ("ending_seldom", 7),
        ("hung", 1),
        ("unwritable", 1),
        ("vanished", 1),
    ],
)
def test_it_is_said_once_and_a_command_helps(scenario: str, count: int, tmp_path: Path) -> None:
    hanging = shlex.join([*FOREIGN, "then-hang"])
    (tmp_path / "server").write_text(
        f"[ -e {tmp_path}/well ] && exec {BIN / 'oasis'} serve\nexec {hanging}\n"
    )
    given = {
        "scenario": scenario,
        "command": [str(BIN / "oasis"), "serve"],
        "foreign": FOREIGN,
        "ending": [*FOREIGN, "then-end"],
    }
    assert run_script("obstacles.lua", tmp_path, given)["count"] == count


def test_picker_plugins_get_the_hits_in_our_order_with_their_places(tmp_path: Path) -> None:
    file = tmp_path / "three.py"
    file.write_text("def third\ndef first\ndef second\n", encoding="utf-8")
    seen = run_script("pickers.lua", tmp_path, {"file": str(file)})
    names = ["third", "first", "second"]
    assert [entry["display"].split()[1] for entry in seen["telescope"]["finder"]] == names
    assert [entry["lnum"] for entry in seen["telescope"]["finder"]] == [1, 2, 3]
    assert seen["telescope"]["sorter"] == "in order"
    assert seen["fzf-lua"]["lines"][1].startswith(f"{file}:2:5: ")
    assert seen["fzf-lua"]["options"]["fzf_opts"]["--no-sort"] is True
    assert [item["pos"] for item in seen["snacks"]["items"]] == [[1, 4], [2, 4], [3, 4]]
    assert seen["snacks"]["sort"] == {"fields": ["idx"]}
    assert "third" in seen["snacks"]["line"]
    assert [text.split()[1] for text in seen["quickfix"]] == names, "without the plugin"
