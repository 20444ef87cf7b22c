"""Errors of the trainer that a user can meet; messages are sentences that name the remedy.

TrainError
├── SuiteError    an evaluation suite is missing or damaged
├── CorpusError   a source or a training corpus cannot be used
└── RecipeError   a recipe has an unknown or unusable value
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
