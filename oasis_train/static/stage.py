"""The stage `train` of a static model: corpus, docstrings and order labels to a model folder.

model/           the model folder that the server loads
checkpoint.npz   vocabulary, table, query weights and layers in float32
losses.jsonl     a line per step
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from oasis_search.encoder import load
from oasis_search.encoder.head import Head, pack_heads
from oasis_search.encoder.protocol import Role, Vectors
from oasis_train.corpus.tasks import PROSE
from oasis_train.data import (
    Docstring,
    Function,
    RefinedPair,
    ShardedTable,
    Stage,
    StageFolder,
    Twin,
    config_facts,
    falls_in_share,
)
from oasis_train.data.progress import Progress
from oasis_train.data.vectors import VectorTable
from oasis_train.errors import TrainingError
from oasis_train.static.export import export_static
from oasis_train.static.initial import initial_table
from oasis_train.static.languages import language_axes, sum_vectors, without_languages
from oasis_train.static.model_card import model_card
from oasis_train.static.train import (
    LabelledRows,
    StaticConfig,
    StaticModel,
    StepLosses,
    TaughtRows,
    train_static,
)
from oasis_train.static.views import Ints, Views, build_twins, build_views, stated_rows
from oasis_train.static.vocabulary import build_vocabulary, count_words

CHECKPOINT_NAME = "checkpoint.npz"
LOSSES_NAME = "losses.jsonl"
MODEL_NAME = "model"


def train_table(
    config: StaticConfig,
    corpus: Path,
    docstrings: Path,
    refine: Path,
    out: Path,
    *,
    name: str,
    licence: str,
    teacher: Path | None = None,
    twins: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train on the split `train`, unless up to date, and leave `model/` under `out`; returns the manifest.

    `teacher` is the folder of the stage `teach`, needed where distillation has a weight, `twins` that of the
    stage `twins`, needed where twins have one. A kill costs
    minutes: the stage starts again, and gives the same table.
    """
    inputs = {
        "corpus": StageFolder(corpus).digest,
        "docstrings": StageFolder(docstrings).digest,
        "refine": StageFolder(refine).digest,
    }
    facts = config_facts(config) | {"name": name, "licence": licence}
    if config.initial.teacher:
        facts["initial"]["teacher"] = _start_name(config)
        inputs["start"] = load(config.initial.teacher).fingerprint
    if config.distillation:
        if teacher is None:
            raise TrainingError(
                "Distillation has a weight, but there is no teacher: add [teach] to the recipe."
            )
        inputs["teacher"] = StageFolder(teacher).digest
    if config.twins:
        if twins is None:
            raise TrainingError("Twins have a weight, but there are none: add [twins] to the recipe.")
        inputs["twins"] = StageFolder(twins).digest

    def work(partial: Path) -> Mapping[str, Any]:
        return _train(config, corpus, docstrings, refine, teacher, twins, partial, name, licence, progress)

    return StageFolder(out).run(Stage("train-static", facts, inputs), work)


