"""Measure every suite by encoder alone and by stage of the pipeline.

    python tests/bench/quality.py --suites FOLDER [--suite NAME ...] [--model mini] [--queries N]

    python tests/bench/quality.py --suites suites --suite cosqa-dev --suite c2c-xlang
    python tests/bench/quality.py --suites suites --model mini --queries 300 --out build/quality

`--suites` holds rebuilt suites (corpus.jsonl.gz, queries.jsonl.gz, qrels.tsv, meta.json). A row *alone* ranks
the items by the encoder's cosine of whole items. The other rows put every pool into an index of the product,
each item a file of its own whose name tells nothing (files of a repository keep theirs), and search it: words
alone (BM25 over text), words and vectors, all signals, and these with the model on top; for code as the
query, find similar with the table, and with the model on top. An item counts at its best hit. Figures are the
suite's own metric in percent, mean over pools, with 95 % intervals (queries redrawn within pools), by
language and by kind of question. `--queries` takes as many of each pool, drawn once for all rows. Writes
COMMIT.json and COMMIT.md into `--out`.
"""

import argparse
import json
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from run import commit
from snapshots import DEFAULT_CACHE, CachedModel, build_snapshot

from oasis_search.encoder import BagEncoder, Role, load
from oasis_search.index import Snapshot
from oasis_search.search import Query, search
from oasis_search.search.similar import WIDER, Place, SimilarQuery, similar
from oasis_search.search.tiers import QueryVector
from oasis_search.search.weights import WEIGHTS, Weights
from oasis_search.syntax import cut_units
from oasis_search.syntax.languages import TEXT, language_by_name
from oasis_search.workspace.origin import run_bytes
from oasis_train.evaluation.evaluate import rank_pool
from oasis_train.evaluation.metrics import bootstrap_interval, score_query
from oasis_train.evaluation.suites import Pool, Suite, load_suite

WITHOUT_SIGNALS = Weights(
    name_field=0,
    path_field=0,
    definition=0,
    main_file=0,
    mention=0,
    path_words=0,
    coherence=0,
    demotion=0,
    superseded=0,
    saturation=1,
)
HITS = 1000
"""As deep as the deepest metric looks."""
SEED = 3407


