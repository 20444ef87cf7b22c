"""Measures the language server on real code and writes a table: `make bench`.

    python tests/bench/run.py                     # CPython's standard library
    python tests/bench/run.py --large FOLDER      # and a workspace of millions of lines
    python tests/bench/run.py --write README.md   # put the table between the markers there

Everything goes through `oasis serve` as an editor would use it. Figures are medians of several runs where a
run is short. Machines are noisy: compare only figures of one run.
"""

import argparse
import json
import platform
import signal
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from client import Client, MemoryMeter

QUERIES = (
    "parse a json document",
    "open a url and follow redirects",
    "walk a directory tree",
    "how are temporary files named",
    "OrderedDict",
    "format a date as text",
    "topological sort of a graph",
    "read lines lazily from a compressed file",
    "thread safe queue with timeout",
    "split a command line like a shell",
    "unittest mock patch",
    "compute a sha256 digest",
    "http server that serves files",
    "Path.glob",
    "levenshtein or sequence similarity",
    "encode base64",
)
EXCLUDED = ["test/", "tests/", "idle_test/", "site-packages/", "lib-dynload/"]
"""Lib without its test folders."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table."""

    name: str
    value: float
    unit: str
    goal: float | None = None

    @property
    def row(self) -> str:
        """Markdown."""
        digits = 0 if self.value >= 100 else 1 if self.value >= 10 else 2
        goal = "" if self.goal is None else f"<= {self.goal:g} {self.unit}"
        return f"| {self.name} | {self.value:,.{digits}f} {self.unit} | {goal} |"


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def measure_start(root: Path, runs: int) -> list[Figure]:
    """`initialize` on an index that is already there, and process start to its answer."""
    answers, starts = [], []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as cache, Client(Path(cache)) as client:
            answers.append(client.initialize(root, exclude=EXCLUDED))
            starts.append(time.perf_counter() - client.started)
    return [
        Figure("`initialize` answered, median", 1000 * statistics.median(answers), "ms", 300),
        Figure("process start to that answer, median", 1000 * statistics.median(starts), "ms", 1000),
    ]


def measure_cold(root: Path, cache: Path) -> list[Figure]:
    """A first opening: first hits, coverage, queries meanwhile and after, memory."""
    with Client(cache) as client, MemoryMeter(client.pid) as meter:
        client.initialize(root, exclude=EXCLUDED)
        began = time.perf_counter()
        first, busy = 0.0, []
        position = 0
        while not any(s["phase"] == "ready" for _, s in client.statuses):
            answer, seconds = client.search(QUERIES[position % len(QUERIES)])
            position += 1
            if answer["hits"]:
                first = first or time.perf_counter() - began
                busy.append(1000 * seconds)
            time.sleep(0.1)  # a person who types; a client that never rests takes a core of its own
        ready = client.wait_for(lambda s: s["phase"] == "ready") - began
        idle = [1000 * client.search(query)[1] for _ in range(20) for query in QUERIES]
        units = client.folder_status()["coverage"]["units"]
        edits = measure_edits(client, root)
    figures = [
        Figure("first hits after `initialized`", first, "s", 2),
        Figure("full lexical and static coverage", ready, "s", 8),
        Figure("units", units, ""),
        Figure("query while indexing, p50", statistics.median(busy), "ms", 10),
        Figure("query while indexing, p95", percentile(busy, 0.95), "ms", 40),
        Figure("query when ready, p50", statistics.median(idle), "ms", 10),
        Figure("query when ready, p95", percentile(idle, 0.95), "ms", 40),
    ]
    return [*figures, *edits, *memory_figures(meter.peak_bytes, meter.peak_resident_bytes, 350)]


def memory_figures(peak_bytes: int, resident_bytes: int, goal_mb: float) -> list[Figure]:
    """Of all processes together."""
    return [
        Figure("peak memory, all processes", peak_bytes / 1e6, "MB", goal_mb),
        Figure("the same, shared pages counted in each process", resident_bytes / 1e6, "MB"),
    ]


def measure_edits(client: Client, root: Path, edits: int = 20) -> list[Figure]:
    """From an unsaved `didChange` in a large file to the answer that finds it."""
    path = root / "argparse.py"
    text = path.read_text(encoding="utf-8")
    uri = path.as_uri()
    item = {"uri": uri, "languageId": "python", "version": 0, "text": text}
    client.notify("textDocument/didOpen", {"textDocument": item})
    delays = []
    for i in range(1, edits + 1):
        name = f"zebra_{'abcdefghijklmnopqrstuvwxyz'[i]}quux"
        change = {"text": f"def {name}(striped_animal):\n    return striped_animal.gallop()\n\n\n{text}"}
        document = {"uri": uri, "version": i}
        began = time.perf_counter()
        client.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})
        while not any(hit["name"] == name for hit in client.search(name)[0]["hits"]):
            if time.perf_counter() - began > 30:
                raise TimeoutError(f"{name} was never found")
            time.sleep(0.005)
        delays.append(1000 * (time.perf_counter() - began))
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    return [
        Figure("`didChange` to searchable, median", statistics.median(delays), "ms", 300),
        Figure("`didChange` to searchable, p95", percentile(delays, 0.95), "ms", 300),
    ]


