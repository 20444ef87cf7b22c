"""Training of a transformer on refined pairs, from a backbone to a model folder."""

from oasis_train.training.config import TrainConfig

__all__ = ["TrainConfig"]
