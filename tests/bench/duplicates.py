"""Time and memory of `oasis duplicates` on a large folder, indexed before.

    python tests/bench/duplicates.py FOLDER [--level renamed]

Goal at 100,000 units: minutes, and memory that does not grow with the square of the units.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from client import MemoryMeter

OASIS = [sys.executable, "-P", "-m", "oasis_search.cli"]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--level", default="edited", choices=("exact", "renamed", "edited", "behaviour"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "OASIS_CACHE_DIR": cache}
        began = time.perf_counter()
        index = [*OASIS, "index", str(options.folder)]
        subprocess.run(index, env=environment, check=True, capture_output=True)
        indexed_s = time.perf_counter() - began
        command = [*OASIS, "duplicates", str(options.folder), "--level", options.level, "--json"]
        began = time.perf_counter()
        with (
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process,
            MemoryMeter(process.pid) as meter,
        ):
            out, _ = process.communicate()
        elapsed_s = time.perf_counter() - began
    facts = json.loads(out)
    print("| units | groups | indexing s | duplicates s | peak MB |\n|---:|---:|---:|---:|---:|")
    print(
        f"| {facts['units']:,} | {facts['n_groups']:,} | {indexed_s:.0f} | {elapsed_s:.1f} "
        f"| {meter.peak_bytes / 2**20:.0f} |"
    )


if __name__ == "__main__":
    main()
