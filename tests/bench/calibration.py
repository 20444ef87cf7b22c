"""Fit and judge the probability of hits, and whether a workspace answers a question at all.

    python tests/bench/calibration.py --collection FOLDER --suite FOLDER --metrics FOLDER [--fit]
        [--model mini] [--way words] [--plot FILE] [--units N]

`--collection` holds repositories side by side. Of each, some files are indexed, with the documentation cut
out of a few functions whose first sentences are the questions, beside a few names; the file is the answer.
Every repository is also asked the questions of another one, which it cannot answer. A suite of judged
questions (files that answer) is added in the same way. Everything is held out by repository: the coefficients
that judge a repository's hits were fitted on others (five folds). Prints the expected calibration error of
first hits and of all shown ones, and the AUROC of the best hit's probability for answerable against
unanswerable questions; draws the reliability diagram. `--fit` writes calibration.toml from all repositories.
"""

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray
from semble import load_module, load_suite
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from snapshots import DEFAULT_CACHE, CachedModel, build_snapshot, read_source

from oasis_search.comparison.documented import DocumentedFunction, find_documented
from oasis_search.encoder import BagEncoder, load
from oasis_search.index import Snapshot
from oasis_search.search import Query, calibration, likeness, search
from oasis_search.syntax import language_of
from oasis_search.syntax.languages import TEXT
from oasis_search.syntax.words import split_identifier

SHOWN = 10
"""Hits of a question that are judged."""
QUESTIONS = 12
"""Of one repository."""
NAMES = 3
"""Names that are asked for beside them."""
MAX_FILE_BYTES = 40_000
UNANSWERABLE_WEIGHT = 0.5
"""Against one of an answerable question: as if a third of the questions had no answer."""
FOLDS = 5
BINS = 10
SEED = 3407

_OF_MODEL = tuple(name for name in calibration.TERMS if name.startswith(("model_", "matched_share_model")))
_OF_TABLE = tuple(name for name in calibration.TERMS if "cosine" in name or name in ("margin", "best_margin"))
USED = {
    "words": tuple(name for name in calibration.TERMS if name not in (*_OF_MODEL, *_OF_TABLE)),
    "static": tuple(name for name in calibration.TERMS if name not in _OF_MODEL),
    "model": calibration.TERMS,
    "similar_static": likeness.TERMS,
    "similar_model": tuple(name for name in likeness.TERMS if "cosine" not in name),
}
TERMS = {way: likeness.TERMS if way.startswith("similar") else calibration.TERMS for way in USED}
"""Of the features of a way's questions."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One question asked of one repository."""

    repo: str
    is_answerable: bool
    features: NDArray[np.float64]
    """(hits, terms) as `Evidence.terms` or `Likeness.terms` gives them."""
    relevant: NDArray[np.bool_]
    """(hits,)"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with the files that answer it: the grain at which the suite's questions are judged."""

    text: str
    paths: frozenset[str]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--collection", type=Path, required=True, help="repositories side by side")
    parser.add_argument("--suite", type=Path, help="judged questions (semble-dev)")
    parser.add_argument("--metrics", type=Path, help="folder of metrics.py, for --suite")
    parser.add_argument("--units", type=int, default=800, help="about as many units of each repository")
    parser.add_argument("--model", default="", help="a better encoder on top, such as mini")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="keeps the vectors of --model")
    parser.add_argument("--fit", action="store_true", help="write calibration.toml")
    parser.add_argument("--plot", type=Path, help="draw the reliability diagram here")
    parser.add_argument("--way", choices=("words", "static"), default="static", help="without --model")
    options = parser.parse_args()
    encoder = None if options.way == "words" and not options.model else load("static")
    model = CachedModel(options.model, options.cache) if options.model else None
    way = "model" if model else options.way
    groups = [_collection(options.collection, options.units)]
    if options.suite:
        groups.append(_suite(options.suite, options.metrics))
    judged = [
        one
        for group in groups
        for one in _judge(group, encoder, model)  # type: ignore[arg-type]
    ]
    report = evaluate(judged, way, options.plot)
    if options.fit:
        write(calibration, way, fit(judged, way))
    print(json.dumps(report, indent=1))


Repository = tuple[str, list[tuple[str, bytes]], list[Asked]]