def measure_typing(root: Path, cache: Path, runs: int) -> list[Figure]:
    """Keys typed into a file while the folder is indexed: how long the server is at each of them.

    Noted by the server itself (`timed_server.py`), by the clock: what the indexing beside it costs counts.
    """
    path = root / "argparse.py"
    text = path.read_text(encoding="utf-8")
    place = {"line": 100, "character": 0}
    change = {"range": {"start": place, "end": place}, "text": "x"}
    taken: list[float] = []
    for run in range(runs):
        noted = cache.parent / f"typing-{run}.json"
        command = (str(Path(__file__).with_name("timed_server.py")), str(noted))
        with Client(cache / str(run), command) as client:
            client.initialize(root, exclude=EXCLUDED)
            uri, version = path.as_uri(), 0
            opened = {"uri": uri, "version": version, "languageId": "python", "text": text}
            client.notify("textDocument/didOpen", {"textDocument": opened})
            while not any(status["phase"] == "ready" for _, status in client.statuses):
                version += 1
                params = {"textDocument": {"uri": uri, "version": version}, "contentChanges": [change]}
                client.notify("textDocument/didChange", params)
                time.sleep(0.03)
        taken += json.loads(noted.read_text(encoding="utf-8"))
    return [
        Figure("`didChange` handled while indexing, p50", statistics.median(taken), "ms"),
        Figure("`didChange` handled while indexing, p95", percentile(taken, 0.95), "ms", 5),
    ]


def measure_warm(root: Path, cache: Path, runs: int, excluded: list[str]) -> list[Figure]:
    """A second opening."""
    times, embedded = [], 0
    for _ in range(runs):
        with Client(cache) as client:
            client.initialize(root, exclude=excluded)
            began = time.perf_counter()
            times.append(client.wait_for(lambda s: s["phase"] == "ready") - began)
            embedded += client.folder_status()["embedded"]
    return [
        Figure("warm restart to ready, median", statistics.median(times), "s", 1.5 if runs > 1 else None),
        Figure("units embedded again by warm restarts", embedded, "", 0),
    ]


def measure_large(root: Path, cache: Path) -> list[Figure]:
    """Millions of lines: killed after a while, started again, finished."""
    with Client(cache) as client:
        client.initialize(root)
        client.wait_for(lambda s: s["filesTotal"] > 2000 and s["filesDone"] > 0.3 * s["filesTotal"])
        client.kill()
    with Client(cache) as client, MemoryMeter(client.pid) as meter:
        client.initialize(root)
        began = time.perf_counter()
        ready = client.wait_for(lambda s: s["phase"] == "ready") - began
        times = [1000 * client.search(query)[1] for _ in range(10) for query in QUERIES]
        status = client.folder_status()
    return [
        Figure("large: files", status["filesTotal"], ""),
        Figure("large: units", status["coverage"]["units"], ""),
        Figure("large: finished after kill -9 at a third", ready, "s"),
        Figure("large: units embedded after the kill", status["embedded"], ""),
        Figure("large: query p50", statistics.median(times), "ms", 20),
        Figure("large: query p95", percentile(times, 0.95), "ms"),
        *(
            replace(figure, name=f"large: {figure.name}")
            for figure in memory_figures(meter.peak_bytes, meter.peak_resident_bytes, 1000)
        ),
    ]


def commit() -> str:
    """Short name of the checked-out commit."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5, help="repeats of short measurements (default 5)")
    parser.add_argument("--large", type=Path, metavar="FOLDER", help="also measure this large workspace")
    parser.add_argument("--only-large", action="store_true", help="leave the standard library out")
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="write the table between its bench markers"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    root = Path(sysconfig.get_path("stdlib"))
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        if not options.only_large:
            figures += measure_start(root, options.runs)
            figures += measure_cold(root, Path(folder))
            figures += measure_warm(root, Path(folder), options.runs, EXCLUDED)
            figures += measure_typing(root, Path(folder) / "typing", options.runs)
        if options.large:
            large = Path(folder) / "large"
            figures += measure_large(options.large.resolve(), large)
            figures += [
                Figure(f"large: {f.name}", f.value, f.unit, f.goal)
                for f in measure_warm(options.large.resolve(), large, 1, [])
            ]
    head = f"Python {platform.python_version()}, {platform.machine()}, commit {commit()}, {date.today()}"
    if options.json:
        rows = [{"name": f.name, "value": f.value, "unit": f.unit, "goal": f.goal} for f in figures]
        print(json.dumps({"machine": head, "figures": rows}, indent=1))
        return
    table = "\n".join(["| figure | measured | goal |", "|---|---:|---:|", *(f.row for f in figures)])
    text = f"{table}\n\n{head}, `make bench`\n"
    print(text)
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        before, begin, rest = page.partition("<!-- bench:begin -->\n")
        _, end, after = rest.partition("<!-- bench:end -->")
        if not begin or not end:
            sys.exit(f"{options.write} has no bench markers.")
        options.write.write_text(before + begin + text + end + after, encoding="utf-8")


if __name__ == "__main__":
    main()
