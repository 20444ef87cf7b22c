"""Measure the ranking on a suite of questions whose answers are files, repository by repository.

    python tests/bench/semble.py --suite FOLDER --metrics FOLDER [--encoder NAME] [--model mini]
        [--ablate] [--cross-validate]

`--metrics` is the folder that holds metrics.py. Every repository is indexed in memory with the real unit
cutter and encoder, every question is searched, and the hits become a ranking of files, each at its best hit.
Prints nDCG@10 with binary gains in percent by repository and by kind of question, the mean over repositories,
and `listed`: the same of the first ten hits as they are shown, where further hits of a file take places
without gain. `--ablate` repeats the measurement without each signal. `--cross-validate` tells what chosen
weights are worth on repositories that nobody looked at: the weights as they are and variants with one of them
half as large, or half as large again, compete on all repositories but one, and the winner is measured there.
"""

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from snapshots import DEFAULT_CACHE, CachedModel, build_snapshot

from oasis_search.encoder import BagEncoder, HashingEncoder, load
from oasis_search.index import Snapshot
from oasis_search.search import Query, search
from oasis_search.search.weights import WEIGHTS, Weights

DEPTH = 100
"""Hits asked for: enough to give ten files."""


@dataclass(frozen=True, slots=True)
class Question:
    """One query of the suite with the files that answer it."""

    repo: str
    category: str
    text: str
    gains: Mapping[str, float]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--suite", type=Path, required=True, help="rebuilt suite (corpus.jsonl.gz, ...)")
    parser.add_argument("--metrics", type=Path, required=True, help="folder that holds metrics.py")
    parser.add_argument("--encoder", default="static", help="static, hashing, none or a model folder")
    parser.add_argument("--model", default="", help="a better encoder on top, such as mini")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="keeps the vectors of --model")
    parser.add_argument("--ablate", action="store_true", help="repeat without each signal")
    parser.add_argument("--cross-validate", action="store_true", help="choose weights on other repositories")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    options = parser.parse_args()
    metrics = load_module(options.metrics / "metrics.py")
    encoder = _encoder(options.encoder)
    model = CachedModel(options.model, options.cache) if options.model else None
    corpus, questions = load_suite(metrics, options.suite)
    snapshots = {repo: build_snapshot(files, encoder, model) for repo, files in corpus.items()}
    table = measure(snapshots, questions, encoder, model, metrics.ndcg10_binary, WEIGHTS)
    report: dict[str, Any] = {"encoder": f"{options.encoder} {options.model}".strip(), **table}
    if options.ablate:
        report["without"] = {
            name: measure(snapshots, questions, encoder, model, metrics.ndcg10_binary, weights)
            for name, weights in ablations()
        }
    if options.cross_validate:
        rows = {
            name: measure(snapshots, questions, encoder, model, metrics.ndcg10_binary, weights)
            for name, weights in variants(has_model=model is not None)
        }
        report["cross_validated"] = cross_validated({"as they are": table, **rows})
    print(json.dumps(report, indent=1) if options.json else _as_text(report))