def _collection(folder: Path, n_units: int) -> list[Repository]:
    """Repositories with the files to index and the questions to ask."""
    found = []
    for root in sorted(path for path in folder.iterdir() if path.is_dir()):
        print(root.name, file=sys.stderr, flush=True)
        rng = random.Random(f"{SEED} {root.name}")
        paths = [path for path in sorted(root.rglob("*.*")) if language_of(path, b"") not in (None, TEXT)]
        rng.shuffle(paths)
        files: list[tuple[str, bytes]] = []
        documented: list[DocumentedFunction] = []
        units = 0
        for path in paths:
            if (read := read_source(path, root, MAX_FILE_BYTES)) is None:
                continue
            relative, language, source = read
            functions, n, _ = find_documented(source, language, relative)
            if n > n_units // 4:
                continue
            files.append((relative, source))
            documented += functions
            units += n
            if units >= n_units:
                break
        asked = _ask(documented, rng)
        if len(asked) == QUESTIONS:
            questions = [Asked(f.sentence, frozenset((f.path,))) for f in asked]
            questions += _names(documented, rng)
            found.append((root.name, _without_documentation(files, asked), questions))
    return found


def _names(documented: Sequence[DocumentedFunction], rng: random.Random) -> list[Asked]:
    """Names of two words or more that one function alone has."""
    counts = Counter(function.name for function in documented)
    unique = [f for f in documented if counts[f.name] == 1 and len(split_identifier(f.name)) > 1]
    chosen = rng.sample(unique, min(NAMES, len(unique)))
    return [Asked(function.name, frozenset((function.path,))) for function in chosen]


def _ask(documented: Sequence[DocumentedFunction], rng: random.Random) -> list[DocumentedFunction]:
    """Functions whose sentences nobody else has, at most one of a file."""
    counts: dict[str, int] = {}
    for function in documented:
        counts[function.sentence.lower()] = counts.get(function.sentence.lower(), 0) + 1
    chosen: dict[str, DocumentedFunction] = {}
    for function in rng.sample(list(documented), len(documented)):
        if counts[function.sentence.lower()] == 1 and len(chosen) < QUESTIONS:
            chosen.setdefault(function.path, function)
    return list(chosen.values())


def _without_documentation(
    files: Sequence[tuple[str, bytes]], asked: Sequence[DocumentedFunction]
) -> list[tuple[str, bytes]]:
    cut = {function.path: function for function in asked}
    result = []
    for path, source in files:
        function = cut.get(path)
        if function is not None:
            code = "\n".join(function.parts).encode()
            source = source[: function.start_byte] + code + source[function.end_byte :]
        result.append((path, source))
    return result


def _suite(folder: Path, metrics: Path) -> list[Repository]:
    corpus, questions = load_suite(load_module(metrics / "metrics.py"), folder)
    return [
        (
            repo,
            files,
            [
                Asked(q.text, frozenset(p for p, gain in q.gains.items() if gain > 0))
                for q in questions
                if q.repo == repo
            ],
        )
        for repo, files in corpus.items()
    ]


