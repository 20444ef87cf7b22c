"""The stages of a recipe, with files between them, so that a later one can be run again alone.

corpus/          rows.jsonl.gz, corpus.json
checkpoint.npz   vocabulary, table, query weights, settings
model/           the model folder that the server loads
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from oasis_search.encoder import Manifest, Vectors
from oasis_train.corpus.build import MANIFEST_NAME, Row, read_rows
from oasis_train.errors import TrainError
from oasis_train.recipe import Recipe
from oasis_train.static.export import export_static
from oasis_train.static.initial import frequency_weights, random_table, reduce_vectors
from oasis_train.static.train import StaticModel, train_static
from oasis_train.static.views import build_views
from oasis_train.static.vocabulary import build_vocabulary, count_words

CHECKPOINT_NAME = "checkpoint.npz"


def train(recipe: Recipe, corpus: Path, out: Path) -> list[float]:
    """Train on the corpus in folder `corpus`, leave a checkpoint under `out`; returns the loss per epoch."""
    rows: Sequence[Row] = list(read_rows(corpus))
    counts = count_words(rows)
    vocabulary = build_vocabulary(counts, recipe.initial.vocabulary, min_count=recipe.initial.min_count)
    if not vocabulary:
        raise TrainError(
            f"No word of {corpus} occurs {recipe.initial.min_count} times: lower min_count in the recipe."
        )
    table = _initial_table(recipe, vocabulary)
    frequencies = np.array([counts[word] for word in vocabulary], dtype=np.int64)
    table *= frequency_weights(frequencies, recipe.initial.smoothing)[:, None]
    model = StaticModel(table)
    views = build_views(rows, vocabulary, recipe.training.code_damping)
    losses = train_static(views, model, recipe.training)
    corpus_facts = json.loads((corpus / MANIFEST_NAME).read_text(encoding="utf-8"))
    training = {
        "recipe": recipe.name,
        "rows": corpus_facts["rows"],
        "languages": corpus_facts["languages"],
        "n_repositories": len(corpus_facts["repositories"]),
        "corpus_sha256": corpus_facts["sha256"],
        "start": recipe.initial.teacher.name if recipe.initial.teacher else "random",
        "settings": asdict(recipe.training),
        "losses": [round(loss, 4) for loss in losses],
    }
    out.mkdir(parents=True, exist_ok=True)
    np.savez(
        out / CHECKPOINT_NAME,
        vocabulary=np.array(vocabulary),
        table=model.rows.detach().numpy(),
        query=model.log_query.detach().exp().numpy(),
        training=np.array(json.dumps(training)),
    )
    return losses


def export(recipe: Recipe, run: Path, folder: Path) -> Manifest:
    """Write the checkpoint under `run` as a model folder."""
    try:
        with np.load(run / CHECKPOINT_NAME) as checkpoint:
            vocabulary = [str(word) for word in checkpoint["vocabulary"]]
            table, query = checkpoint["table"], checkpoint["query"]
            training = json.loads(str(checkpoint["training"]))
    except FileNotFoundError:
        raise TrainError(f'{run} holds no {CHECKPOINT_NAME}: run "oasis-train train" first.') from None
    return export_static(
        folder,
        vocabulary,
        table,
        {"code": np.ones(len(table), dtype=np.float32), "query": query},
        name=recipe.name,
        damping={"code": recipe.training.code_damping, "query": 1.0},
        licence=recipe.licence,
        training=training,
    )


def _initial_table(recipe: Recipe, vocabulary: Sequence[str]) -> Vectors:
    if recipe.initial.teacher is None:
        return random_table(len(vocabulary), recipe.training.dim, recipe.training.seed)
    from oasis_train.bert import BertTeacher

    return reduce_vectors(BertTeacher(recipe.initial.teacher).encode(vocabulary), recipe.training.dim)
