"""The similarity that training uses, from what the rules found and the judge said, and counts of both."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from oasis_train.data import RefinedPair
from oasis_train.errors import RecipeError
from oasis_train.labels.teachers import MAX_SIMILARITY


@dataclass(frozen=True, slots=True)
class VariantConfig:
    """What of finished decisions counts."""

    delta_s: float = 0.05
    """Added to the similarity of a confirmed candidate; 0.05 in the paper's figure."""
    threshold: bool = True
    """Whether candidates by threshold count."""
    structure: bool = True
    """Whether candidates by structure count."""

    def __post_init__(self) -> None:
        """Raise RecipeError for a value that cannot be honoured."""
        if not (math.isfinite(self.delta_s) and 0 <= self.delta_s < 1):
            raise RecipeError(f"refine.delta_s is {self.delta_s}; give 0 or more, and less than 1.")


def with_variant(row: RefinedPair, config: VariantConfig) -> RefinedPair:
    """`row` with the similarity that `config` gives it, below 1; decisions and `is_gt` stay."""
    counts = (row.by_threshold and config.threshold) or (row.by_structure and config.structure)
    if not (counts and row.verdict == "yes"):
        return replace(row, similarity=row.teacher_similarity)
    raised = max(row.teacher_similarity, min(row.teacher_similarity + config.delta_s, MAX_SIMILARITY))
    return replace(row, similarity=raised)


def count_decisions(rows: Iterable[RefinedPair]) -> dict[str, Any]:
    """How many pairs were candidates, by which rule, and what became of them."""
    counts = dict.fromkeys(("pairs", "by_threshold", "by_structure", "by_both", "candidates", "raised"), 0)
    verdicts = dict.fromkeys(("yes", "no", "unclear"), 0)
    for row in rows:
        counts["pairs"] += 1
        counts["by_threshold"] += row.by_threshold
        counts["by_structure"] += row.by_structure
        counts["by_both"] += row.by_threshold and row.by_structure
        counts["candidates"] += row.by_threshold or row.by_structure
        counts["raised"] += row.similarity > row.teacher_similarity
        if row.verdict:
            verdicts[row.verdict] = verdicts.get(row.verdict, 0) + 1
    return {**counts, "verdicts": verdicts}
