"""What is wrong with a folder: a sentence for each concern, so that one never hides how another ended."""

from enum import IntEnum, auto


class Concern(IntEnum):
    """What a sentence is about, the gravest first."""

    FOLDER = auto()
    """It cannot be listed; over when a walk ends well."""
    WORKERS = auto()
    """They keep ending; over when the folder is indexed anew."""
    SESSION = auto()
    """The store or the encoder of all folders; over when the settings change."""
    STORE = auto()
    """Something was not written; over when all of it was."""
    WATCHING = auto()
    """Changes are seen late or not at all; over when they are seen at once."""


class Trouble:
    """Written by one thread; safe to read from any."""

    def __init__(self) -> None:
        self._sentences = dict.fromkeys(Concern, "")

    def note(self, concern: Concern, sentence: str) -> None:
        """From now on this is wrong; an empty sentence says that all is well."""
        self._sentences[concern] = sentence

    def has(self, concern: Concern) -> bool:
        """Whether something is wrong."""
        return bool(self._sentences[concern])

    @property
    def message(self) -> str:
        """The gravest sentence, empty when all is well."""
        return next(filter(None, map(self._sentences.__getitem__, Concern)), "")
