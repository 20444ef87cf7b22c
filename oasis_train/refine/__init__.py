"""Wrong pairs that may be right: found by similarity and by structure, judged, and raised."""

from oasis_train.refine.grid import VariantConfig, with_variant
from oasis_train.refine.judge import JudgeConfig
from oasis_train.refine.stage import RefineConfig, refine_pairs
from oasis_train.refine.threshold import ThresholdFit, fit_threshold
from oasis_train.refine.trees import TreeConfig

__all__ = [
    "JudgeConfig",
    "RefineConfig",
    "ThresholdFit",
    "TreeConfig",
    "VariantConfig",
    "fit_threshold",
    "refine_pairs",
    "with_variant",
]
