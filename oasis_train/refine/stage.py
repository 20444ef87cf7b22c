"""Refinement: finds wrong pairs that may be right, has a judge confirm them, and raises their similarity.

Two rules name candidates, each can be switched off; with both off the labels go through as they are (the
paper's ablation "no refinement"). Every decision stays in the table. `is_gt` never changes.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from oasis_train.chat import CACHE_NAME
from oasis_train.data import (
    Judgement,
    LabelledPair,
    RefinedPair,
    ShardedTable,
    Stage,
    StageFolder,
    config_facts,
)
from oasis_train.data.progress import Progress
from oasis_train.errors import DataError, RecipeError
from oasis_train.labels.chunks import Chunk, pairs_of_chunk, read_chunks
from oasis_train.refine.grid import VariantConfig, count_decisions, with_variant
from oasis_train.refine.judge import Candidate, JudgeConfig, judge_candidates
from oasis_train.refine.structure import NOT_COMPUTED, StructureComparison
from oasis_train.refine.threshold import ThresholdFit, fit_threshold, load_fit, plot_fit, save_fit
from oasis_train.refine.trees import TreeConfig

FIT_NAME, PLOT_NAME = "gmm.json", "similarities.png"


@dataclass(frozen=True, slots=True)
class RefineConfig:
    """How labels are refined."""

    threshold: bool = True
    """Whether a high similarity makes a candidate."""
    structure: bool = True
    """Whether a tree near that of the docstring's own function makes one."""
    threshold_scope: Literal["either", "global", "positive"] = "either"
    """What a similarity must exceed: s*, that of the docstring's own function, or either (paper)."""
    fallback_quantile: float = 0.9
    """Of all similarities, taken for s* when the fit shows no two groups. Not published."""
    fit_samples: int = 200_000
    """Similarities that the mixture is fitted to, chosen at random."""
    structure_limit: float = 0.2
    """Largest tree edit distance over the sum of node counts. Not published; of random pairs within the
    packages of Python's standard library 1.7% are as near."""
    trees: TreeConfig = field(default_factory=TreeConfig)
    delta_s: float = 0.05
    """Added to the similarity of a confirmed candidate; 0.05 in the paper's figure, found by grid search."""
    judge: JudgeConfig = field(default_factory=JudgeConfig)
    seed: int = 3407
    """Of the choice of similarities and of the fit."""

    def __post_init__(self) -> None:
        """Raise RecipeError for a value that cannot be honoured."""
        VariantConfig(self.delta_s)  # raises
        if self.threshold_scope not in ("either", "global", "positive"):
            raise RecipeError(
                f"refine.threshold_scope is {self.threshold_scope!r}; give either, global or positive."
            )
        if not 0 < self.fallback_quantile < 1:
            raise RecipeError(
                f"refine.fallback_quantile is {self.fallback_quantile}; give a share between 0 and 1."
            )
        if not 0 <= self.structure_limit < 1:
            raise RecipeError(f"refine.structure_limit is {self.structure_limit}; give 0 or more, below 1.")
        if self.fit_samples < 1:
            raise RecipeError(f"refine.fit_samples is {self.fit_samples}; give 1 or more.")

    @property
    def is_off(self) -> bool:
        """Whether labels go through as they are."""
        return not (self.threshold or self.structure)

    def decisive_facts(self) -> dict[str, Any]:
        """What of this can change the outcome; for the key of the stage."""
        judge = None if self.is_off else self.judge.decisive_facts()
        return {**config_facts(replace(self, judge=JudgeConfig(form="none"))), "judge": judge}


