"""What can happen to a file, as one value: an editor's event, a watcher's batch, a branch switch."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Cause(StrEnum):
    """Who said that a file changed."""

    OPENED = "opened"
    EDITED = "edited"
    SAVED = "saved"
    CLOSED = "closed"
    WATCHED = "watched"
    """A client or our own watcher saw the disk change (created, changed or deleted alike)."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file may differ from what was indexed."""

    path: Path
    """Absolute."""
    cause: Cause
    text: str | None = None
    """The whole unsaved text after OPENED, EDITED and (where the client sends it) SAVED; None otherwise."""
