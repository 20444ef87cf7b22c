"""VS Code as code-server with the packaged extension, one server for each test that wants its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.samples import PATIENT, RETRY

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
EXTENSION = ROOT / "editors" / "vscode"
OASIS = Path(sys.executable).parent / "oasis"
PATIENCE_S = 900
"""Compiling code-server takes two minutes of two idle cores."""

WORKSPACE = {
    "net/retry.py": RETRY,
    "net/patient.py": PATIENT,
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


@dataclass(frozen=True, slots=True)
class Tools:
    """What `install.sh` put into a folder: Node, code-server, playwright-core; and the packaged extension."""

    folder: Path
    vsix: Path

    @property
    def node(self) -> str:
        """The program."""
        return str(self.folder / "bin" / "node")

    @property
    def code_server(self) -> list[str]:
        """Its command."""
        return [self.node, str(self.folder / "node_modules/code-server/out/node/entry.js")]


@dataclass(frozen=True, slots=True)
class Rig:
    """A running code-server with a workspace."""

    tools: Tools
    url: str
    shots: Path

    def drive(self, script: str, *arguments: str) -> dict[str, Any]:
        """What a script of this folder saw in the browser."""
        command = [self.tools.node, str(HERE / script), self.url, str(self.shots), *arguments]
        facts: dict[str, Any] = json.loads(run(command, self.tools.folder).splitlines()[-1])
        return facts


@pytest.fixture(scope="session")
def tools() -> Tools:
    """Installed once for all tests."""
    return install()


def install() -> Tools:
    """The tools, unless they are there; the extension is packaged anew."""
    folder = Path(os.environ.get("OASIS_EDITORS_CACHE", ROOT / ".venv" / "editors")) / "vscode"
    run([str(HERE / "install.sh"), str(folder)])
    npm = str(folder / "bin" / "npm")
    run([npm, "install", "--no-audit", "--no-fund"], EXTENSION, folder)
    run([npm, "run", "package"], EXTENSION, folder)
    return Tools(folder, EXTENSION / "oasis-code-search.vsix")


def write_workspace(folder: Path, server: Path | None = OASIS) -> Path:
    """The small shop, with `server` where the extension looks; there is none when it is None.

    As after `pip install oasis-code-search` in the project's own environment. PATH would not do: the
    extension host has that of the login shell.
    """
    for relative, text in WORKSPACE.items():
        (folder / relative).parent.mkdir(parents=True, exist_ok=True)
        (folder / relative).write_text(text, encoding="utf-8")
    if server is not None:
        (folder / ".venv" / "bin").mkdir(parents=True)
        (folder / ".venv" / "bin" / "oasis").symlink_to(server)
    return folder


@contextmanager
def opened(
    tools: Tools,
    base: Path,
    workspace: Path,
    *,
    settings: Mapping[str, object] = SETTINGS,
    environment: Mapping[str, str] | None = None,
    extensions: tuple[Path, ...] = (),
) -> Iterator[Rig]:
    """Code-server on `workspace` with our extension and further `extensions`; then nothing is left."""
    for scope in ("User", "Machine"):  # what is of a machine stands beside the files of a remote window
        (base / "data" / scope).mkdir(parents=True)
        (base / "data" / scope / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    surroundings = {
        **_surroundings(tools.folder),
        "OASIS_CACHE_DIR": str(base / "cache"),
        **(environment or {}),
    }
    command = [*tools.code_server, "--user-data-dir", str(base / "data")]
    command += ["--extensions-dir", str(base / "extensions")]
    for vsix in (tools.vsix, *extensions):
        run([*command, "--install-extension", str(vsix)], environment=surroundings)
    port = _free_port()
    command += ["--bind-addr", f"127.0.0.1:{port}", "--auth", "none", "--disable-telemetry"]
    command += ["--disable-update-check", "--disable-workspace-trust", "--disable-getting-started-override"]
    shots = Path(os.environ.get("OASIS_EDITORS_SHOTS", base))
    shots.mkdir(parents=True, exist_ok=True)
    children: list[psutil.Process] = []
    with (base / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [*command, str(workspace)],
            env=surroundings,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_for(port)
        yield Rig(tools, f"http://127.0.0.1:{port}/?folder={workspace}", shots)
        children = psutil.Process(server.pid).children(recursive=True)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)
    _, alive = psutil.wait_procs(children, timeout=30)
    assert [process.cmdline() for process in alive] == []


def run(
    command: list[str],
    cwd: Path | None = None,
    tools: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Standard output of a command that must succeed; with the programs of `tools` first on PATH."""
    surroundings = environment or (_surroundings(tools) if tools else None)
    done = subprocess.run(
        command,
        cwd=cwd,
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, f"{command[0]} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def _surroundings(tools: Path) -> dict[str, str]:
    path = f"{tools / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "npm_config_unsafe_perm": "true"}


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
