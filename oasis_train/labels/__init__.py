"""Negatives of every docstring, and the similarities that teachers give to all pairs."""

from oasis_train.labels.negatives import NegativeConfig, sample_negatives
from oasis_train.labels.stage import LabelConfig, label_pairs
from oasis_train.labels.teachers import TeacherConfig

__all__ = ["LabelConfig", "NegativeConfig", "TeacherConfig", "label_pairs", "sample_negatives"]
