"""From a typed letter to a redrawn list in VS Code, while a large folder is being indexed.

    python -m tests.bench.redraw --folder .venv/lib/python3.11/site-packages

Needs what `make test-editors` installs. Goal: half of the letters within 150 ms.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from tests.editors.vscode.conftest import OASIS, SETTINGS, install, opened


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    folder = parser.parse_args().folder.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch)
        settings = {**SETTINGS, "oasis.server.command": [str(OASIS), "serve"]}
        with opened(install(), base, folder, settings=settings) as rig:
            seen = rig.drive("redraw.mjs")
    if "error" in seen:
        raise SystemExit(f"The list was not redrawn: {seen['error']}")
    times = sorted(seen["milliseconds"])
    print(f"status before: {seen['before']}; after: {seen['after']}")
    print(
        f"{len(times)} letters: median {statistics.median(times):.0f} ms, "
        f"p90 {times[int(0.9 * (len(times) - 1))]} ms, worst {times[-1]} ms"
    )


if __name__ == "__main__":
    main()
