"""Errors of the trainer that a user can meet; messages are sentences that name the remedy.

TrainError
├── SuiteError    an evaluation suite is missing or damaged
├── CorpusError   a source or a training corpus cannot be used
├── RecipeError   a recipe has an unknown or unusable value
├── DataError     a table or a manifest between two stages cannot be used
├── ReplyError    an LLM or an embedding server gave nothing that can be used
└── TrainingError a training run cannot start or go on
"""

from oasis_search.errors import OasisError


class TrainError(OasisError):
    """Base of the trainer's errors."""


class SuiteError(TrainError):
    """An evaluation suite is missing or damaged."""


class CorpusError(TrainError):
    """A source or a training corpus cannot be used."""


class RecipeError(TrainError):
    """A recipe has an unknown or unusable value."""


class DataError(TrainError):
    """A table or a manifest between two stages cannot be used."""


class ReplyError(TrainError):
    """An LLM or an embedding server gave nothing that can be used."""


class TrainingError(TrainError):
    """A training run cannot start or go on."""
