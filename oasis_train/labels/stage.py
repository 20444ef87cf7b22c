"""Order labels: for every pair the teachers' similarity of docstring and function, right pairs included.

A right pair keeps its teacher's similarity; it is not set to 1. Chunk by chunk, so that a killed run goes on
after its last whole chunk, and within a chunk after the last block of vectors.
"""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oasis_search.encoder import Encoder
from oasis_train.data import LabelledPair, Pair, ShardedTable, Stage, StageFolder
from oasis_train.data.progress import Progress
from oasis_train.errors import RecipeError
from oasis_train.labels.chunks import Chunk, pairs_of_chunk, read_chunks
from oasis_train.labels.teachers import (
    MODES,
    Mode,
    TeacherConfig,
    Text,
    Vectors,
    cosines,
    encode_texts,
    load_teacher,
    teacher_facts,
)

_PAIRS_AT_ONCE = 2_048
"""Pairs whose vectors are in memory at once: 100 MB at 3,072 dimensions."""


@dataclass(frozen=True, slots=True)
class LabelConfig:
    """How pairs are labelled."""

    teachers: tuple[TeacherConfig, ...]
    """The paper has one, text-embedding-3-large; of several the weighted mean of similarities is taken, as
    they are, without making their scales equal."""
    mode: Mode = "doc-code"
    """What is compared with the docstring: the code (paper), the docstring of the other function, or both.
    A function without docstring is compared by its code in every mode. With its own docstring a docstring has
    the largest similarity, so `doc-doc` puts right pairs above all others."""

    def __post_init__(self) -> None:
        """Raise RecipeError for a value that cannot be honoured."""
        if not self.teachers:
            raise RecipeError("label.teachers is empty; name one teacher or more.")
        if self.mode not in MODES:
            raise RecipeError(f"label.mode is {self.mode!r}; give doc-code, doc-doc or mean.")


