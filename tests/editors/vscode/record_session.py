"""Records what VS Code and the server say while a newcomer looks around, for `tests/conformance`.

python -m tests.editors.vscode.record_session tests/conformance/sessions/vscode.jsonl
"""

import argparse
import json
import shlex
import sys
import tempfile
from pathlib import Path

from tests.editors.vscode.conftest import OASIS, ROOT, WORKSPACE, install, opened, write_workspace


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("file", type=Path)
    file = parser.parse_args().file.absolute()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        workspace, spoken, server = base / "shop", base / "spoken.jsonl", base / "oasis"
        recorder = [sys.executable, "-P", str(ROOT / "tests" / "conformance" / "record.py"), str(spoken)]
        recorder += ["--replace", f"{workspace}=root", "--replace", f"{base / 'cache'}=cache"]
        # Found like any server, so that no setting names a path of this machine.
        recording = shlex.join([*recorder, "--", str(OASIS)])
        server.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && exec {OASIS} --version\nexec {recording} "$@"\n'
        )
        server.chmod(0o755)
        with opened(install(), base, write_workspace(workspace, server)) as rig:
            seen = rig.drive("newcomer.mjs", "OASIS: Stop, and Leave This Workspace Alone")
        assert "error" not in seen, seen
        first = json.dumps({"folders": {"root": WORKSPACE}}, ensure_ascii=False)
        file.write_text(first + "\n" + spoken.read_text(encoding="utf-8"), encoding="utf-8")


if __name__ == "__main__":
    main()