def refine_pairs(
    config: RefineConfig,
    corpus: Path,
    docstrings: Path,
    label: Path,
    out: Path,
    *,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write refined pairs, the fit and its plot under `out`; returns the manifest.

    The judge's answers lie in `chat-cache.sqlite` beside `label`, where all variants of a run find them,
    unless its configuration names another file.
    Raises DataError for a similarity that is no number in [0, 1).
    """
    if not config.is_off and config.judge.form != "none":
        config.judge.chat.check()
    inputs = {
        name: StageFolder(folder).digest
        for name, folder in (("corpus", corpus), ("docstrings", docstrings), ("label", label))
    }

    def work(partial: Path) -> Mapping[str, Any]:
        fit = _fit(config, label, partial)
        table = ShardedTable(partial / "pairs", RefinedPair)
        total, n_done = len(ShardedTable(label / "pairs", LabelledPair)), 0
        for chunk in read_chunks(corpus, docstrings):
            pairs = pairs_of_chunk(label, chunk, LabelledPair)
            if not table.has(chunk.number):
                rows = candidates_of(config, fit.threshold, chunk, pairs)
                judgements = _judge(config.judge, chunk, rows, label.parent / CACHE_NAME, progress)
                table.write(chunk.number, (_decided(row, judgements, config) for row in rows))
            n_done += len(pairs)
            if progress:
                progress("refine", n_done, total)
        return {
            "s*": fit.threshold,
            "bimodal": fit.is_bimodal,
            "fallback": fit.reason,
            **count_decisions(table),
        }

    return StageFolder(out).run(Stage("refine", config.decisive_facts(), inputs), work)


def candidates_of(
    config: RefineConfig, threshold: float, chunk: Chunk, pairs: list[LabelledPair]
) -> list[RefinedPair]:
    """The pairs of a chunk with what the rules found, not yet judged."""
    comparison = StructureComparison(config.trees, config.structure_limit)
    rows: list[RefinedPair] = []
    for _, group in groupby(pairs, lambda pair: pair.docstring):
        own_pairs = list(group)
        bar = _bar(config, threshold, own_pairs)
        for pair in own_pairs:
            distance = NOT_COMPUTED
            if config.structure and not pair.is_gt:
                own, other = chunk.functions[pair.docstring], chunk.functions[pair.function]
                distance = comparison.distance(own, other)
            rows.append(
                RefinedPair(
                    docstring=pair.docstring,
                    function=pair.function,
                    is_gt=pair.is_gt,
                    similarity=pair.similarity,
                    teacher_similarity=pair.similarity,
                    by_threshold=config.threshold and not pair.is_gt and pair.similarity > bar,
                    by_structure=distance != NOT_COMPUTED,
                    tree_distance=distance,
                    verdict="",
                    judge="",
                    reply="",
                )
            )
    return rows


def _bar(config: RefineConfig, threshold: float, pairs: list[LabelledPair]) -> float:
    """What a wrong pair's similarity must exceed, among the pairs of one docstring."""
    own = max((pair.similarity for pair in pairs if pair.is_gt), default=1.0)
    return {"either": min(threshold, own), "global": threshold, "positive": own}[config.threshold_scope]


def _judge(
    config: JudgeConfig, chunk: Chunk, rows: list[RefinedPair], cache: Path, progress: Progress | None
) -> dict[tuple[str, str], Judgement]:
    candidates = [
        Candidate(
            docstring_text=chunk.docstrings[row.docstring],
            gt_code=chunk.functions[row.docstring].code,
            candidate_code=chunk.functions[row.function].code,
            docstring_id=row.docstring,
            function_id=row.function,
        )
        for row in rows
        if row.by_threshold or row.by_structure
    ]
    if not candidates:
        return {}
    with closing(judge_candidates(config, candidates, cache, progress=progress)) as judged:
        return {(candidate.docstring_id, candidate.function_id): verdict for candidate, verdict in judged}


def _decided(
    row: RefinedPair, judgements: Mapping[tuple[str, str], Judgement], config: RefineConfig
) -> RefinedPair:
    judgement = judgements.get((row.docstring, row.function))
    if judgement is None:
        return row
    judged = replace(row, verdict=judgement.verdict, judge=judgement.judge, reply=judgement.reply)
    return with_variant(judged, VariantConfig(config.delta_s))


def _fit(config: RefineConfig, label: Path, partial: Path) -> ThresholdFit:
    """The fit of all labels; a run that was killed finds the files of the first one."""
    path, plot = partial / FIT_NAME, partial / PLOT_NAME
    if path.is_file() and plot.is_file():
        return load_fit(path)
    similarities = _sample_similarities(label, config)
    fit = fit_threshold(similarities, fallback_quantile=config.fallback_quantile, seed=config.seed)
    fit = replace(fit, n_similarities=len(ShardedTable(label / "pairs", LabelledPair)))
    plot_fit(fit, similarities, plot)
    save_fit(fit, path)
    return fit


def _sample_similarities(label: Path, config: RefineConfig) -> NDArray[np.float64]:
    """At most `fit_samples` similarities, after all have been checked."""
    table = ShardedTable(label / "pairs", LabelledPair)
    total = len(table)
    chosen = np.arange(total)
    if total > config.fit_samples:
        generator = np.random.default_rng(config.seed)
        chosen = np.sort(generator.choice(total, config.fit_samples, replace=False))
    samples, start = [np.empty(0)], 0
    for path, values in _similarities(table):
        if not (is_usable := (values >= 0) & (values < 1)).all():
            row = int(np.argmin(is_usable))
            raise DataError(
                f"{path} gives pair {row} the similarity {values[row]}, which is no number in [0, 1). "
                "Delete that folder and run the label stage again."
            )
        first, last = np.searchsorted(chosen, (start, start + len(values)))
        samples.append(values[chosen[first:last] - start])
        start += len(values)
    return np.concatenate(samples)


def _similarities(table: ShardedTable[LabelledPair]) -> Iterator[tuple[Path, NDArray[np.float64]]]:
    for path in table.paths():
        column = pq.read_table(path, columns=["similarity"])["similarity"]
        yield path, column.to_numpy().astype(np.float64)
