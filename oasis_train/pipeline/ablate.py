"""What each part of the method is worth: the paper's variants, and grids, from one set of labels.

A variant is the recipe with some values replaced; stages before refinement are shared, so each costs one
refinement, one training and one evaluation. With several seeds a variant is trained once for each.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from oasis_train.data.progress import Progress
from oasis_train.errors import RecipeError
from oasis_train.pipeline.recipe import Recipe, load_recipe
from oasis_train.pipeline.run import SHARED, STAGES, Run, save_recipe

Overrides = tuple[str, ...]

_REFINEMENT: Mapping[str, Overrides] = {
    "full": ("refine.threshold=true", "refine.structure=true"),
    "no refinement": ("refine.threshold=false", "refine.structure=false"),
    "AST only": ("refine.threshold=false", "refine.structure=true"),
    "threshold only": ("refine.threshold=true", "refine.structure=false"),
}

_LOSSES: Mapping[str, Mapping[str, Overrides]] = {
    "transformer": {
        "CoSENT only": ("train.in_batch_weight=0.0", "train.cosent_weight=1.0"),
        "InfoNCE only": ("train.in_batch_weight=1.0", "train.cosent_weight=0.0"),
    },
    "static": {
        "CoSENT only": ("static.weights=[0.0, 1.0]",),
        "InfoNCE only": ("static.weights=[1.0, 0.0]",),
    },
}


@dataclass(frozen=True, slots=True)
class Variant:
    """One row of the table."""

    name: str
    overrides: Overrides


def paper_variants(student: str) -> list[Variant]:
    """The rows of the paper's ablation, for either kind of student."""
    losses = _LOSSES[student]
    full = _REFINEMENT["full"]
    variants = [Variant(name, overrides) for name, overrides in _REFINEMENT.items()]
    return variants + [Variant(name, full + overrides) for name, overrides in losses.items()]


def grid_variants(grids: Sequence[str]) -> list[Variant]:
    """All combinations of lists such as `refine.delta_s=0.0,0.05,0.1`."""
    axes: list[list[str]] = []
    for grid in grids:
        key, found, values = grid.partition("=")
        if not found or not key or not values:
            raise RecipeError(
                f"{grid!r} is no grid. Write SECTION.KEY=VALUE,VALUE, as refine.delta_s=0.0,0.1."
            )
        axes.append([f"{key}={value}" for value in values.split(",")])
    return [Variant(" ".join(values), values) for values in product(*axes)] if axes else []


def ablate(
    recipe: str,
    overrides: Overrides,
    variants: Iterable[Variant],
    out: Path,
    *,
    seeds: Sequence[int] = (),
    jobs: int = 1,
    progress: Progress | None = None,
    on_variant: Callable[[str], None] | None = None,
) -> list[dict[str, Any]]:
    """Make and measure every variant; leaves OUT/ablation.json and returns its rows.

    A row is {"variant", "seed", "suite", "metric", "value", "low", "high"}.
    """
    base = load_recipe(recipe, overrides)
    shared = Run(base, out, jobs=jobs, progress=progress)
    save_recipe(shared)
    for name in SHARED:
        STAGES[name](shared)
    rows: list[dict[str, Any]] = []
    for variant in variants:
        for seed in seeds or (_seed(base),):
            if on_variant:
                on_variant(f"{variant.name} (seed {seed})")
            settings = (*overrides, *variant.overrides, f"{_section(base)}.seed={seed}")
            folder = out / "ablation" / _folder_name(f"{variant.name}-{seed}")
            run = Run(load_recipe(recipe, settings), folder, shared=out, jobs=jobs, progress=progress)
            save_recipe(run)
            for name in ("refine", "views", "train", "export", "evaluate"):
                STAGES[name](run)
            found = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
            for suite in found["suites"]:
                kept = {key: suite[key] for key in ("metric", "value", "low", "high")}
                rows.append({"variant": variant.name, "seed": seed, "suite": suite["name"], **kept})
            (out / "ablation.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return rows


def ablation_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: a line per variant, a column per suite and their mean; means and ranges over seeds."""
    suites = list(dict.fromkeys(row["suite"] for row in rows))
    lines = [f"| variant | {' | '.join(suites)} | mean |", "|---|" + "---:|" * (len(suites) + 1)]
    for variant in dict.fromkeys(row["variant"] for row in rows):
        own = [row for row in rows if row["variant"] == variant]
        cells = [_cell([row["value"] for row in own if row["suite"] == suite]) for suite in suites]
        seeds = dict.fromkeys(row["seed"] for row in own)
        means = [
            sum(row["value"] for row in own if row["seed"] == seed) / max(1, len(suites)) for seed in seeds
        ]
        lines.append(f"| {variant} | {' | '.join(cells)} | {_cell(means)} |")
    return "\n".join(lines)


def _cell(values: Sequence[float]) -> str:
    mean = sum(values) / len(values)
    return f"{mean:.2f}" if len(values) == 1 else f"{mean:.2f} ({min(values):.2f} to {max(values):.2f})"


def _section(recipe: Recipe) -> str:
    return "static" if recipe.student == "static" else "train"


def _seed(recipe: Recipe) -> int:
    return recipe.static.seed if recipe.student == "static" else recipe.train.seed


def _folder_name(text: str) -> str:
    return "".join(character if character.isalnum() else "-" for character in text).lower()
