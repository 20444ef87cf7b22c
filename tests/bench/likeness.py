"""Fit and judge the probability that a neighbour does what the piece does.

    python tests/bench/likeness.py --collection FOLDER --suites FOLDER [--model mini] [--fit] [--plot FILE]

`--collection` holds repositories side by side, `--suites` rebuilt code-to-code suites. Each repository
becomes a workspace in which solutions of some tasks of a suite lie, at most three of each, among its own
units. It is asked for code like another solution of each of these tasks, and like solutions of tasks that it
does not hold. Suites hold hardly a copy, so this is of the level *behaviour*; nearer levels have
probabilities of their own. All is held out by repository, in five folds. Prints calibration errors and the
AUROC of the best neighbour's probability for tasks that are there against those that are not. `--fit` writes
the coefficients into likeness.toml.
"""

import argparse
import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from calibration import SEED, Judged, evaluate, fit, write
from snapshots import DEFAULT_CACHE, CachedModel, build_snapshot, read_source

from oasis_search.encoder import BagEncoder, load
from oasis_search.index import Snapshot
from oasis_search.search import likeness
from oasis_search.search.similar import SimilarQuery, similar
from oasis_search.search.tiers import QueryVector
from oasis_search.syntax import cut_units, language_of
from oasis_search.syntax.languages import TEXT, Language, language_by_name
from oasis_search.workspace.origin import run_bytes
from oasis_train.evaluation.suites import Pool, load_suite

SHOWN = 10
TASKS = 25
"""Tasks of a workspace, and as many that it does not hold."""
SOLUTIONS = 3
MAX_FILE_BYTES = 40_000


@dataclass(frozen=True, slots=True)
class Piece:
    """One solution that is asked about."""

    text: str
    language: Language
    answers: frozenset[str]
    """Files that do the same; none for a task that is not there."""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--collection", type=Path, required=True, help="repositories side by side")
    parser.add_argument("--suites", type=Path, required=True, help="folder of rebuilt suites")
    parser.add_argument("--units", type=int, default=400, help="about as many units of each repository")
    parser.add_argument("--model", default="", help="a better encoder on top, such as mini")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="keeps the vectors of --model")
    parser.add_argument("--fit", action="store_true", help="write likeness.toml")
    parser.add_argument("--plot", type=Path, help="draw the reliability diagram here")
    options = parser.parse_args()
    model = CachedModel(options.model, options.cache) if options.model else None
    way = f"similar_{likeness.WAYS[bool(model)]}"
    names = sorted(path.parent.name for path in options.suites.glob("c2c-*/qrels.tsv"))
    if not names:
        sys.exit(f"{options.suites} holds no code-to-code suite. Rebuild them there first.")
    pools = [pool for name in names for pool in load_suite(options.suites / name).pools]
    encoder = load("static")
    judged: list[Judged] = []
    for at, root in enumerate(sorted(path for path in options.collection.iterdir() if path.is_dir())):
        files = _files(root, options.units)
        solutions, pieces = _tasks(pools[at % len(pools)], random.Random(f"{SEED} {root.name}"))
        snapshot = build_snapshot([*files, *solutions], encoder, model)  # type: ignore[arg-type]
        judged += [_judged(snapshot, root.name, piece, encoder, model) for piece in pieces]  # type: ignore[arg-type]
        print(f"{root.name}: {snapshot.n_units} units, {len(pieces)} pieces", file=sys.stderr, flush=True)
    print(json.dumps(evaluate(judged, way, options.plot), indent=1))
    if options.fit:
        write(likeness, likeness.WAYS[bool(model)], fit(judged, way))


def _files(root: Path, n_units: int) -> list[tuple[str, bytes]]:
    """Some files of a repository that are neither tests nor made by programs."""
    paths = [path for path in sorted(root.rglob("*.*")) if language_of(path, b"") not in (None, TEXT)]
    random.Random(f"{SEED} {root.name}").shuffle(paths)
    found, units = [], 0
    for path in paths:
        if (read := read_source(path, root, MAX_FILE_BYTES)) is None:
            continue
        relative, language, source = read
        found.append((relative, source))
        units += len(cut_units(source, language)[0])
        if units >= n_units:
            break
    return found


def _tasks(pool: Pool, rng: random.Random) -> tuple[list[tuple[str, bytes]], list[Piece]]:
    """Solutions to put into a workspace, and pieces to ask about: of these tasks, then of others."""
    place = {item: at for at, item in enumerate(pool.item_ids)}
    order = rng.sample(range(len(pool.queries)), len(pool.queries))
    files: dict[str, bytes] = {}
    pieces: list[Piece] = []
    taken: set[str] = set()
    for at in order:
        same = [item for item in pool.gains[at] if item != pool.self_ids[at]]
        task = {*same, *([pool.self_ids[at]] if pool.self_ids[at] else [])}
        if not same or task & taken or len(pieces) == 2 * TASKS:
            continue
        taken |= {item for item in task if item}
        answers = []
        if len(pieces) < TASKS:
            for item in rng.sample(same, min(SOLUTIONS, len(same))):
                answers.append(f"solutions/{place[item]:06}{_ending(pool.languages[place[item]])}")
                files[answers[-1]] = pool.codes[place[item]].encode()
        language = language_by_name(pool.query_languages[at]) or TEXT
        pieces.append(Piece(pool.queries[at], language, frozenset(answers)))
    return list(files.items()), pieces


def _ending(language: str) -> str:
    known = language_by_name(language)
    return known.extensions[0] if known and known.extensions else ".txt"


def _judged(
    snapshot: Snapshot, repo: str, piece: Piece, encoder: BagEncoder, model: CachedModel | None
) -> Judged:
    text = piece.text.encode()
    seen_as = [QueryVector("static", encoder.fingerprint, encoder.encode([piece.text], "code")[0])]
    if model:
        seen_as.append(QueryVector(model.name, model.fingerprint, model.encode([piece.text], "code")[0]))
    n_bytes = run_bytes(cut_units(text, piece.language)[0])
    query = SimilarQuery(SHOWN, language=piece.language.name, run_bytes=n_bytes)
    neighbours = similar(snapshot, query, seen_as)[:SHOWN]
    rows = [one.likeness.terms() for one in neighbours]
    relevant = [snapshot.view(one.unit).path in piece.answers for one in neighbours]
    return Judged(
        repo,
        bool(piece.answers),
        np.array(rows, float).reshape(len(rows), len(likeness.TERMS)),
        np.array(relevant, bool),
    )


if __name__ == "__main__":
    main()
