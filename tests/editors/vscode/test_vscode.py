"""OASIS in the real VS Code, in a browser: from an installed .vsix to hits, similar code and duplicates.

Run by `make test-editors`, which says so by OASIS_TEST_EDITORS=1: then nothing is skipped.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
EXTENSION = ROOT / "editors" / "vscode"
BIN = Path(sys.executable).parent
PATIENCE_S = 900
"""Compiling code-server takes two minutes of two idle cores."""

pytestmark = pytest.mark.skipif(
    os.environ.get("OASIS_TEST_EDITORS") != "1", reason="the editors are tested by `make test-editors`"
)

WORKSPACE = {
    "net/retry.py": '''\
"""Talking to unreliable services."""

import time


def call_with_backoff(action, attempts=5):
    """Try again after a failure, waiting twice as long each time."""
    delay = 0.1
    for attempt in range(attempts):
        try:
            return action()
        except ConnectionError:
            time.sleep(delay)
            delay *= 2
    raise TimeoutError("gave up")
''',
    "net/patient.py": """\
import time


def patiently(job, tries=5):
    pause = 0.1
    for number in range(tries):
        try:
            return job()
        except ConnectionError:
            time.sleep(pause)
            pause *= 2
    raise TimeoutError("gave up")
""",
    "billing/invoice.py": '''\
class Invoice:
    """What a customer owes."""

    def total_with_tax(self, rate):
        """Sum of all lines including value added tax."""
        return sum(line.price * line.quantity for line in self.lines) * (1 + rate)
''',
    "web/distance.js": """\
// Great-circle distance between two points on the globe, in kilometres.
export function haversine(a, b) {
  return 12742 * Math.asin(Math.sqrt(chord(a, b)));
}
""",
}
SETTINGS = {
    "security.workspace.trust.enabled": False,
    "workbench.startupEditor": "none",
    "update.mode": "none",
    "extensions.autoUpdate": False,
    "git.enabled": False,
    "telemetry.telemetryLevel": "off",
    "chat.disableAIFeatures": True,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
}


@pytest.fixture(scope="module")
def tools() -> Path:
    """The folder with Node, code-server and playwright-core."""
    folder = Path(os.environ.get("OASIS_EDITORS_CACHE", ROOT / ".venv" / "editors")) / "vscode"
    _run([str(HERE / "install.sh"), str(folder)])
    return folder


@pytest.fixture(scope="module")
def vsix(tools: Path) -> Path:
    """The packaged extension."""
    environment = _environment(tools)
    _run(["npm", "install", "--no-audit", "--no-fund"], cwd=EXTENSION, environment=environment)
    _run(["npm", "run", "package"], cwd=EXTENSION, environment=environment)
    return EXTENSION / "oasis-code-search.vsix"


@pytest.fixture(scope="module")
def seen(tools: Path, vsix: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, object]]:
    """What a newcomer saw in one session, without touching a setting; then no process is left."""
    base = tmp_path_factory.mktemp("vscode")
    workspace = base / "shop"
    for relative, text in WORKSPACE.items():
        (workspace / relative).parent.mkdir(parents=True, exist_ok=True)
        (workspace / relative).write_text(text, encoding="utf-8")
    # As after `pip install oasis-code-search` in the project's own environment. PATH would not do: the
    # extension host has that of the login shell.
    (workspace / ".venv" / "bin").mkdir(parents=True)
    (workspace / ".venv" / "bin" / "oasis").symlink_to(BIN / "oasis")
    (base / "data" / "User").mkdir(parents=True)
    (base / "data" / "User" / "settings.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
    environment = _environment(tools) | {"OASIS_CACHE_DIR": str(base / "cache")}
    node = tools / "bin" / "node"
    code_server = [str(node), str(tools / "node_modules/code-server/out/node/entry.js")]
    code_server += ["--user-data-dir", str(base / "data"), "--extensions-dir", str(base / "extensions")]
    _run([*code_server, "--install-extension", str(vsix)], environment=environment)
    port = _free_port()
    serve = ["--bind-addr", f"127.0.0.1:{port}", "--auth", "none", "--disable-telemetry"]
    serve += ["--disable-update-check", "--disable-workspace-trust", "--disable-getting-started-override"]
    with (base / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [*code_server, *serve, str(workspace)],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_for(port)
        shots = Path(os.environ.get("OASIS_EDITORS_SHOTS", base))
        shots.mkdir(parents=True, exist_ok=True)
        url = f"http://127.0.0.1:{port}/?folder={workspace}"
        drive = [str(node), str(HERE / "drive.mjs"), url, str(shots)]
        done = _run(drive, cwd=tools, environment=environment)
        children = psutil.Process(server.pid).children(recursive=True)
        yield json.loads(done.splitlines()[-1])
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)
    _, alive = psutil.wait_procs(children, timeout=30)
    assert [process.cmdline() for process in alive] == []


def test_a_newcomer_finds_code_and_opens_it(seen: dict[str, object]) -> None:
    assert "error" not in seen, seen
    assert "units" in str(seen["status"])
    rows = seen["rows"]
    assert isinstance(rows, list)
    assert "call_with_backoff" in rows[0]
    assert "retry.py" in str(seen["opened"])


def test_similar_code_and_duplicates_stand_in_the_side_bar(seen: dict[str, object]) -> None:
    assert "error" not in seen, seen
    assert "patiently" in str(seen["similar"])
    assert "renamed" in str(seen["duplicates"])


def _environment(tools: Path) -> dict[str, str]:
    path = f"{tools / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "npm_config_unsafe_perm": "true"}


def _run(command: list[str], cwd: Path | None = None, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(f"code-server did not answer at port {port}.")