def measure(
    snapshots: Mapping[str, Snapshot],
    questions: Sequence[Question],
    encoder: BagEncoder | None,
    model: CachedModel | None,
    metric: Callable[[Sequence[str], Mapping[str, float]], float],
    weights: Weights,
) -> dict[str, Any]:
    """Percent by repository, by category (mean over its questions), their mean, and the median time."""
    by_repo: dict[str, list[float]] = {}
    by_category: dict[str, list[float]] = {}
    listed: dict[str, list[float]] = {}
    times = []
    for question in questions:
        start = time.perf_counter()
        refined_by = [model.query_vector(question.text)] if model else []
        hits = search(
            snapshots[question.repo],
            Query(question.text, DEPTH),
            encoder,
            refined_by=refined_by,
            weights=weights,
        )
        times.append(time.perf_counter() - start)
        paths = [hit.path for hit in hits]
        value = 100 * metric(list(dict.fromkeys(paths)), question.gains)
        listed.setdefault(question.repo, []).append(100 * metric(paths, question.gains))
        by_repo.setdefault(question.repo, []).append(value)
        by_category.setdefault(question.category, []).append(value)
    repos = {repo: _mean(values) for repo, values in sorted(by_repo.items())}
    return {
        "repositories": repos,
        "categories": {name: _mean(values) for name, values in sorted(by_category.items())},
        "mean": _mean(list(repos.values())),
        "listed": _mean([_mean(values) for values in listed.values()]),
        "median_ms": round(1000 * sorted(times)[len(times) // 2], 2),
    }


def ablations() -> list[tuple[str, Weights]]:
    """Name of each signal with the weights that leave it out."""
    neutral = {
        "saturation": 1.0,
        "unmatched_dense_share": WEIGHTS.dense_share,
        "unmatched_model_share": WEIGHTS.model_share,
    }
    return [(f.name, replace(WEIGHTS, **{f.name: neutral.get(f.name, 0.0)})) for f in fields(WEIGHTS)]


def variants(*, has_model: bool) -> list[tuple[str, Weights]]:
    """Name and weights with one of them changed; shares stay shares."""
    found = []
    for field in fields(WEIGHTS):
        of_model = field.name == "model_share" or field.name.startswith("unmatched")
        if of_model and not has_model:
            continue
        value = getattr(WEIGHTS, field.name)
        for factor in (0.5, 1.5):
            found.append((f"{field.name} x {factor}", replace(WEIGHTS, **{field.name: value * factor})))
    return found


def cross_validated(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Each repository by the variant that is best on the others, and the range of all variants' means."""
    repos = list(next(iter(rows.values()))["repositories"])
    chosen = {}
    for held in repos:
        others = {
            name: sum(value for repo, value in row["repositories"].items() if repo != held)
            for name, row in rows.items()
        }
        chosen[held] = max(others, key=lambda name: others[name])
    values = [rows[name]["repositories"][held] for held, name in chosen.items()]
    means = [row["mean"] for row in rows.values()]
    return {"mean": _mean(values), "variants": len(rows), "range": [min(means), max(means)], "chosen": chosen}


def _encoder(name: str) -> BagEncoder | None:
    if name == "none":
        return None
    if name == "hashing":
        return HashingEncoder()
    encoder = load(name)
    if not hasattr(encoder, "encode_counts"):
        sys.exit(f"The encoder {name} reads texts in order; this command measures encoders of bags of words.")
    return encoder  # type: ignore[return-value]


def load_suite(
    metrics: ModuleType, folder: Path
) -> tuple[dict[str, list[tuple[str, bytes]]], list[Question]]:
    corpus, queries, qrels, _ = metrics.load_set(folder)
    path_of = {item["id"]: item["path"] for item in corpus}
    files: dict[str, list[tuple[str, bytes]]] = {}
    for item in corpus:
        files.setdefault(item["repo"], []).append((item["path"], item["code"].encode()))
    questions = [
        Question(
            q["repo"], q["category"], q["query"], {path_of[i]: gain for i, gain in qrels[q["id"]].items()}
        )
        for q in queries
    ]
    return files, questions


def load_module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        sys.exit(f"{path} is not there. Give --metrics the folder that holds metrics.py.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 2)


def _as_text(report: Mapping[str, Any]) -> str:
    lines = [f"nDCG@10 (binary), percent; encoder {report['encoder']}; median query {report['median_ms']} ms"]
    lines += [f"  {name:14} {value:6.2f}" for name, value in report["repositories"].items()]
    lines += ["by kind of question"]
    lines += [f"  {name:14} {value:6.2f}" for name, value in report["categories"].items()]
    lines += [f"mean             {report['mean']:6.2f}   (as listed {report['listed']:.2f})"]
    if "cross_validated" in report:
        found = report["cross_validated"]
        low, high = found["range"]
        lines.append(
            f"cross-validated  {found['mean']:6.2f}   ({found['variants']} variants, {low:.2f} to {high:.2f})"
        )
    for name, row in report.get("without", {}).items():
        gain, gain_listed = row["mean"] - report["mean"], row["listed"] - report["listed"]
        lines.append(f"  without {name:14} {row['mean']:6.2f}  {gain:+.2f}   (as listed {gain_listed:+.2f})")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
