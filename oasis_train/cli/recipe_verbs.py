"""The verbs that work on a recipe: `run`, one per stage, `export`, `ablate`, `plan`."""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from oasis_search.errors import SettingError
from oasis_train.cli.bars import progress_bars

if TYPE_CHECKING:
    from oasis_train.data.progress import Progress
    from oasis_train.pipeline.run import Run


def run(options: argparse.Namespace) -> int:
    """Every stage that is not up to date."""
    from oasis_train.pipeline.run import run_recipe

    with progress_bars() as progress:
        run_recipe(_run(options, progress), lambda name: print(f"== {name}", file=sys.stderr))
    print((options.out / "evaluation.md").read_text(encoding="utf-8"))
    print(f"Model: {options.out / 'model'}\nReport: {options.out / 'report.html'}", file=sys.stderr)
    return 0


def stage(options: argparse.Namespace) -> int:
    """One stage; those before it must be finished."""
    from oasis_train.pipeline.run import STAGES, save_recipe

    with progress_bars() as progress:
        run = _run(options, progress)
        for name in {"teach", "twins", "views"}.intersection(options.stages):
            if getattr(run.recipe, name) is None:
                raise SettingError(
                    f"The recipe has no section [{name}], without which there is nothing to do."
                )
        if getattr(options, "dry_run", False):
            return _print_estimate(run)
        save_recipe(run)
        for name in options.stages:
            STAGES[name](run)
    folder = run.folder(options.stages[-1])
    if (folder / "stage.json").is_file():
        facts = json.loads((folder / "stage.json").read_text(encoding="utf-8"))["facts"]
        print(json.dumps(facts, indent=1, default=str))
    return 0


def export(options: argparse.Namespace) -> int:
    """A run's model to OUT/model, or any transformer to ONNX."""
    if options.onnx:
        return _export_onnx(options)
    if options.recipe is None:
        raise SettingError("export needs a recipe, or --onnx with --model.")
    from oasis_train.pipeline.recipe import load_recipe
    from oasis_train.pipeline.run import STAGES, Run

    STAGES["export"](Run(load_recipe(options.recipe, tuple(options.set)), options.out))
    print(options.out / "model")
    return 0


def ablate_recipe(options: argparse.Namespace) -> int:
    """The paper's variants, or a grid."""
    from oasis_train.pipeline.ablate import (
        ablate,
        ablation_table,
        chosen_variants,
        each_variants,
        grid_variants,
        paper_variants,
    )
    from oasis_train.pipeline.recipe import load_recipe
    from oasis_train.pipeline.run import Run
    from oasis_train.report import write_report
    from oasis_train.report.drawing import standalone
    from oasis_train.report.figures import difference_bars

    overrides = _overrides(options)
    recipe = load_recipe(options.recipe, overrides)
    if options.grid and options.each:
        raise SettingError("--grid and --each are two ways to vary a recipe: give one of them.")
    asked = grid_variants(options.grid) or each_variants(options.each)
    variants = chosen_variants(asked or paper_variants(recipe.student), options.variants)
    try:
        seeds = [int(seed) for seed in options.seeds.split(",") if seed]
    except ValueError:
        raise SettingError(f"--seeds {options.seeds} must be whole numbers, as 1,2,3.") from None
    with progress_bars() as progress:
        found = ablate(
            options.recipe,
            overrides,
            variants,
            options.out,
            options.shared,
            seeds=seeds,
            jobs=_jobs(options),
            progress=progress,
            on_variant=lambda name: print(f"== {name}", file=sys.stderr),
        )
    print(ablation_table(found))
    if found.differences:
        bars = difference_bars(found.differences, found.rows[0]["variant"])
        (options.out / "ablation.svg").write_text(standalone(bars), encoding="utf-8")
    folders = Run(recipe, options.out, options.shared).folders
    write_report(options.out, folders, options.out / "report.html")
    return 0


def _run(options: argparse.Namespace, progress: "Progress") -> "Run":
    from oasis_train.pipeline.recipe import load_recipe
    from oasis_train.pipeline.run import Run

    recipe = load_recipe(options.recipe, _overrides(options))
    return Run(recipe, options.out, options.shared, jobs=_jobs(options), progress=progress)


def _print_estimate(run: "Run") -> int:
    from oasis_train.docstrings.stage import plan_docstrings

    estimate = plan_docstrings(run.recipe.docstrings, run.folder("corpus"), run.folder("docstrings"))
    print(json.dumps(asdict(estimate), indent=1))
    return 0


def _overrides(options: argparse.Namespace) -> tuple[str, ...]:
    """What the command line replaces, as assignments; --set has the last word."""
    found = []
    for name, key in (
        ("source", "corpus.sources"),
        ("collection", "corpus.collections"),
        ("exclude_suite", "corpus.exclude_suites"),
        ("suite", "evaluation.suites"),
    ):
        values = getattr(options, name)
        if values:
            found.append(f"{key}={json.dumps([_absolute(value) for value in values])}")
    if options.exclude_repositories:
        path = json.dumps(_absolute(options.exclude_repositories))
        found.append(f"corpus.exclude_repositories={path}")
    return (*found, *options.set)


def _absolute(value: str | Path) -> str:
    """A path of the command line counts from the current folder, one of a recipe from the recipe's."""
    return str(value.expanduser().absolute()) if isinstance(value, Path) else value


def _jobs(options: argparse.Namespace) -> int:
    return options.jobs or min(4, os.cpu_count() or 1)


def _export_onnx(options: argparse.Namespace) -> int:
    from oasis_search.encoder.hub import locate
    from oasis_train.onnx.export import export_onnx

    if options.model is None or options.recipe is not None or options.set:
        raise SettingError("export --onnx takes no recipe; name the transformer with --model.")
    if options.calibrate and not options.int8:
        raise SettingError("--calibrate changes nothing without --int8.")
    folder = Path(options.model)
    manifest = export_onnx(
        folder if folder.is_dir() else locate(options.model),
        options.out,
        precision="int8" if options.int8 else "float32",
        name=options.name,
        calibrate=options.calibrate,
    )
    print(f"{options.out}: {manifest.name}, fingerprint {manifest.fingerprint}", file=sys.stderr)
    return 0
