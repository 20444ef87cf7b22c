"""Losses of the paper as pure functions of tensors; nothing here knows a model or a trainer."""

from oasis_train.losses.cosent import cosent_loss
from oasis_train.losses.info_nce import info_nce_loss

__all__ = ["cosent_loss", "info_nce_loss"]
