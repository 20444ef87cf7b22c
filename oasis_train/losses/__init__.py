"""Losses of the paper as pure functions of tensors; nothing here knows a model or a trainer."""

from oasis_train.losses.combined import InBatch, OasisLoss, oasis_loss
from oasis_train.losses.cosent import cosent_loss
from oasis_train.losses.distillation import distillation_loss
from oasis_train.losses.gather import gather_rows, gather_vectors, rank_group
from oasis_train.losses.hard_weighted import hard_weighted_in_batch_loss
from oasis_train.losses.info_nce import info_nce_loss
from oasis_train.losses.masks import all_texts_mask, in_batch_mask

__all__ = [
    "InBatch",
    "OasisLoss",
    "all_texts_mask",
    "cosent_loss",
    "distillation_loss",
    "gather_rows",
    "gather_vectors",
    "hard_weighted_in_batch_loss",
    "in_batch_mask",
    "info_nce_loss",
    "oasis_loss",
    "rank_group",
]
