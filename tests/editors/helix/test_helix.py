"""OASIS in the real Helix, driven through tmux, with the settings that users paste.

Runs where `OASIS_TEST_HELIX` names a Helix; `fetch.sh` beside this file unpacks one.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HELIX = os.environ.get("OASIS_TEST_HELIX", "")
pytestmark = pytest.mark.skipif(not HELIX, reason="OASIS_TEST_HELIX names no Helix")

SETTINGS = Path(__file__).parents[3] / "editors" / "helix" / "languages.toml"
PATIENCE_S = 60.0
WORKSPACE = {
    "src/invoice.py": 'class Invoice:\n    """What a customer owes."""\n\n'
    "    def total(self):\n        return 1\n",
    "src/retry.py": "import time\n\n\ndef call_with_backoff(action):\n"
    '    """Try again after a failure."""\n    for _ in range(4):\n        action()\n',
}


class Screen:
    """One Helix in a terminal of tmux."""

    def __init__(self, base: Path) -> None:
        tmux = shutil.which("tmux")
        assert tmux, "tmux is missing. Install it: apt-get install tmux"
        self.tmux = [tmux, "-S", str(base / "tmux"), "-f", "/dev/null"]

    def run(self, *arguments: str) -> str:
        """What tmux printed."""
        return subprocess.run([*self.tmux, *arguments], check=True, capture_output=True, text=True).stdout

    def type(self, text: str) -> None:
        """Type `text` as it is."""
        self.run("send-keys", "-l", text)
        time.sleep(0.5)

    def wait(self, what: str, is_there: Callable[[str], bool]) -> str:
        """The screen as soon as `is_there` holds for it."""
        until = time.monotonic() + PATIENCE_S
        while True:
            seen = self.run("capture-pane", "-p")
            if is_there(seen):
                return seen
            assert time.monotonic() < until, f"waited in vain for {what}:\n{seen}"
            time.sleep(0.2)


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    """Helix with a file of a small project open."""
    root = tmp_path / "shop"
    for relative, text in WORKSPACE.items():
        path = root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "--quiet", root], check=True)
    config = tmp_path / "config" / "helix"
    config.mkdir(parents=True)
    shutil.copy(SETTINGS, config)
    screen = Screen(tmp_path)
    variables = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    settings = [f"{name}={value}" for name, value in variables.items()]
    command = ["env", *settings, HELIX, "src/retry.py"]
    screen.run("new-session", "-d", "-x", "110", "-y", "26", "-c", str(root), *command)
    yield screen
    subprocess.run([*screen.tmux, "kill-server"], check=False, capture_output=True)


def test_symbol_picker_finds_by_meaning_and_opens_the_best_hit(screen: Screen) -> None:
    screen.wait("the file", lambda seen: "call_with_backoff" in seen)
    time.sleep(5)  # Helix 25.01 says nowhere that a server is ready.
    screen.type(" S")
    screen.type("what a customer owes")
    seen = screen.wait("the hits", lambda seen: "> class" in seen)
    assert "Invoice" in next(line for line in seen.splitlines() if "> class" in line)
    screen.run("send-keys", "Enter")
    screen.wait("the hit", lambda seen: "NOR   src/invoice.py" in seen)
