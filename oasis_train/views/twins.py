"""The stage `twins`: code-to-code pairs, from repositories and by mechanical rewriting.

A twin is a code, under other names or in other languages' words, and a function of the corpus that does the
same: one described alike or named alike, as a teacher's similarity of their descriptions confirms, one that
solves the same task, or the function itself. What a task asks for, in words, is a twin of its solutions too.
"""

import random
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from oasis_search.encoder import Encoder
from oasis_search.syntax import terms
from oasis_train.data import Function, ShardedTable, Stage, StageFolder, Twin, config_facts, row_id
from oasis_train.data.progress import Progress
from oasis_train.errors import RecipeError
from oasis_train.labels.teachers import (
    MAX_SIMILARITY,
    TeacherConfig,
    Text,
    cosines,
    encode_texts,
    load_teacher,
    teacher_facts,
)
from oasis_train.views.candidates import Candidate, find_candidates
from oasis_train.views.queries import name_in_words
from oasis_train.views.rename import rename_identifiers
from oasis_train.views.statements import KIND, find_statements
from oasis_train.views.translate import mix_languages

_AT_ONCE = 20_000
"""Twins whose texts are in memory at once, and of a shard."""


@dataclass(frozen=True, slots=True)
class TwinConfig:
    """Which codes are twins."""

    teacher: TeacherConfig = field(default_factory=lambda: TeacherConfig(model="static"))
    """Compares the two descriptions."""
    least_similarity: float = 0.6
    """Of the descriptions of two functions with one name."""
    most_overlap: float = 0.7
    """Jaccard similarity of the words of two codes above which one is a copy of the other."""
    per_group: int = 3
    """Pairs of a group of equal names or descriptions."""
    per_task: int = 12
    """Pairs of the solutions of one task."""
    per_statement: int = 4
    """Pairs of a task's words and one of its solutions."""
    limit: int = 0
    """Pairs of two functions at most, a sample by hash; 0 takes all. Those of tasks do not count."""
    rewritten: float = 0.1
    """Share of all functions that are paired with a rewritten form of themselves."""
    variables: float = 0.6
    """Share of twins whose variables are renamed too, not their own name alone."""
    mixed: float = 0.5
    """Share of rewritten functions that get other languages' words."""
    seed: int = 3407

    def __post_init__(self) -> None:
        """Raise RecipeError for a value that means nothing."""
        for name in ("least_similarity", "most_overlap", "rewritten", "variables", "mixed"):
            if not 0 <= getattr(self, name) <= 1:
                raise RecipeError(f"twins.{name} is {getattr(self, name)}; give a share from 0 to 1.")
        for name in ("per_group", "per_task", "per_statement", "limit"):
            if getattr(self, name) < 0:
                raise RecipeError(f"twins.{name} is {getattr(self, name)}; give 0 or more.")


def find_twins(
    config: TwinConfig, corpus: Path, out: Path, *, threads: int = 0, progress: Progress | None = None
) -> dict[str, Any]:
    """Write the twins of the training split under `out`; returns the manifest."""
    facts = config_facts(config) | {"teacher": teacher_facts(config.teacher)}

    def work(partial: Path) -> Mapping[str, Any]:
        functions = ShardedTable(corpus / "functions", Function)
        candidates = list(
            find_candidates(functions, per_group=config.per_group, per_task=config.per_task, seed=config.seed)
        )
        if config.limit:
            candidates.sort(key=lambda pair: row_id(str(config.seed), pair.first, pair.second))
            of_tasks = [pair for pair in candidates if pair.kind == "task"]
            others = [pair for pair in candidates if pair.kind != "task"]
            candidates = [*of_tasks, *others[: config.limit]]
        wanted = {name for pair in candidates for name in (pair.first, pair.second)}
        rows = {row.id: row for row in functions if row.id in wanted}
        table, counts = ShardedTable(partial / "twins", Twin), {"candidates": len(candidates)}
        encoder = load_teacher(config.teacher, threads=threads)
        vectors = partial / "vectors"
        starts = range(0, len(candidates), _AT_ONCE)
        for number, start in enumerate(starts, start=1):
            shutil.rmtree(vectors, ignore_errors=True)  # of the part before, or of a run that was killed
            part = candidates[start : start + _AT_ONCE]
            kept = list(_confirmed(part, rows, config, encoder, vectors))
            table.write(number, kept)
            for twin in kept:
                counts[twin.kind] = counts.get(twin.kind, 0) + 1
            if progress:
                progress("twins", min(len(candidates), start + _AT_ONCE), len(candidates))
        shutil.rmtree(vectors, ignore_errors=True)
        counts["rewritten"] = table.write(0, _rewritten(functions, config))
        statements = find_statements(functions, per_task=config.per_statement, seed=config.seed)
        counts[KIND] = table.write(len(starts) + 1, statements)
        return counts

    return StageFolder(out).run(Stage("twins", facts, {"corpus": StageFolder(corpus).digest}), work)


def _confirmed(
    candidates: list[Candidate],
    rows: Mapping[str, Function],
    config: TwinConfig,
    encoder: Encoder,
    folder: Path,
) -> Iterator[Twin]:
    """Those whose descriptions a teacher finds alike and whose codes are no copies."""
    sides = []
    for side in ("first", "second"):
        functions = [rows[getattr(candidate, side)] for candidate in candidates]
        texts = [Text(_description(function), function.id) for function in functions]
        vectors = encode_texts(encoder, texts, "query", folder, side)
        sides.append(vectors.take(np.arange(len(texts))))
    for candidate, similarity in zip(candidates, cosines(*sides).tolist(), strict=True):
        first, second = rows[candidate.first], rows[candidate.second]
        if candidate.kind == "name" and similarity < config.least_similarity:
            continue
        if overlap(first.code, second.code) > config.most_overlap:
            continue
        generator = random.Random(f"{config.seed} {first.id} {second.id}")
        variables = generator.random() < config.variables
        text = rename_identifiers(first.code, first.language, first.name, generator, variables=variables)
        name = row_id("twin", first.id, second.id)
        alike = MAX_SIMILARITY if candidate.kind == "task" else similarity
        yield Twin(name, first.id, second.id, text or first.code, alike, candidate.kind)


def _rewritten(functions: Iterable[Function], config: TwinConfig) -> Iterator[Twin]:
    """Functions and themselves renamed, some with other languages' words; similarity as good as 1."""
    for function in functions:
        generator = random.Random(f"{config.seed} rewritten {function.id}")
        if function.split != "train" or generator.random() >= config.rewritten:
            continue
        text = rename_identifiers(function.code, function.language, function.name, generator, variables=True)
        if text is None:
            continue
        if generator.random() < config.mixed:
            text = mix_languages(text, generator)
        name = row_id("rewritten", function.id)
        yield Twin(name, function.id, function.id, text, MAX_SIMILARITY, "rewritten")


def overlap(first: str, second: str) -> float:
    """Jaccard similarity of the words of two codes, 0 to 1."""
    a, b = set(terms(first)), set(terms(second))
    return len(a & b) / len(a | b) if a and b else 0.0


def _description(function: Function) -> str:
    return " ".join(function.doc.split()) or name_in_words(function) or function.name or function.task
