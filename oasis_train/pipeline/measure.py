"""The last figures of a run: the finished model on the recipe's suites and on functions it never saw."""

import json
from collections.abc import Iterator
from pathlib import Path

from oasis_search.encoder import load
from oasis_train.data import Docstring, Function, ShardedTable
from oasis_train.evaluation.evaluate import evaluate
from oasis_train.evaluation.forms import in_form
from oasis_train.evaluation.suites import Pool, Suite, load_suite
from oasis_train.evaluation.tables import markdown_table, model_facts, pools_table
from oasis_train.pipeline.run import Run

DEV_POOL = 5_000
"""Functions of held-out repositories at most, per language."""


def measure(run: Run) -> None:
    """Write OUT/evaluation.json and OUT/evaluation.md."""
    encoder = load(run.out / "model")
    suites = [load_suite(folder) for folder in run.recipe.evaluation.suites]
    suites = [in_form(suite, run.recipe.evaluation.form) for suite in suites]
    dev = dev_suite(run.folder("corpus"), run.folder("docstrings"))
    if dev is not None:
        suites.insert(0, dev)
    results = []
    for done, suite in enumerate(suites):
        if run.progress:
            run.progress("evaluate", done, len(suites))
        results.append(evaluate(encoder, suite))
    if run.progress:
        run.progress("evaluate", len(suites), len(suites))
    facts = json.dumps(model_facts(run.recipe.name, results), indent=1)
    (run.out / "evaluation.json").write_text(facts + "\n", encoding="utf-8")
    by_model = {run.recipe.name: results}
    table = f"{markdown_table(by_model)}\n{pools_table(by_model)}" if results else "No suite was measured.\n"
    (run.out / "evaluation.md").write_text(table, encoding="utf-8")


def dev_suite(corpus: Path, docstrings: Path) -> Suite | None:
    """Docstrings of the split `dev` against its functions, a pool per language; None when it is empty."""
    pools: dict[str, list[tuple[Function, str]]] = {}
    for function, text in _held_out(corpus, docstrings):
        pool = pools.setdefault(function.language, [])
        if len(pool) < DEV_POOL:
            pool.append((function, text))
    if not pools:
        return None
    return Suite("dev", "nl2code", "MRR@1000", tuple(_pool(name, pools[name]) for name in sorted(pools)))


def _pool(language: str, pairs: list[tuple[Function, str]]) -> Pool:
    ids = tuple(function.id for function, _ in pairs)
    return Pool(
        label=language,
        item_ids=ids,
        codes=tuple(function.code for function, _ in pairs),
        queries=tuple(text.partition("\n")[0] for _, text in pairs),
        gains=tuple({name: 1.0} for name in ids),
        self_ids=(None,) * len(ids),
    )


def _held_out(corpus: Path, docstrings: Path) -> Iterator[tuple[Function, str]]:
    texts = {row.function: row.text for row in ShardedTable(docstrings / "docstrings", Docstring)}
    for function in ShardedTable(corpus / "functions", Function):
        if function.split == "dev" and function.id in texts:
            yield function, texts[function.id]