def _train(
    config: StaticConfig,
    corpus: Path,
    docstrings: Path,
    refine: Path,
    teacher: Path | None,
    twins: Path | None,
    partial: Path,
    name: str,
    licence: str,
    progress: Progress | None,
) -> Mapping[str, Any]:
    texts = {row.function: row.text for row in ShardedTable(docstrings / "docstrings", Docstring)}
    rows = [
        replace(row, doc=texts.get(row.id, ""))
        for row in ShardedTable(corpus / "functions", Function)
        if row.split == "train" and row.language != PROSE
    ]
    if config.share < 1:
        with_label = {pair.docstring for pair in ShardedTable(refine / "pairs", RefinedPair)}
        rows = [row for row in rows if row.id in with_label or falls_in_share(config.share, "share", row.id)]
    found = list(ShardedTable(twins / "twins", Twin)) if config.twins and twins is not None else []
    rows += stated_rows(found, rows)
    counts = count_words(rows)
    vocabulary = build_vocabulary(counts, config.initial.vocabulary, min_count=config.initial.min_count)
    if not vocabulary or not any(row.doc for row in rows):
        raise TrainingError(
            f"{corpus} has no documented function with words that occur {config.initial.min_count} times: "
            "give it more sources, or lower initial.min_count in the recipe."
        )
    frequencies = np.array([counts[word] for word in vocabulary], dtype=np.int64)
    table = initial_table(vocabulary, frequencies, config.dim, config.initial, config.seed)
    model = StaticModel(table, config.hidden)
    views = build_views(rows, vocabulary, config.code_damping)
    labelled = _labelled_rows(refine, rows) if config.weights[1] else None
    taught = None
    if config.distillation and teacher is not None:
        vectors = VectorTable(teacher)
        taught = TaughtRows(vectors, vectors.rows([row.id for row in rows]))
    alike = None
    if found:
        alike = build_twins(found, rows, vocabulary, config.code_damping)
    with (partial / LOSSES_NAME).open("w", encoding="utf-8") as file:

        def on_step(step: int, steps: int, losses: StepLosses) -> None:
            facts = {
                "step": step,
                "loss": losses.total,
                "in_batch": losses.in_batch,
                "cosent": losses.cosent,
                "distillation": losses.distillation,
                "twins": losses.twins,
            }
            file.write(json.dumps(facts) + "\n")
            if progress:
                progress("train", step, steps)

        means = train_static(views, model, config, labelled, taught, alike, on_step)
    query = model.log_query.detach().exp().numpy()
    trained, heads = _without_languages(model, views, config)
    arrays = {"vocabulary": np.array(vocabulary), "table": trained, "query": query}
    np.savez(partial / CHECKPOINT_NAME, **arrays, **pack_heads(heads))  # type: ignore[arg-type]
    facts = {
        "rows": len(views.documented),
        "languages": StageFolder(corpus).manifest()["facts"].get("languages", {}),
        "start": _start_name(config) or "random",
        "settings": config_facts(config) | {"initial": _initial_facts(config)},
        "losses": [round(mean, 4) for mean in means],
    }
    manifest = export_static(
        partial / MODEL_NAME,
        vocabulary,
        trained,
        {"code": np.ones(len(vocabulary), dtype=np.float32), "query": query},
        name=name,
        damping={"code": config.code_damping, "query": 1.0},
        licence=licence,
        training=facts,
        heads=heads,
    )
    stages = {"corpus": corpus, "docstrings": docstrings, "refine": refine}
    card = model_card(
        name=name,
        licence=licence,
        n_words=len(vocabulary),
        dim=config.dim,
        facts=facts,
        stages={stage: StageFolder(folder).manifest() for stage, folder in stages.items()},
    )
    (partial / MODEL_NAME / "README.md").write_text(card, encoding="utf-8")
    return facts | {"fingerprint": manifest.fingerprint}


def _without_languages(
    model: StaticModel, views: Views, config: StaticConfig
) -> tuple[Vectors, dict[Role, Head]]:
    """The table and its layers without what only says which language a code is written in."""
    table: Vectors = model.rows.detach().numpy()
    plain = model.heads()
    if not plain:
        return without_languages(table, views, config.language_directions, config.seed), plain

    def encode(rows: Ints) -> Vectors:
        return plain["code"].apply(sum_vectors(table, views, rows))

    return table, model.heads(language_axes(encode, views, config.language_directions, config.seed))


def _labelled_rows(refine: Path, rows: list[Function]) -> LabelledRows:
    """Pairs of the refined table whose functions are both among `rows`."""
    position = {row.id: index for index, row in enumerate(rows)}
    found = [
        (position[pair.docstring], position[pair.function], pair.similarity)
        for pair in ShardedTable(refine / "pairs", RefinedPair)
        if pair.docstring in position and pair.function in position
    ]
    if not found:
        raise TrainingError(
            f"{refine} holds no pair of the functions to train on. Run the earlier stages again."
        )
    docs, codes, labels = zip(*found, strict=True)
    return LabelledRows(np.array(docs), np.array(codes), np.array(labels, dtype=np.float32))


def _initial_facts(config: StaticConfig) -> dict[str, Any]:
    return asdict(config.initial) | {"teacher": _start_name(config)}


def _start_name(config: StaticConfig) -> str:
    """The last part of a path, since a path of this machine says nothing elsewhere."""
    return Path(config.initial.teacher).name if config.initial.teacher else ""
