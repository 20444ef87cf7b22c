"""The stage `teach`: a teacher's vectors of every documented function, computed once for all students.

Students rank batches as their teacher does (`losses.distillation`), so dimensions and tokenizers may differ:
a transformer teaches a token table, a large transformer a small one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from oasis_search.encoder import Encoder, load
from oasis_train.data import (
    Docstring,
    Function,
    ShardedTable,
    Stage,
    StageFolder,
    config_facts,
    falls_in_share,
)
from oasis_train.data.progress import Progress
from oasis_train.data.vectors import join_shards, shard_path, write_shard
from oasis_train.errors import RecipeError, ReplyError, TrainingError

SHARD = 2048
"""Functions of a shard: what a kill can cost."""


@dataclass(frozen=True, slots=True)
class TeachConfig:
    """Who teaches, and how much."""

    teacher: str
    """Model folder, or name that `oasis models` knows."""
    share: float = 1.0
    """Of the documented functions, chosen by hash: a teacher's time may not suffice for all."""
    seed: int = 3407

    def __post_init__(self) -> None:
        """Raise RecipeError for a value that means nothing."""
        if not 0 < self.share <= 1:
            raise RecipeError(f"teach.share is {self.share}; give a share above 0, at most 1.")


def teach(
    config: TeachConfig, corpus: Path, docstrings: Path, out: Path, *, progress: Progress | None = None
) -> dict[str, Any]:
    """Leave ids.npy, docs.npy and codes.npy under `out`, unless up to date; returns the manifest."""
    encoder = load(config.teacher)
    inputs = {
        "corpus": StageFolder(corpus).digest,
        "docstrings": StageFolder(docstrings).digest,
        "teacher": encoder.fingerprint,
    }
    facts = config_facts(config) | {"teacher": encoder.name}

    def work(partial: Path) -> Mapping[str, Any]:
        total = round(config.share * len(ShardedTable(docstrings / "docstrings", Docstring)))
        done = 0
        for shard, pairs in enumerate(_chunks(_chosen(config, corpus, docstrings))):
            done += len(pairs)
            if not shard_path(partial, shard).is_file():
                _encode_shard(encoder, partial, shard, pairs)
            if progress:
                progress("teach", done, max(done, total))
        if not done:
            raise TrainingError(f"{docstrings} has no docstring of a function in {corpus}. Run both again.")
        return {"functions": join_shards(partial), "teacher": encoder.name, "dim": encoder.dim}

    return StageFolder(out).run(Stage("teach", facts, inputs), work)


def _encode_shard(encoder: Encoder, folder: Path, shard: int, pairs: list[tuple[Function, str]]) -> None:
    docs = encoder.encode([text for _, text in pairs], role="query")
    codes = encoder.encode([function.code for function, _ in pairs], role="code")
    bad = np.flatnonzero(~(np.isfinite(docs).all(axis=1) & np.isfinite(codes).all(axis=1)))
    if len(bad):
        function = pairs[int(bad[0])][0]
        raise ReplyError(
            f"{encoder.name} gave a vector that is no number for {function.repository}, {function.path}, "
            f"line {function.start_line}. Choose another teacher, or leave that repository out."
        )
    ids = [function.id for function, _ in pairs]
    write_shard(folder, shard, ids, docs.astype(np.float16), codes.astype(np.float16))


def _documented(corpus: Path, docstrings: Path) -> Iterator[tuple[Function, str]]:
    """Functions of the split `train` with their docstrings; both tables are in the same order."""
    texts = iter(ShardedTable(docstrings / "docstrings", Docstring))
    docstring = next(texts, None)
    for function in ShardedTable(corpus / "functions", Function):
        if docstring is None:
            return
        if docstring.function != function.id:
            continue
        if function.split == "train":
            yield function, docstring.text
        docstring = next(texts, None)


def _chosen(config: TeachConfig, corpus: Path, docstrings: Path) -> Iterator[tuple[Function, str]]:
    for function, text in _documented(corpus, docstrings):
        if falls_in_share(config.share, f"teach {config.seed}", function.id):
            yield function, text


def _chunks(pairs: Iterator[tuple[Function, str]]) -> Iterator[list[tuple[Function, str]]]:
    while chunk := list(islice(pairs, SHARD)):
        yield chunk
