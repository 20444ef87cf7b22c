"""Checks that run inside VS Code's extension host, beside our extension (`host/main.js`)."""

import json
import os
import re

import pytest

from tests.editors.vscode.conftest import HERE, Tools, opened, run, write_workspace

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
    with opened(tools, base, write_workspace(base / "shop"), extensions=(vsix,)) as rig:
        seen = rig.drive("host.mjs", str(file))
    assert seen == {"done": True}
    found: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return found


CHECKS = re.findall(r'^  async "(.+)"\(\)', (HERE / "host" / "main.js").read_text(), re.MULTILINE)
assert CHECKS, "host/main.js has no check"


@pytest.mark.parametrize("check", CHECKS)
def test_in_the_extension_host(results: dict[str, str], check: str) -> None:
    assert results[check] == "passed"
