"""The last figures of a run: the finished model on the recipe's suites and on functions it never saw.

OUT/evaluate/scores.json   suite -> pool -> the suite's own metric of every query, for comparisons of runs
OUT/evaluation.json, OUT/evaluation.md
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from oasis_search.encoder import Encoder, load
from oasis_train.data import Docstring, Function, ShardedTable, Stage, StageFolder, files_digest
from oasis_train.evaluation import evaluate
from oasis_train.evaluation.forms import in_form
from oasis_train.evaluation.significance import Scores
from oasis_train.evaluation.suites import Pool, Suite, load_suite
from oasis_train.evaluation.tables import markdown_table, model_facts, pools_table
from oasis_train.pipeline.run import Run

FIGURES = ("evaluation.json", "evaluation.md")
SCORES_NAME = "scores.json"


def measure(run: Run) -> None:
    """Write OUT/evaluation.json and OUT/evaluation.md, unless this model was measured on these suites."""
    encoder, evaluation = load(run.out / "model"), run.recipe.evaluation
    inputs = {"model": encoder.fingerprint}
    inputs |= {name: StageFolder(run.folder(name)).digest for name in ("corpus", "docstrings")}
    for folder in evaluation.suites:
        inputs[f"suite {folder.name}"] = files_digest(sorted(folder.iterdir()))
    facts = {"form": evaluation.form, "name": run.recipe.name, "dev_pool": evaluation.dev_pool}
    stage = StageFolder(run.folder("evaluate"))
    stage.run(Stage("evaluate", facts, inputs), lambda partial: _measure(run, encoder, partial))
    for name in FIGURES:
        shutil.copyfile(stage.path / name, run.out / name)


def read_scores(folder: Path) -> Scores:
    """What `measure` kept of every query of the run in `folder`."""
    found: Scores = json.loads((folder / "evaluate" / SCORES_NAME).read_text(encoding="utf-8"))
    return found


def _measure(run: Run, encoder: Encoder, out: Path) -> Mapping[str, Any]:
    suites = [load_suite(folder) for folder in run.recipe.evaluation.suites]
    suites = [in_form(suite, run.recipe.evaluation.form) for suite in suites]
    dev = dev_suite(run.folder("corpus"), run.folder("docstrings"), run.recipe.evaluation.dev_pool)
    if dev is not None:
        suites.insert(0, dev)
    found = []
    for done, suite in enumerate(suites):
        if run.progress:
            run.progress("evaluate", done, len(suites))
        found.append(evaluate.measure(encoder, suite))
    if run.progress:
        run.progress("evaluate", len(suites), len(suites))
    results = [one.result for one in found]
    by_model = {run.recipe.name: results}
    table = f"{markdown_table(by_model)}\n{pools_table(by_model)}" if results else "No suite was measured.\n"
    facts = json.dumps(model_facts(run.recipe.name, results), indent=1)
    scores = {one.result.name: one.of(one.result.metric) for one in found}
    (out / "evaluation.json").write_text(facts + "\n", encoding="utf-8")
    (out / "evaluation.md").write_text(table, encoding="utf-8")
    (out / SCORES_NAME).write_text(json.dumps(scores), encoding="utf-8")
    return {"suites": len(suites)}


def dev_suite(corpus: Path, docstrings: Path, most: int) -> Suite | None:
    """Docstrings of the split `dev` against its functions, a pool per language; None when it is empty.

    `most`: functions of a pool.
    """
    pools: dict[str, list[tuple[Function, str]]] = {}
    for function, text in _held_out(corpus, docstrings):
        pool = pools.setdefault(function.language, [])
        if len(pool) < most:
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
        queries=tuple(text for _, text in pairs),
        gains=tuple({name: 1.0} for name in ids),
        self_ids=(None,) * len(ids),
    )


def _held_out(corpus: Path, docstrings: Path) -> Iterator[tuple[Function, str]]:
    texts = {row.function: row.text for row in ShardedTable(docstrings / "docstrings", Docstring)}
    for function in ShardedTable(corpus / "functions", Function):
        if function.split == "dev" and function.id in texts:
            yield function, texts[function.id]
