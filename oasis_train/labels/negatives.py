"""Wrong functions for every docstring: K others of the same repository.

The paper draws them at random and does not publish K. As an option, a share of them is hard: those whose
words match the docstring best. A copy of the right function, by code or by docstring, is never a negative;
functions on the other side of the split are none either.
"""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import numpy as np

from oasis_search.syntax import terms
from oasis_train.corpus.guides import is_guide
from oasis_train.data import (
    Function,
    Pair,
    ShardedTable,
    Stage,
    StageFolder,
    config_facts,
    falls_in_share,
    row_id,
)
from oasis_train.data.progress import Progress
from oasis_train.errors import RecipeError
from oasis_train.labels.chunks import Chunk, read_chunks

_COMMON_SHARE = 0.25
"""A word in more of a repository's functions than this says little and would cost most of the time."""


@dataclass(frozen=True, slots=True)
class NegativeConfig:
    """How wrong functions are chosen."""

    k: int = 4
    """Negatives of a docstring; a smaller repository gives fewer. Not published."""
    form: Literal["random", "groups"] = "random"
    """`random`: K for each docstring (paper). `groups`: K + 1 functions at random are each other's, so that a
    batch with all pairs of a group encodes no text for its negatives alone."""
    share: float = 1.0
    """Share of docstrings that get pairs at all, chosen by hash: a teacher's time may not suffice for all."""
    guides_share: float = 1.0
    """The same of the examples in guides (`corpus.guides`), which are few and nearer to what people ask."""
    hard_share: float = 0.0
    """Share of them that is chosen by the words they share with the docstring; the paper has 0."""
    seed: int = 3407

    def __post_init__(self) -> None:
        """Raise RecipeError for a value that cannot be honoured."""
        if self.k < 0:
            raise RecipeError(f"negatives.k is {self.k}; give 0 or more.")
        if not 0 <= self.hard_share <= 1:
            raise RecipeError(f"negatives.hard_share is {self.hard_share}; give a share from 0 to 1.")
        for name in ("share", "guides_share"):
            if not 0 < getattr(self, name) <= 1:
                raise RecipeError(
                    f"negatives.{name} is {getattr(self, name)}; give a share above 0, at most 1."
                )
        if self.form not in ("random", "groups"):
            raise RecipeError(f"negatives.form is {self.form!r}; give random or groups.")
        if self.form == "groups" and self.hard_share:
            raise RecipeError("negatives.form is groups, which are drawn at random: set hard_share to 0.")


def sample_negatives(
    config: NegativeConfig, corpus: Path, docstrings: Path, out: Path, *, progress: Progress | None = None
) -> dict[str, Any]:
    """Write the pairs of every docstring, the right one first, under `out`; returns the manifest."""
    inputs = {"corpus": StageFolder(corpus).digest, "docstrings": StageFolder(docstrings).digest}

    def work(partial: Path) -> Mapping[str, Any]:
        table = ShardedTable(partial / "pairs", Pair)
        n_done = 0
        for chunk in read_chunks(corpus, docstrings):
            if not table.has(chunk.number):
                table.write(chunk.number, chunk_pairs(chunk, config))
            n_done += len(chunk.docstrings)
            if progress:
                progress("negatives", n_done, 0)
        return _count(table)

    return StageFolder(out).run(Stage("negatives", config_facts(config), inputs), work)


def chunk_pairs(chunk: Chunk, config: NegativeConfig) -> Iterator[Pair]:
    """The pairs of one chunk; those of a docstring depend on its repository and the seed alone."""
    for _, group in groupby(chunk.functions.values(), lambda function: function.repository):
        functions = list(group)
        described = [
            row
            for row, function in enumerate(functions)
            if function.id in chunk.docstrings
            and falls_in_share(_share(function, config), f"share {config.seed}", function.id)
        ]
        if config.form == "groups":
            yield from _group_pairs([functions[row] for row in described], chunk.docstrings, config)
            continue
        n_hard = round(config.k * config.hard_share)
        ranked = _rank_by_words(functions, described, chunk.docstrings, config.k) if n_hard else {}
        for row in described:
            positive = functions[row]
            yield Pair(positive.id, positive.id, True)
            for negative in _choose(row, functions, chunk.docstrings, ranked.get(row, ()), n_hard, config):
                yield Pair(positive.id, functions[negative].id, False)


