"""Kills the encoder process again and again while a real model covers a real workspace.

    python tests/bench/kills.py --model FOLDER --kills 100

The workspace is the standard library of the running Python (`--root` names another). Every question must be
answered meanwhile, every vector at the end must be the encoder's own, and no unit may have been stored twice.
Prints a line that counts to stderr and the table at the end; exit status 1 when anything was lost, repeated
or wrong.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import statistics
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import numpy as np

from oasis_search.encoder import load
from oasis_search.index import quantise
from oasis_search.index.model_text import model_text
from oasis_search.index.tiers import covered
from oasis_search.search.query import Query
from oasis_search.settings import SearchSettings, Settings
from oasis_search.workspace.session import Session

QUESTIONS = ("parse a date", "compress a file", "walk a folder tree", "send an e-mail", "retry with backoff")
LEFT_OUT = ("test", "tests", "idlelib", "*-packages", "__pycache__", "*.so", "lib2to3", "encodings")


def main() -> int:
    """Status 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--model", required=True, help="model folder, such as one that oasis-train exported")
    parser.add_argument("--kills", type=int, default=100, metavar="N")
    parser.add_argument("--root", type=Path, default=Path(sysconfig.get_path("stdlib")))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=float, default=2.0, help="most seconds between two kills")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "workspace"
        shutil.copytree(options.root, root, ignore=shutil.ignore_patterns(*LEFT_OUT))
        settings = Settings(cache_dir=f"{folder}/cache", search=SearchSettings(model=options.model))
        with Session(settings) as session:
            session.add_folder(root)
            session.wait_ready()
            return soak(session, root, options)


def soak(session: Session, root: Path, options: argparse.Namespace) -> int:
    """Kills, asks, waits for the rest, and compares."""
    order = random.Random(options.seed)
    first = session.status()[0].embedded
    answers, unanswered, kills = [], 0, 0
    while kills < options.kills and session.status()[0].coverage.model < 1.0:
        status = session.model_status()
        if status is not None and status.process and status.phase in ("loading", "ready"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(status.process, signal.SIGKILL)
                kills += 1
                share = session.status()[0].coverage.model
                sys.stderr.write(f"\rkill {kills:3d}, {share:6.1%} covered, {unanswered} unanswered")
        until = time.monotonic() + options.longest * order.random()
        while time.monotonic() < until:
            answer = session.search(Query(order.choice(QUESTIONS)), patience_s=0.1)
            answers.append(answer.elapsed_ms)
            unanswered += not answer.hits
            time.sleep(0.05)
    session.wait_ready(with_model=True)
    state = session.status()[0]
    wrong = wrong_vectors(session, root, options.model)
    folder = session._indexer.folders[root]
    keys = {
        segment.keys[row].tobytes() for segment in folder.snapshot.segments for row in range(segment.n_units)
    }
    repeated = state.embedded - first - len(keys)
    sys.stderr.write("\n")
    rows = [
        ("units", f"{state.coverage.units:,}"),
        ("kills of the encoder process", f"{kills}"),
        ("covered at the end", f"{state.coverage.model:.2%}"),
        ("questions asked meanwhile", f"{len(answers):,}"),
        ("of them unanswered", f"{unanswered}"),
        ("median and longest answer", f"{statistics.median(answers):.1f} ms, {max(answers):.0f} ms"),
        ("distinct units encoded and stored more than once", f"{repeated}"),
        ("vectors that are not the encoder's own (of a sample of 300)", f"{wrong}"),
    ]
    for name, value in rows:
        print(f"| {name} | {value} |")
    return int(kills < options.kills or unanswered or repeated or wrong or state.coverage.model < 1.0)


def wrong_vectors(session: Session, root: Path, model: str, sample: int = 300) -> int:
    """Units whose vector differs from what a fresh encoder in this process gives for their text."""
    folder = session._indexer.folders[root]
    snapshot, encoder = folder.snapshot, load(model)
    units = np.flatnonzero(covered(snapshot, folder.model))
    units = np.random.default_rng(2).choice(units, min(sample, len(units)), replace=False)
    wrong = 0
    for unit in units.tolist():
        view = snapshot.view(unit)
        text = model_text(view, (root / view.path).read_bytes())
        expected = encoder.encode([text])[0]
        segment, row = snapshot.locate(unit)
        got = segment.vectors[folder.model].take(slice(row, row + 1)).dequantised()[0]
        similar = float(got @ quantise(expected[None]).dequantised()[0])
        wrong += similar < 0.995
    return wrong


if __name__ == "__main__":
    sys.exit(main())
