"""All stages of a recipe in order, each in its folder, each skipped when it is up to date.

OUT/recipe.json    every setting of the run
OUT/corpus ... OUT/train   the stages (ARCHITECTURE.md, "Life of training data")
OUT/model          the finished model folder; OUT/model-onnx and OUT/model-joined besides, when the recipe
                   exports them
OUT/evaluation.json, OUT/evaluation.md, OUT/report.html
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from oasis_train.data import config_facts
from oasis_train.data.progress import Progress
from oasis_train.pipeline.recipe import Recipe

SHARED = ("corpus", "docstrings", "negatives", "label", "twins", "teach")
"""Stages that all variants of an ablation have in common."""


@dataclass(frozen=True, slots=True)
class Run:
    """A recipe and where its files lie."""

    recipe: Recipe
    out: Path
    shared: Path | None = None
    """Folder of the stages in `SHARED`; `out` when not given."""
    jobs: int = 1
    """Processes that read repositories."""
    threads: int = 0
    """Of a local teacher; 0 leaves it to the library."""
    progress: Progress | None = None

    def folder(self, stage: str) -> Path:
        """Where a stage keeps its files."""
        return (self.shared if self.shared and stage in SHARED else self.out) / stage

    @property
    def folders(self) -> dict[str, Path]:
        """Where every stage keeps its files, in the order of the stages."""
        return {stage: self.folder(stage) for stage in STAGES}


def run_recipe(run: Run, on_stage: Callable[[str], None] | None = None) -> None:
    """Do every stage that is not up to date; `on_stage` hears the name of each as it begins."""
    save_recipe(run)
    for name, stage in STAGES.items():
        if on_stage:
            on_stage(name)
        stage(run)


def save_recipe(run: Run) -> None:
    """Write what the run is made from, before the first stage."""
    run.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(config_facts(run.recipe), indent=1) + "\n"
    (run.out / "recipe.json").write_text(text, encoding="utf-8")


def _corpus(run: Run) -> None:
    from oasis_train.corpus.build import build_corpus

    build_corpus(run.recipe.corpus, run.folder("corpus"), jobs=run.jobs, progress=run.progress)


def _docstrings(run: Run) -> None:
    from oasis_train.docstrings.stage import write_docstrings

    write_docstrings(
        run.recipe.docstrings, run.folder("corpus"), run.folder("docstrings"), progress=run.progress
    )


def _negatives(run: Run) -> None:
    from oasis_train.labels.negatives import sample_negatives

    folders = run.folder("corpus"), run.folder("docstrings"), run.folder("negatives")
    sample_negatives(run.recipe.negatives, *folders, progress=run.progress)


def _label(run: Run) -> None:
    from oasis_train.labels.stage import label_pairs

    folders = run.folder("corpus"), run.folder("docstrings"), run.folder("negatives"), run.folder("label")
    label_pairs(run.recipe.label, *folders, threads=run.threads, progress=run.progress)


def _refine(run: Run) -> None:
    from oasis_train.refine.stage import refine_pairs

    folders = run.folder("corpus"), run.folder("docstrings"), run.folder("label"), run.folder("refine")
    refine_pairs(run.recipe.refine, *folders, progress=run.progress)


def _twins(run: Run) -> None:
    from oasis_train.views.twins import find_twins

    if run.recipe.twins is not None:
        folders = run.folder("corpus"), run.folder("twins")
        find_twins(run.recipe.twins, *folders, threads=run.threads, progress=run.progress)


def _views(run: Run) -> None:
    from oasis_train.views.stage import draw_views

    if run.recipe.views is not None and run.recipe.student == "transformer":
        folders = run.folder("corpus"), run.folder("docstrings"), run.folder("refine")
        twins = run.folder("twins") if run.recipe.twins is not None else None
        draw_views(run.recipe.views, *folders, twins, run.folder("views"), progress=run.progress)


def _teach(run: Run) -> None:
    from oasis_train.distill.teach import teach

    if run.recipe.teach is not None:
        folders = run.folder("corpus"), run.folder("docstrings"), run.folder("teach")
        teach(run.recipe.teach, *folders, progress=run.progress)


def _train(run: Run) -> None:
    folders = run.folder("corpus"), run.folder("docstrings"), run.folder("refine"), run.folder("train")
    teacher = run.folder("teach") if run.recipe.teach is not None else None
    if run.recipe.student == "static":
        from oasis_train.static.stage import train_table

        train_table(
            run.recipe.static,
            *folders,
            name=run.recipe.name,
            licence=run.recipe.licence,
            teacher=teacher,
            twins=run.folder("twins") if run.recipe.twins is not None else None,
            progress=run.progress,
        )
        return
    from oasis_train.training.stage import train

    config = replace(run.recipe.train, name=run.recipe.name, licence=run.recipe.licence)
    train(
        config,
        *folders,
        teacher=teacher,
        views=run.folder("views") if run.recipe.views is not None else None,
        suites=run.recipe.evaluation.suites,
        progress=run.progress,
    )


def _export(run: Run) -> None:
    from oasis_train.pipeline.export import export

    export(run)


def _evaluate(run: Run) -> None:
    from oasis_train.pipeline.measure import measure

    measure(run)


def _report(run: Run) -> None:
    from oasis_train.report import write_report

    write_report(run.out, run.folders, run.out / "report.html")


STAGES: Mapping[str, Callable[[Run], Any]] = {
    "corpus": _corpus,
    "docstrings": _docstrings,
    "negatives": _negatives,
    "label": _label,
    "refine": _refine,
    "twins": _twins,
    "views": _views,
    "teach": _teach,
    "train": _train,
    "export": _export,
    "evaluate": _evaluate,
    "report": _report,
}
"""Every stage by its name, in order."""
