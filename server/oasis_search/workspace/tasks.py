"""What the session and its worker processes say to each other; plain frozen values that pickle."""

from dataclasses import dataclass

from oasis_search.index.store import Entry
from oasis_search.index.vectors import VectorColumn


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """The first message to a worker: what stays the same for all its tasks."""

    store: str
    """File of the store."""
    model: str
    """Encoder: name or folder."""
    max_file_bytes: int


@dataclass(frozen=True, slots=True)
class FileTask:
    """One file to read and to cut."""

    path: str
    """Relative to the folder, POSIX separators."""
    ticket: int
    """Grows with every request; of two results for one path the one with the higher ticket is the truth."""
    text: bytes | None = None
    """Unsaved text (UTF-8) that stands in for the disk."""


@dataclass(frozen=True, slots=True)
class Task:
    """Some files of one folder, a tenth of a second of work or less."""

    number: int
    root: str
    files: tuple[FileTask, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FileResult:
    """What one file gave. `entry.digest` is None when it could not be indexed; `entry.reason` says why."""

    path: str
    ticket: int
    entry: Entry
    record: bytes = b""
    """Byte form of the record."""
    vectors: VectorColumn | None = None
    """One row a unit."""
    is_new: bool = False
    """The record was not in the store."""
    n_embedded: int = 0
    """Vectors that were computed for this task; all others came from the store."""
    unsaved: bool = False
    """The text came with the task."""


@dataclass(frozen=True, slots=True, eq=False)
class TaskResult:
    """All files of one task, in its order."""

    number: int
    root: str
    fingerprint: str
    """Of the encoder that made the vectors."""
    files: tuple[FileResult, ...]
