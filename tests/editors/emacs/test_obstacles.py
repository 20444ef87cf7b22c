"""What stands in Emacs' way, and what it is shown by: one message, and a command that helps."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.editors.emacs.test_emacs import PACKAGE, PATIENCE_S, WORKSPACE, emacs, project
from tests.editors.hello_server import COMMAND as FOREIGN

pytestmark = pytest.mark.skipif(
    os.environ.get("OASIS_TEST_EDITORS") != "1", reason="editors are tested by `make test-editors`"
)

SCRIPT = Path(__file__).with_name("obstacles.el")


@pytest.mark.parametrize("scenario", ["foreign", "unwritable", "vanished"])
def test_it_is_said_once_and_a_command_helps(scenario: str, tmp_path: Path) -> None:
    root = project(tmp_path / "shop", WORKSPACE)
    (tmp_path / "a-file").touch()
    given = {
        "scenario": scenario,
        "command": [str(Path(sys.executable).parent / "oasis"), "serve"],
        "foreign": FOREIGN,
        "cache": str(tmp_path / "index"),
        "folder": f"{tmp_path}/",
        "root": f"{root}/",
        "result": str(tmp_path / "result.json"),
    }
    done = subprocess.run(
        [emacs(), "--batch", "-Q", "-L", PACKAGE, "-l", SCRIPT],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path), "OASIS_TEST": json.dumps(given)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "result.json").read_text(encoding="utf-8")) == {"count": 1}
    left = [each for each in psutil.process_iter(["cmdline"]) if str(tmp_path) in str(each.info["cmdline"])]
    _, alive = psutil.wait_procs(left, timeout=20)
    assert alive == []