def _judge(
    group: Sequence[Repository], encoder: BagEncoder | None, model: CachedModel | None
) -> Iterator[Judged]:
    for at, (repo, files, asked) in enumerate(group):
        snapshot = build_snapshot(files, encoder, model)
        elsewhere = group[(at + 1 + len(group) // 2) % len(group)][2]
        for is_answerable, questions in ((True, asked), (False, elsewhere)):
            for question in questions:
                yield _judged(snapshot, repo, question, encoder, model, is_answerable=is_answerable)
        print(f"{at + 1}/{len(group)} {repo}: {snapshot.n_units} units", file=sys.stderr, flush=True)


def _judged(
    snapshot: Snapshot,
    repo: str,
    question: Asked,
    encoder: BagEncoder | None,
    model: CachedModel | None,
    *,
    is_answerable: bool,
) -> Judged:
    refined_by = [model.query_vector(question.text)] if model else []
    hits = search(snapshot, Query(question.text, SHOWN), encoder, refined_by=refined_by)
    rows = [hit.trace.evidence.terms() for hit in hits if hit.trace]
    relevant = [is_answerable and hit.path in question.paths for hit in hits]
    return Judged(
        repo,
        is_answerable,
        np.array(rows, float).reshape(len(rows), len(calibration.TERMS)),
        np.array(relevant, bool),
    )


def fit(judged: Sequence[Judged], way: str) -> dict[str, float]:
    """Coefficients of one way of ranking."""
    columns = [TERMS[way].index(name) for name in USED[way]]
    features = np.concatenate([one.features[:, columns] for one in judged])
    relevant = np.concatenate([one.relevant for one in judged])
    weights = np.concatenate(
        [np.full(len(one.relevant), 1.0 if one.is_answerable else UNANSWERABLE_WEIGHT) for one in judged]
    )
    # Terms of equal spread, so that the penalty treats them alike; then back to their own units.
    means, spreads = features.mean(axis=0), features.std(axis=0) + 1e-9
    model = LogisticRegression(C=1.0, max_iter=3000)
    model.fit((features - means) / spreads, relevant, sample_weight=weights)
    slopes = model.coef_[0] / spreads
    named = dict(zip(USED[way], slopes.tolist(), strict=True))
    return {"intercept": float(model.intercept_[0] - slopes @ means), **named}


def evaluate(judged: Sequence[Judged], way: str, plot: Path | None) -> dict[str, object]:
    """Figures over all questions, each judged by coefficients fitted on other repositories."""
    repos = sorted({one.repo for one in judged})
    random.Random(SEED).shuffle(repos)
    all_p: list[NDArray[np.float64]] = []
    order: list[Judged] = []
    for fold in range(FOLDS):
        held = set(repos[fold::FOLDS])
        weights = fit([one for one in judged if one.repo not in held], way)
        for one in judged:
            if one.repo in held:
                order.append(one)
                all_p.append(_probabilities(one.features, weights, TERMS[way]))
    best = np.array([p.max(initial=0.0) for p in all_p])
    answerable = np.array([one.is_answerable for one in order])
    weight = np.where(answerable, 1.0, UNANSWERABLE_WEIGHT)
    first = np.array([p[0] if len(p) else 0.0 for p in all_p])
    first_right = np.array([bool(one.relevant[0]) if len(one.relevant) else False for one in order])
    each = np.concatenate(all_p)
    each_right = np.concatenate([one.relevant for one in order])
    each_weight = np.concatenate([np.full(len(p), w) for p, w in zip(all_p, weight, strict=True)])
    if plot:
        _draw(plot, way, (first, first_right, weight), (each, each_right, each_weight))
    found = np.array([one.relevant.any() for one in order])
    return {
        "way": way,
        "repositories": len(repos),
        "answerable": int(answerable.sum()),
        "unanswerable": int((~answerable).sum()),
        "answered": round(float(found[answerable].mean()), 4),
        "auroc": round(float(roc_auc_score(answerable, best)), 4),
        "auroc_answered": round(
            float(roc_auc_score(answerable[found | ~answerable], best[found | ~answerable])), 4
        ),
        "ece_first": round(expected_calibration_error(first, first_right, weight), 4),
        "ece_each": round(expected_calibration_error(each, each_right, each_weight), 4),
        "quantiles_answerable": np.quantile(best[answerable], (0.05, 0.1, 0.25, 0.5)).round(3).tolist(),
        "quantiles_unanswerable": np.quantile(best[~answerable], (0.5, 0.75, 0.9, 0.95)).round(3).tolist(),
    }


def expected_calibration_error(
    predicted: NDArray[np.float64], right: NDArray[np.bool_], weight: NDArray[np.float64]
) -> float:
    """Sum over ten equal bins of share x |mean prediction - share of right ones| (Guo et al. 2017, eq. 3)."""
    bins = np.minimum((predicted * BINS).astype(int), BINS - 1)
    total = 0.0
    for number in range(BINS):
        inside = bins == number
        mass = weight[inside].sum()
        if mass:
            gap = np.average(predicted[inside], weights=weight[inside]) - np.average(
                right[inside], weights=weight[inside]
            )
            total += mass * abs(gap)
    return float(total / weight.sum())


def _probabilities(
    features: NDArray[np.float64], weights: dict[str, float], names: Sequence[str]
) -> NDArray[np.float64]:
    logits = np.full(len(features), weights["intercept"])
    for at, name in enumerate(names):
        logits += weights.get(name, 0.0) * features[:, at]
    return np.asarray(1 / (1 + np.exp(-logits)), np.float64)


Sample = tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]


def _draw(path: Path, way: str, first: Sample, each: Sample) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 4.5))
    axes.plot((0, 1), (0, 1), color="0.7", linewidth=1)
    for (predicted, right, weight), label in ((first, "first hits"), (each, "all ten")):
        bins = np.minimum((predicted * BINS).astype(int), BINS - 1)
        used = [number for number in range(BINS) if weight[bins == number].sum() > 0]
        x = [np.average(predicted[bins == b], weights=weight[bins == b]) for b in used]
        y = [np.average(right[bins == b], weights=weight[bins == b]) for b in used]
        axes.plot(x, y, marker="o", label=label)
    axes.set(xlabel="probability told", ylabel="share that answers", title=f"Reliability: {way}")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)


def write(module: ModuleType, way: str, weights: dict[str, float]) -> None:
    """Put the coefficients of one way into the file beside `module`, calibration or likeness."""
    path = Path(str(module.__file__)).with_suffix(".toml")
    tables = {**{name: dict(table) for name, table in module.coefficients().items()}, way: weights}
    lines = [f"# Written by `python tests/bench/{path.stem}.py --fit`: see docs/ranking.md."]
    for name in tables:
        lines += [f"[{name}]", *(f"{key} = {value:.4f}" for key, value in tables[name].items()), ""]
    path.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
