"""What each part of the method is worth: the paper's variants, and grids, from one set of labels.

A variant is the recipe with some values replaced; stages before refinement are shared, so each costs one
refinement, one training and one evaluation, and none may replace a value of those. With several seeds a
variant is trained once for each. All are compared with the first, by the same queries.

OUT/ablation.json               a row for every variant, seed and suite
OUT/ablation-differences.json   a row for every variant but the first, on the mean of all suites
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

from oasis_train.data.progress import Progress
from oasis_train.errors import RecipeError
from oasis_train.evaluation.significance import Scores, compare_methods
from oasis_train.pipeline.measure import read_scores
from oasis_train.pipeline.recipe import Recipe, load_recipe
from oasis_train.pipeline.run import SHARED, STAGES, Run, save_recipe

Overrides = tuple[str, ...]

AS_IT_IS = "recipe"
"""Name of the variant that replaces nothing."""

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


def chosen_variants(variants: Sequence[Variant], names: str) -> list[Variant]:
    """Those of `variants` that are named, in the order of their names; all when there is no name."""
    by_name = {variant.name: variant for variant in variants}
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in by_name:
            raise RecipeError(f"There is no variant {name!r}; there are: {', '.join(by_name)}.")
    return [by_name[name] for name in wanted] or list(variants)


def grid_variants(grids: Sequence[str]) -> list[Variant]:
    """All combinations of lists such as `refine.delta_s=0.0,0.05,0.1`."""
    axes = [_axis(grid) for grid in grids]
    return [Variant(" ".join(values), values) for values in product(*axes)] if axes else []


def each_variants(grids: Sequence[str]) -> list[Variant]:
    """The recipe as it is, then every value of such lists alone."""
    alone = [Variant(value, (value,)) for grid in grids for value in _axis(grid)]
    return [Variant(AS_IT_IS, ()), *alone] if alone else []


def _axis(grid: str) -> list[str]:
    key, found, values = grid.partition("=")
    if not found or not key or not values:
        raise RecipeError(f"{grid!r} is no grid. Write SECTION.KEY=VALUE,VALUE, as refine.delta_s=0.0,0.1.")
    return [f"{key}={value}" for value in values.split(",")]


@dataclass(frozen=True, slots=True)
class Ablation:
    """What was measured."""

    rows: list[dict[str, Any]]
    """{"variant", "seed", "suite", "metric", "value", "low", "high"}, in percent."""
    differences: list[dict[str, Any]]
    """{"variant", "difference", "low", "high"}: the mean of suites less the first variant's, in points."""


def ablate(
    recipe: str,
    overrides: Overrides,
    variants: Sequence[Variant],
    out: Path,
    shared: Path | None = None,
    *,
    seeds: Sequence[int] = (),
    jobs: int = 1,
    progress: Progress | None = None,
    on_variant: Callable[[str], None] | None = None,
) -> Ablation:
    """Make and measure every variant under `out`; what is up to date is not made again.

    The stages that all variants have in common lie in `shared`, or in `out` when it is not given. Raises
    RecipeError, before anything is made, for a variant that would change one of them.
    """
    base = load_recipe(recipe, overrides)
    for variant in variants:
        _check_shared(variant, load_recipe(recipe, (*overrides, *variant.overrides)), base)
    shared = shared or out
    common = Run(base, out, shared, jobs=jobs, progress=progress)
    save_recipe(common)
    for name in SHARED:
        STAGES[name](common)
    rows: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    first: list[Scores] = []
    for variant in variants:
        scores = []
        for seed in seeds or (_seed(base),):
            if on_variant:
                on_variant(f"{variant.name} (seed {seed})")
            settings = (*overrides, *variant.overrides, f"{_section(base)}.seed={seed}")
            folder = out / "ablation" / _folder_name(f"{variant.name}-{seed}")
            run = Run(load_recipe(recipe, settings), folder, shared, jobs=jobs, progress=progress)
            save_recipe(run)
            for name in ("refine", "views", "train", "export", "evaluate"):
                STAGES[name](run)
            rows += _rows(variant, seed, folder)
            scores.append(read_scores(folder))
            _write(out / "ablation.json", rows)
        if first:
            differences.append({"variant": variant.name} | asdict(compare_methods(scores, first)))
            _write(out / "ablation-differences.json", differences)
        first = first or scores
    return Ablation(rows, differences)


def ablation_table(found: Ablation) -> str:
    """Markdown: a line per variant, a column per suite, their mean, and its difference from the first's."""
    rows = found.rows
    suites = list(dict.fromkeys(row["suite"] for row in rows))
    heads = [*suites, "mean", "less the first's, 95 %"]
    lines = [f"| variant | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
    apart = {row["variant"]: row for row in found.differences}
    for variant in dict.fromkeys(row["variant"] for row in rows):
        own = [row for row in rows if row["variant"] == variant]
        cells = [_cell([row["value"] for row in own if row["suite"] == suite]) for suite in suites]
        seeds = dict.fromkeys(row["seed"] for row in own)
        means = [
            sum(row["value"] for row in own if row["seed"] == seed) / max(1, len(suites)) for seed in seeds
        ]
        cells += [_cell(means), _apart(apart.get(variant))]
        lines.append(f"| {variant} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _check_shared(variant: Variant, recipe: Recipe, base: Recipe) -> None:
    for section in SHARED:
        if getattr(recipe, section) != getattr(base, section):
            raise RecipeError(
                f"The variant {variant.name!r} changes [{section}], a stage that all variants share, so it "
                "would train the same model. Make it a run of its own: oasis-train run RECIPE "
                "--set KEY=VALUE with another --out and another --shared."
            )


def _rows(variant: Variant, seed: int, folder: Path) -> list[dict[str, Any]]:
    suites = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))["suites"]
    keys = ("metric", "value", "low", "high")
    return [
        {"variant": variant.name, "seed": seed, "suite": suite["name"]} | {key: suite[key] for key in keys}
        for suite in suites
    ]


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _apart(row: Mapping[str, Any] | None) -> str:
    return f"{row['difference']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]" if row else ""


def _cell(values: Sequence[float]) -> str:
    mean = sum(values) / len(values)
    return f"{mean:.2f}" if len(values) == 1 else f"{mean:.2f} ({min(values):.2f} to {max(values):.2f})"


def _section(recipe: Recipe) -> str:
    return "static" if recipe.student == "static" else "train"


def _seed(recipe: Recipe) -> int:
    return recipe.static.seed if recipe.student == "static" else recipe.train.seed


def _folder_name(text: str) -> str:
    return "".join(character if character.isalnum() else "-" for character in text).lower()
