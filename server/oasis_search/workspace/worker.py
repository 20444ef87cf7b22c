"""A worker process: reads, cuts and encodes files; started as `python -P -m oasis_search.workspace.worker`.

Frames on stdin and stdout are pickles behind a four-byte length. It ends when stdin ends, so it never
outlives the server, and runs below normal priority. It only reads the store; the session writes.
"""

import contextlib
import gc
import os
import pickle
import signal
import struct
import sys
import time
from pathlib import Path
from typing import BinaryIO

from oasis_search.encoder.load import load
from oasis_search.encoder.static import BagEncoder
from oasis_search.errors import StoreError
from oasis_search.index.prepare import prepare
from oasis_search.index.record import FileRecord, decode_record, encode_record
from oasis_search.index.store import Entry, Store
from oasis_search.index.vectors import VectorColumn, quantise
from oasis_search.syntax import language_of
from oasis_search.syntax.units import Problem
from oasis_search.workspace.files import SourceText, read_source, source_of_bytes
from oasis_search.workspace.tasks import FileResult, FileTask, Task, TaskResult, WorkerSetup

NICE = 5
"""Below an editor and its language servers, above true idle."""

RACY_NS = 20_000_000
"""A file changed this recently may change again within one time stamp (git's "racily clean" entries)."""

COLLECT_EVERY = 256
"""Tasks between two collections of what libraries may leave in cycles."""

_LENGTH = struct.Struct("<I")


def write_frame(stream: BinaryIO, value: object) -> None:
    """Sends one value."""
    payload = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(_LENGTH.pack(len(payload)) + payload)
    stream.flush()


def read_frame(stream: BinaryIO) -> object | None:
    """The next value, None at the end of the stream (also in the middle of a frame)."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    payload = stream.read(length)
    return pickle.loads(payload) if len(payload) == length else None


def main() -> None:
    """Serves tasks until stdin ends."""
    inbox, outbox = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # A stray print must not end up between two frames.
    # Ctrl-C in a terminal reaches the whole group; the session alone decides when a worker ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError, AttributeError):
        os.nice(NICE)
    setup = read_frame(inbox)
    if not isinstance(setup, WorkerSetup):
        return
    worker = Worker(setup)
    # A task makes some ten thousand values and no cycles: looking for those took a fifth of the time.
    gc.freeze()
    gc.disable()
    while isinstance(task := read_frame(inbox), Task):
        if task.number % COLLECT_EVERY == 0:
            gc.collect()
        try:
            write_frame(outbox, worker.run(task))
        except BrokenPipeError:
            return


class Worker:
    """An encoder, a view of the store and a limit; `run` is a pure function of those and the disk."""

    def __init__(self, setup: WorkerSetup) -> None:
        encoder = load(setup.model)
        if not isinstance(encoder, BagEncoder):
            raise TypeError(f"Encoder {encoder.name} does not work on bags of words.")
        self._encoder = encoder
        self._max_bytes = setup.max_file_bytes
        try:
            self._store: Store | None = Store(Path(setup.store), read_only=True)
        except StoreError:  # Without a readable store everything is a miss.
            self._store = None

    def run(self, task: Task) -> TaskResult:
        """Results of all files of a task; expected trouble is in the entries."""
        files = tuple(self._file(Path(task.root), file) for file in task.files)
        return TaskResult(task.number, task.root, self._encoder.fingerprint, files)

    def _file(self, root: Path, file: FileTask) -> FileResult:
        path = root / file.path
        stat = _stat_of(path)
        if file.text is not None:
            source = source_of_bytes(file.path, file.text)
        else:
            source = read_source(path, max_bytes=self._max_bytes)
        if isinstance(source, Problem):
            entry = Entry(*stat, None, "", source.reason, source.detail)
            return FileResult(file.path, file.ticket, entry, unsaved=file.text is not None)
        return self._indexed(file, stat, source)

    def _indexed(self, file: FileTask, stat: tuple[int, int, int, int], source: SourceText) -> FileResult:
        text, unsaved = source.text_utf8, file.text is not None
        language = language_of(file.path, text[:200].partition(b"\n")[0])
        entry = Entry(*stat, source.digest, language.name)
        stored = self._store.record(source.digest, language.name) if self._store else None
        record = decode_record(stored) if stored else None
        if record is not None and stored is not None:
            vectors = self._stored_vectors(record)
            if vectors is not None:
                return FileResult(file.path, file.ticket, entry, stored, vectors, unsaved=unsaved)
        record, bags, _ = prepare(text, language)
        vectors = quantise(self._encoder.encode_counts(bags))
        return FileResult(
            file.path,
            file.ticket,
            entry,
            encode_record(record),
            vectors,
            is_new=True,
            n_embedded=len(bags),
            unsaved=unsaved,
        )

    def _stored_vectors(self, record: FileRecord) -> VectorColumn | None:
        """Vectors of a stored record; None when some are missing, so that the file is prepared anew."""
        if self._store is None:
            return None
        keys = record.unit_keys()
        vectors, absent = self._store.column(self._encoder.fingerprint, keys, self._encoder.dim)
        return None if absent else vectors


def _stat_of(path: Path) -> tuple[int, int, int, int]:
    """(size, mtime_ns, ctime_ns, inode) before reading; a racy or missing file never compares equal."""
    try:
        stat = os.stat(path)
    except (OSError, ValueError):
        return (-1, 0, 0, 0)
    recent = time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns) < RACY_NS
    return (stat.st_size, -1 if recent else stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)


if __name__ == "__main__":
    main()
