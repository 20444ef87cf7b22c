"""What a run folder holds, read for the report; what is missing is said with the stage that makes it.

Nothing here computes: a damaged file is a missing part with its reason, because a report of an interrupted
run is wanted most when something went wrong.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

BINS = 100

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Similarities of all pairs in bins of equal width from 0 to 1."""

    right: NDArray[np.int64]
    """(BINS,) pairs of a docstring and its own function."""
    wrong: NDArray[np.int64]
    raised: int
    """Pairs whose similarity refinement raised."""


@dataclass(slots=True)
class RunFiles:
    """All parts of a run that were found."""

    name: str
    recipe: Mapping[str, Any] | None = None
    stages: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    losses: Rows = field(default_factory=list)
    evaluations: Rows = field(default_factory=list)
    """During training."""
    fit: Mapping[str, Any] | None = None
    histogram: Histogram | None = None
    ablation: Rows = field(default_factory=list)
    differences: Rows = field(default_factory=list)
    """Of the ablation's variants from its first, on the mean of suites."""
    evaluation: Mapping[str, Any] | None = None
    missing: dict[str, str] = field(default_factory=dict)
    """Part -> why it is not in the report."""


def read_run(run: Path, folders: Mapping[str, Path]) -> RunFiles:
    """Everything under `run` and in the folders of its stages, some of which may lie elsewhere."""
    found = RunFiles(name=run.resolve().name)
    found.recipe = _json(run / "recipe.json", "recipe", found)
    if found.recipe and found.recipe.get("name"):
        found.name = str(found.recipe["name"])
    for stage, folder in folders.items():
        if (folder / "stage.json").is_file():
            manifest = _json(folder / "stage.json", f"stage {stage}", found)
            if manifest:
                found.stages[stage] = manifest
    found.losses = _lines(folders["train"] / "losses.jsonl")
    if not found.losses:
        found.missing["loss curves"] = "train/losses.jsonl is missing or empty: the train stage writes it."
    found.evaluations = _lines(folders["train"] / "evaluations.jsonl")
    found.fit = _json(folders["refine"] / "gmm.json", "similarities", found)
    try:
        found.histogram = read_histogram(folders["refine"] / "pairs")
    except (OSError, ValueError, KeyError) as error:
        found.missing["similarities"] = f"the pairs of refine cannot be read ({error})."
    found.ablation = _json(run / "ablation.json", "ablation", found) or []
    if found.ablation:
        found.differences = _json(run / "ablation-differences.json", "differences", found) or []
    found.evaluation = _json(run / "evaluation.json", "evaluation", found)
    return found


def read_histogram(folder: Path) -> Histogram | None:
    """Counts of the refined pairs, shard by shard; None without a shard."""
    shards = sorted(folder.glob("part-*.parquet"))
    if not shards:
        return None
    counts = {True: np.zeros(BINS, np.int64), False: np.zeros(BINS, np.int64)}
    raised = 0
    for shard in shards:
        with pq.ParquetFile(shard) as file:
            for batch in file.iter_batches(65_536, columns=["is_gt", "similarity", "teacher_similarity"]):
                is_gt, new, old = (batch.column(n).to_numpy(zero_copy_only=False) for n in range(3))
                for kind, total in counts.items():
                    total += np.histogram(old[is_gt == kind], BINS, (0, 1))[0]
                raised += int((new > old).sum())
    return Histogram(counts[True], counts[False], raised)


def _json(path: Path, part: str, found: RunFiles) -> Any:  # noqa: ANN401 - whatever the file holds
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        found.missing.setdefault(part, f"{path.name} is not there.")
    except (OSError, ValueError) as error:
        found.missing[part] = f"{path.name} cannot be read ({error})."
    return None


def _lines(path: Path) -> Rows:
    return list(_parsed(path)) if path.is_file() else []


def _parsed(path: Path) -> Iterator[dict[str, Any]]:
    """Rows up to the first that is damaged: a kill cuts the last one short."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                row = json.loads(line)
            except ValueError:
                return
            if isinstance(row, dict):
                yield row