@dataclass(frozen=True, slots=True)
class Row:
    """One way of ranking one suite."""

    suite: str
    metric: str
    stage: str
    queries: int
    value: float
    """Percent, as `low`, `high` and every value below."""
    low: float
    high: float
    languages: Mapping[str, float]
    kinds: Mapping[str, float]
    median_ms: float
    """Of one query, encoding by the model left out; 0 where items were ranked in one product."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What one query brought."""

    pool: str
    language: str
    kind: str
    value: float
    ms: float = 0.0


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--suites", type=Path, required=True, help="folder of rebuilt suites")
    parser.add_argument("--suite", action="append", default=[], help="only this one (again for more)")
    parser.add_argument("--model", default="", help="a better encoder on top, such as mini")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="keeps the vectors of --model")
    parser.add_argument("--queries", type=int, default=0, help="of each pool at most; 0: all")
    parser.add_argument("--out", type=Path, default=Path("build/quality"))
    options = parser.parse_args()
    names = options.suite or sorted(path.parent.name for path in options.suites.glob("*/qrels.tsv"))
    if not names:
        sys.exit(f"{options.suites} holds no suite. Rebuild them there first.")
    encoder = load("static")
    model = CachedModel(options.model, options.cache) if options.model else None
    rows: list[Row] = []
    for name in names:
        suite = _sampled(load_suite(options.suites / name), options.queries)
        for row in measure_suite(suite, _kinds(options.suites / name), encoder, model):  # type: ignore[arg-type]
            print(_line(row), flush=True)
            rows.append(row)
    name = commit()
    options.out.mkdir(parents=True, exist_ok=True)
    facts = {"commit": name, "model": options.model, "rows": [asdict(row) for row in rows]}
    (options.out / f"{name}.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    (options.out / f"{name}.md").write_text(as_table(rows), encoding="utf-8")
    print(options.out / f"{name}.md")


def measure_suite(
    suite: Suite, kinds: Mapping[str, tuple[str, str]], encoder: BagEncoder, model: CachedModel | None
) -> Iterator[Row]:
    """All rows of a suite. `kinds`: what `_kinds` read."""
    paths = [_paths(pool, kinds) for pool in suite.pools]
    if not any(path.count("/") for pool in paths for path in pool):
        yield _row(suite, "static alone", _alone(suite, kinds, encoder))
        if model:
            yield _row(suite, f"{model.name} alone", _alone(suite, kinds, model))
    snapshots = [
        build_snapshot(zip(names, (code.encode() for code in pool.codes), strict=True), encoder, model)
        for pool, names in zip(suite.pools, paths, strict=True)
    ]
    indexed = list(zip(suite.pools, paths, snapshots, strict=True))
    if suite.task == "code2code":
        stages: list[tuple[str, bool]] = [
            ("similar, static", False),
            *([("similar, + model", True)] if model else []),
        ]
        for stage, refined in stages:
            scored = [
                one
                for pool, names, snapshot in indexed
                for one in _similar(suite, pool, names, snapshot, kinds, encoder, model if refined else None)
            ]
            yield _row(suite, stage, scored)
        return
    ways: list[tuple[str, BagEncoder | None, CachedModel | None, Weights]] = [
        ("words", None, None, WITHOUT_SIGNALS),
        ("vectors (static)", encoder, None, replace(WITHOUT_SIGNALS, dense_share=1.0)),
        ("words + vectors", encoder, None, WITHOUT_SIGNALS),
        ("+ signals", encoder, None, WEIGHTS),
    ]
    if model:
        ways.append(("+ model", encoder, model, WEIGHTS))
    for stage, table, better, weights in ways:
        scored = [
            one
            for pool, names, snapshot in indexed
            for one in _search(suite, pool, names, snapshot, kinds, table, better, weights)
        ]
        yield _row(suite, stage, scored)


def as_table(rows: Sequence[Row]) -> str:
    """Markdown: a line a row, then languages and kinds."""
    lines = [
        "| suite, metric | stage | queries | value | 95 % | ms | by language | by kind |",
        "|---|---|---:|---:|---|---:|---|---|",
    ]
    for row in rows:
        parts = (
            ", ".join(f"{name} {value:.1f}" for name, value in values.items())
            for values in (row.languages, row.kinds)
        )
        lines.append(
            f"| {row.suite}, {row.metric} | {row.stage} | {row.queries} | {row.value:.1f} "
            f"| {row.low:.1f} to {row.high:.1f} | {row.median_ms:.1f} | {' | '.join(parts)} |"
        )
    return "\n".join(lines) + "\n"


def _alone(
    suite: Suite, kinds: Mapping[str, tuple[str, str]], encoder: BagEncoder | CachedModel
) -> Iterable[Scored]:
    role: Role = "code" if suite.task == "code2code" else "query"
    for pool in suite.pools:
        codes = encoder.encode(list(pool.codes), "code")
        queries = encoder.encode(list(pool.queries), role)
        for at, ranks in enumerate(rank_pool(pool, queries, codes)):
            yield _scored(suite, pool, at, ranks, kinds)


def _search(
    suite: Suite,
    pool: Pool,
    names: Sequence[str],
    snapshot: Snapshot,
    kinds: Mapping[str, tuple[str, str]],
    encoder: BagEncoder | None,
    model: CachedModel | None,
    weights: Weights,
) -> Iterable[Scored]:
    for at, text in enumerate(pool.queries):
        refined_by = [model.query_vector(text)] if model else []
        start = time.perf_counter()
        hits = search(snapshot, Query(text, HITS), encoder, refined_by=refined_by, weights=weights)
        ms = 1000 * (time.perf_counter() - start)
        ranks = _ranks(pool, at, names, (hit.path for hit in hits))
        yield _scored(suite, pool, at, ranks, kinds, ms)


def _similar(
    suite: Suite,
    pool: Pool,
    names: Sequence[str],
    snapshot: Snapshot,
    kinds: Mapping[str, tuple[str, str]],
    encoder: BagEncoder,
    model: CachedModel | None,
) -> Iterable[Scored]:
    position = {item: at for at, item in enumerate(pool.item_ids)}
    for at, text in enumerate(pool.queries):
        self_id = pool.self_ids[at]
        place = None if self_id is None else Place(names[position[self_id]], 0, len(text.encode()) + 1)
        seen_as = [QueryVector("static", encoder.fingerprint, encoder.encode([text], "code")[0])]
        if model:
            seen_as.append(QueryVector(model.name, model.fingerprint, model.encode([text], "code")[0]))
        language = language_by_name(pool.query_languages[at]) or TEXT
        n_bytes = run_bytes(cut_units(text.encode(), language)[0])
        start = time.perf_counter()
        found = similar(
            snapshot,
            SimilarQuery(HITS // WIDER, place=place, language=language.name, run_bytes=n_bytes),
            seen_as,
        )
        ms = 1000 * (time.perf_counter() - start)
        ranks = _ranks(pool, at, names, (snapshot.view(one.unit).path for one in found))
        yield _scored(suite, pool, at, ranks, kinds, ms)


def _ranks(pool: Pool, at: int, names: Sequence[str], hits: Iterable[str]) -> list[int]:
    """Rank of every relevant item, in the order of its gains; one that was not found is the last of all."""
    self_id = pool.self_ids[at]
    files = list(dict.fromkeys(hits))
    if self_id is not None:
        own = names[pool.item_ids.index(self_id)]
        files = [path for path in files if path != own]
    rank_of = {path: rank for rank, path in enumerate(files, start=1)}
    name_of = dict(zip(pool.item_ids, names, strict=True))
    return [rank_of.get(name_of[item], len(pool.item_ids)) for item in pool.gains[at]]


def _scored(
    suite: Suite,
    pool: Pool,
    at: int,
    ranks: Sequence[int],
    kinds: Mapping[str, tuple[str, str]],
    ms: float = 0.0,
) -> Scored:
    value = score_query(suite.metric, list(ranks), list(pool.gains[at].values()))
    _, kind = kinds.get(pool.query_ids[at], ("", ""))
    return Scored(pool.label, pool.query_languages[at], kind, 100 * value, ms)


def _row(suite: Suite, stage: str, scored: Iterable[Scored]) -> Row:
    found = list(scored)
    by_pool: dict[str, list[float]] = defaultdict(list)
    for one in found:
        by_pool[one.pool].append(one.value)
    low, high = bootstrap_interval(by_pool)
    return Row(
        suite=suite.name,
        metric=suite.metric,
        stage=stage,
        queries=len(found),
        value=round(float(np.mean([np.mean(values) for values in by_pool.values()])), 2),
        low=round(low, 2),
        high=round(high, 2),
        languages=_means((one.language, one.value) for one in found),
        kinds=_means((one.kind, one.value) for one in found),
        median_ms=round(float(np.median([one.ms for one in found])), 2),
    )


def _means(values: Iterable[tuple[str, float]]) -> dict[str, float]:
    groups: dict[str, list[float]] = defaultdict(list)
    for name, value in values:
        groups[name].append(value)
    return {name: round(float(np.mean(group)), 2) for name, group in sorted(groups.items()) if name}


def _kinds(folder: Path) -> dict[str, tuple[str, str]]:
    """Path of every item that is a file of a repository, kind of every question that has one, by id."""
    import gzip

    found = {}
    for name, keys in (("corpus", ("path", "repo")), ("queries", ("category",))):
        with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            for line in file:
                facts = json.loads(line)
                if all(facts.get(key) for key in keys):
                    found[facts["id"]] = (facts.get("path", ""), facts.get("category", ""))
    has_kinds = any(kind for _, kind in found.values())
    return found if has_kinds else {}  # a suite without kinds is one of functions, whose paths would tell


def _paths(pool: Pool, kinds: Mapping[str, tuple[str, str]]) -> list[str]:
    """What each item's file is called."""
    names = []
    for at, (item, language) in enumerate(zip(pool.item_ids, pool.languages, strict=True)):
        known = language_by_name(language)
        ending = known.extensions[0] if known and known.extensions else ".txt"
        names.append(kinds[item][0] if kinds.get(item, ("", ""))[0] else f"{at:06}{ending}")
    return names


def _sampled(suite: Suite, n: int) -> Suite:
    if not n:
        return suite
    pools = []
    for pool in suite.pools:
        rng = random.Random(f"{SEED} {suite.name} {pool.label}")
        kept = sorted(rng.sample(range(len(pool.queries)), min(n, len(pool.queries))))
        pools.append(
            replace(
                pool,
                queries=tuple(pool.queries[at] for at in kept),
                gains=tuple(pool.gains[at] for at in kept),
                self_ids=tuple(pool.self_ids[at] for at in kept),
                query_ids=tuple(pool.query_ids[at] for at in kept),
                query_languages=tuple(pool.query_languages[at] for at in kept),
            )
        )
    return replace(suite, pools=tuple(pools))


def _line(row: Row) -> str:
    return (
        f"{row.suite:20} {row.metric:9} {row.stage:20} {row.value:6.2f}  [{row.low:.1f}, {row.high:.1f}]  "
        f"{row.queries} queries, {row.median_ms:.1f} ms"
    )


if __name__ == "__main__":
    main()
