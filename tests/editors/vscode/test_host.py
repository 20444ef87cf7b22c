"""Checks that run inside VS Code's extension host, beside our extension (`host/main.js`)."""

import json
import os
import re

import pytest

from tests.editors.vscode.conftest import HERE, OASIS, Tools, opened, run, write_workspace

pytestmark = pytest.mark.skipif(
    os.environ.get("OASIS_TEST_EDITORS") != "1", reason="the editors are tested by `make test-editors`"
)


@pytest.fixture(scope="module")
def results(tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Name of a check -> `passed`, or what went wrong."""
    base = tmp_path_factory.mktemp("host")
    file = base / "host-results.json"
    vsix = base / "host.vsix"
    packer = HERE.parents[2] / "editors" / "vscode" / "node_modules" / "@vscode" / "vsce" / "vsce"
    command = [tools.node, str(packer), "package", "--no-dependencies", "--allow-missing-repository"]
    run([*command, "--skip-license", "--out", str(vsix)], HERE / "host", tools.folder)
    # Tells of every start; while there is a file `slow` beside it, it takes its time before it answers.
    server = base / "server"
    server.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && exec {OASIS} --version\n'
        f'echo $$ >> {base}/starts\n[ -e {base}/slow ] && sleep 4\nexec {OASIS} "$@"\n'
    )
    server.chmod(0o755)
    (base / "settings.toml").write_text("[search]\nlimit = 1\n", encoding="utf-8")
    own = {"OASIS_CONFIG": str(base / "settings.toml")}
    workspace = write_workspace(base / "shop", server)
    with opened(tools, base, workspace, environment=own, extensions=(vsix,)) as rig:
        seen = rig.drive("host.mjs", str(file))
    assert seen == {"done": True}
    found: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return found


CHECKS = re.findall(r'^  async "(.+)"\(\)', (HERE / "host" / "main.js").read_text(), re.MULTILINE)
assert CHECKS, "host/main.js has no check"


@pytest.mark.parametrize("check", CHECKS)
def test_in_the_extension_host(results: dict[str, str], check: str) -> None:
    assert results[check] == "passed"