def label_pairs(
    config: LabelConfig,
    corpus: Path,
    docstrings: Path,
    negatives: Path,
    out: Path,
    *,
    threads: int = 0,
    device: str = "auto",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write the labelled pairs under `out`; returns the manifest.

    Raises ReplyError, naming docstring or function, when a teacher gives no usable vector.
    """
    facts = {"teachers": [teacher_facts(teacher) for teacher in config.teachers], "mode": config.mode}
    inputs = {
        name: StageFolder(folder).digest
        for name, folder in (("corpus", corpus), ("docstrings", docstrings), ("negatives", negatives))
    }

    def work(partial: Path) -> Mapping[str, Any]:
        table = ShardedTable(partial / "pairs", LabelledPair)
        total, n_done = len(ShardedTable(negatives / "pairs", Pair)), 0
        encoders: list[Encoder] = []
        for chunk in read_chunks(corpus, docstrings):
            pairs = pairs_of_chunk(negatives, chunk, Pair)
            if not table.has(chunk.number):
                encoders = encoders or [
                    load_teacher(teacher, threads=threads, device=device) for teacher in config.teachers
                ]
                similarities = similarities_of_pairs(config, encoders, chunk, pairs, partial / "vectors")
                table.write(
                    chunk.number,
                    (
                        LabelledPair(pair.docstring, pair.function, pair.is_gt, similarity)
                        for pair, similarity in zip(pairs, similarities.tolist(), strict=True)
                    ),
                )
                shutil.rmtree(partial / "vectors", ignore_errors=True)
            n_done += len(pairs)
            if progress:
                progress("label", n_done, total)
        shutil.rmtree(
            partial / "vectors", ignore_errors=True
        )  # of a run that was killed after its last shard
        return _summary(table)

    return StageFolder(out).run(Stage("label", facts, inputs), work)


def similarities_of_pairs(
    config: LabelConfig, encoders: list[Encoder], chunk: Chunk, pairs: list[Pair], folder: Path
) -> NDArray[np.float64]:
    """(len(pairs),) label of every pair in [0, 1); vectors are kept in `folder` meanwhile."""
    total = np.zeros(len(pairs))
    for number, (teacher, encoder) in enumerate(zip(config.teachers, encoders, strict=True)):
        if not pairs:
            break
        mode = teacher.mode or config.mode
        # Docstrings of other functions are encoded as queries too, so that equal texts have equal vectors.
        described = _Distinct(
            chain(
                ((chunk.docstrings[pair.docstring], pair.docstring) for pair in pairs),
                (
                    (chunk.docstrings[pair.function], pair.function)
                    if _needs_text(mode, chunk, pair)
                    else None
                    for pair in pairs
                ),
            )
        )
        codes = _Distinct(
            (chunk.functions[pair.function].code, pair.function) if _needs_code(mode, chunk, pair) else None
            for pair in pairs
        )
        queries, texts = described.rows[: len(pairs)], described.rows[len(pairs) :]
        sums, counts = np.zeros(len(pairs)), np.zeros(len(pairs))
        prefix = f"{chunk.number:05d}-{number}"
        asked = encode_texts(encoder, described.texts, "query", folder, f"{prefix}-query")
        _add(sums, counts, asked, queries, asked, texts)
        if codes.texts:
            vectors = encode_texts(encoder, codes.texts, "code", folder, f"{prefix}-code")
            _add(sums, counts, asked, queries, vectors, codes.rows)
        total += teacher.weight * sums / counts
    return total / sum(teacher.weight for teacher in config.teachers)


class _Distinct:
    """Every distinct text once, and where each pair's is; row -1 for a pair that needs none."""

    def __init__(self, wanted: "Iterable[tuple[str, str] | None]") -> None:
        known: dict[str, int] = {}
        self.texts: list[Text] = []
        rows: list[int] = []
        for item in wanted:
            if item is not None and item[0] not in known:
                known[item[0]] = len(self.texts)
                self.texts.append(Text(*item))
            rows.append(-1 if item is None else known[item[0]])
        self.rows = np.array(rows, dtype=np.int64)


def _needs_text(mode: str, chunk: Chunk, pair: Pair) -> bool:
    return mode != "doc-code" and pair.function in chunk.docstrings


def _needs_code(mode: str, chunk: Chunk, pair: Pair) -> bool:
    return mode != "doc-doc" or pair.function not in chunk.docstrings


def _add(
    sums: NDArray[np.float64],
    counts: NDArray[np.float64],
    queries: Vectors,
    query_rows: NDArray[np.int64],
    targets: Vectors,
    target_rows: NDArray[np.int64],
) -> None:
    """Add the similarities of the pairs that have a target."""
    pairs = np.flatnonzero(target_rows >= 0)
    for start in range(0, len(pairs), _PAIRS_AT_ONCE):
        some = pairs[start : start + _PAIRS_AT_ONCE]
        sums[some] += cosines(queries.take(query_rows[some]), targets.take(target_rows[some]))
        counts[some] += 1


def _summary(table: ShardedTable[LabelledPair]) -> dict[str, Any]:
    """What tells a good teacher from a bad one: how far right pairs are from wrong ones."""
    sums, counts = {True: 0.0, False: 0.0}, {True: 0, False: 0}
    n_first = n_compared = 0
    for _, group in groupby(table, lambda pair: pair.docstring):
        best_wrong, right = -1.0, -1.0
        for pair in group:
            sums[pair.is_gt] += pair.similarity
            counts[pair.is_gt] += 1
            if pair.is_gt:
                right = pair.similarity
            else:
                best_wrong = max(best_wrong, pair.similarity)
        if best_wrong >= 0:
            n_compared += 1
            n_first += right > best_wrong
    return {
        "pairs": sum(counts.values()),
        "mean similarity of right pairs": sums[True] / max(1, counts[True]),
        "mean similarity of wrong pairs": sums[False] / max(1, counts[False]),
        "share of docstrings whose own function is nearest": n_first / max(1, n_compared),
    }