def _share(function: Function, config: NegativeConfig) -> float:
    return config.guides_share if is_guide(function.path) else config.share


def _group_pairs(
    functions: list[Function], docstrings: Mapping[str, str], config: NegativeConfig
) -> Iterator[Pair]:
    """All pairs within random groups of K + 1 described functions, right ones first in each docstring's."""
    order = sorted(functions, key=lambda function: row_id(str(config.seed), function.id))
    size = config.k + 1
    for start in range(0, len(order), size):
        group = order[start : start + size]
        for positive in group:
            text, code = docstrings[positive.id].strip(), positive.code.strip()
            yield Pair(positive.id, positive.id, True)
            for other in group:
                is_copy = other.code.strip() == code or docstrings[other.id].strip() == text
                if not is_copy and other.split == positive.split:
                    yield Pair(positive.id, other.id, False)


def _choose(
    row: int,
    functions: list[Function],
    docstrings: Mapping[str, str],
    ranked: "tuple[int, ...]",
    n_hard: int,
    config: NegativeConfig,
) -> list[int]:
    """Rows of the negatives of `functions[row]`, no code twice."""
    positive = functions[row]
    text = docstrings[positive.id].strip()
    codes = {positive.code.strip()}
    chosen: list[int] = []

    def take(candidates: "Iterator[int] | tuple[int, ...]", number: int) -> None:
        for candidate in candidates:
            if len(chosen) >= number:
                return
            other = functions[candidate]
            code = other.code.strip()
            is_copy = code in codes or docstrings.get(other.id, "").strip() == text
            if not is_copy and other.split == positive.split:
                codes.add(code)
                chosen.append(candidate)

    take(ranked, n_hard)
    take(_shuffled(len(functions), random.Random(f"{config.seed} {positive.id}")), config.k)
    return chosen


def _shuffled(n: int, generator: random.Random) -> Iterator[int]:
    """0..n-1 in random order, in time and memory of what is taken (Fisher-Yates on a sparse array)."""
    moved: dict[int, int] = {}
    for position in range(n):
        other = generator.randrange(position, n)
        yield moved.get(other, other)
        moved[other] = moved.pop(position, position)


def _rank_by_words(
    functions: list[Function], described: list[int], docstrings: Mapping[str, str], k: int
) -> dict[int, tuple[int, ...]]:
    """For each described function the others whose code shares the rarest words with its docstring."""
    from scipy.sparse import csr_array

    words_of = [set(terms(function.code)) for function in functions]
    counts = Counter(word for words in words_of for word in words)
    limit = max(2.0, _COMMON_SHARE * len(functions))
    column = {word: i for i, word in enumerate(w for w, n in counts.items() if n <= limit)}
    weight = np.array([np.log(1 + len(functions) / counts[word]) for word in column])

    def matrix(bags: list[set[str]]) -> Any:  # noqa: ANN401 - scipy has no types
        found = [sorted(column[word] for word in bag if word in column) for bag in bags]
        pointers = np.cumsum([0, *map(len, found)])
        columns = np.array([c for row in found for c in row], dtype=np.int64)
        return csr_array((np.ones(len(columns)), columns, pointers), shape=(len(bags), len(column)))

    code = (matrix(words_of) * weight).T.tocsr()
    ranked: dict[int, tuple[int, ...]] = {}
    for start in range(0, len(described), 256):
        rows = described[start : start + 256]
        scores = (matrix([set(terms(docstrings[functions[row].id])) for row in rows]) @ code).toarray()
        best = np.argsort(-scores, axis=1, kind="stable")[:, : 4 * k + 16]  # some are copies of the positive
        ranked |= {row: tuple(map(int, best[i])) for i, row in enumerate(rows)}
    return ranked


def _count(table: ShardedTable[Pair]) -> dict[str, Any]:
    n_right = n_pairs = 0
    without = 0
    for _, group in groupby(table, lambda pair: pair.docstring):
        n = sum(1 for _ in group)
        n_right, n_pairs, without = n_right + 1, n_pairs + n, without + (n == 1)
    return {"docstrings": n_right, "pairs": n_pairs, "docstrings without negatives": without}
