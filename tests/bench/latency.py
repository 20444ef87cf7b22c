"""How long a question takes with every signal on, by model, when all of a workspace is covered.

    python tests/bench/latency.py FOLDER [--models static,mini] [--questions 200]

The questions are first sentences of the documentation of FOLDER's Python files, each asked once, so that
nothing is remembered. The README's figures are of `.venv/standard-library`, which `make demo` makes. Times
are of the language server's client, question to answer.
Goals at 20,000 units: p50 of 10 ms with the table, of 30 ms with `mini`.
"""

import argparse
import ast
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from client import Client

COVER_S = 900


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", default="static,mini")
    parser.add_argument("--questions", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = options.folder.resolve()
        questions = _questions(root, options.questions)
        print("| model | units | questions | p50 ms | p95 ms | units covered a second |")
        print("|---|---:|---:|---:|---:|---:|")
        for model in options.models.split(","):
            print(_row(model, root, Path(scratch) / f"cache-{model}", questions), flush=True)


def _row(model: str, root: Path, cache: Path, questions: list[str]) -> str:
    with Client(cache, search={"model": model}) as client:
        began = time.perf_counter()
        client.initialize(root)
        tier = "static" if model == "static" else "model"
        units = 0
        while time.perf_counter() - began < COVER_S:
            folders = client.request("oasis/status", {})[0]["folders"]
            if folders and folders[0]["phase"] == "ready" and folders[0]["coverage"][tier] == 1.0:
                units = folders[0]["coverage"]["units"]
                break
            time.sleep(0.2)
        covered = units / (time.perf_counter() - began)
        times = [1000 * client.request("oasis/search", {"query": text})[1] for text in questions]
    p95 = float(np.percentile(times, 95))
    p50 = statistics.median(times)
    return f"| {model} | {units:,} | {len(times)} | {p50:.1f} | {p95:.1f} | {covered:,.0f} |"


def _questions(root: Path, n: int) -> list[str]:
    """First sentences of functions' documentation, evenly from all files."""
    found = []
    for path in sorted(root.rglob("*.py")):
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError, ValueError):
            continue
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        found += [text.split(".")[0].replace("\n", " ") for f in functions if (text := ast.get_docstring(f))]
    whole = [text for text in dict.fromkeys(found) if 4 <= len(text.split()) <= 20]
    return whole[:: max(1, len(whole) // n)][:n]


if __name__ == "__main__":
    main()
