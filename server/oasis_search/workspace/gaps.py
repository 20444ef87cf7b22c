"""What an answer says of folders that are not wholly indexed: a sentence for every phase but `ready`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from oasis_search.workspace.status import Phase

_SENTENCES = {
    Phase.SCANNING: "Indexing is still going on; more may be found soon.",
    Phase.INDEXING: "Indexing is still going on; more may be found soon.",
    Phase.PAUSED: "Indexing is paused, so only a part is found; resume it to find the rest.",
    Phase.DISABLED: "Indexing is off (index.enabled), so at most what was indexed before is found.",
}


class Indexed(Protocol):
    """A folder's index, or its status."""

    @property
    def root(self) -> Path:
        """The folder."""

    @property
    def phase(self) -> Phase:
        """What happens to it now."""

    @property
    def message(self) -> str:
        """Why it failed, if it did."""


def describe_gaps(folders: Iterable[Indexed]) -> str:
    """Why an answer from these folders may lack something, each reason once; empty when none does."""
    return " ".join(dict.fromkeys(sentence for folder in folders if (sentence := _describe(folder))))


def _describe(folder: Indexed) -> str:
    if folder.phase is Phase.FAILED:
        reason = folder.message or 'Run "oasis doctor".'
        return f"{folder.root} is not wholly indexed. {reason}"
    return _SENTENCES.get(folder.phase, "")
