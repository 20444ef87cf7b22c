"""One workspace folder while it is indexed: what is known, what is outstanding, what is published.

Belongs to the indexing thread; only `snapshot` is read by others, and it is replaced as a whole. Everything
that ends in the index passes `take`, `load` or `remove`, so the snapshot always equals a rebuild from what
is known.
"""

import logging
import math
import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import numpy as np

from oasis_search.errors import StoreError
from oasis_search.index import Delta, Entry, IndexedFile, Snapshot, Store, decode_record
from oasis_search.index.pack import Pack
from oasis_search.index.tiers import add_vectors, keep_vectors, share_covered
from oasis_search.index.vectors import VectorColumn
from oasis_search.syntax.units import Problem
from oasis_search.workspace.files import too_large
from oasis_search.workspace.status import Coverage, FolderStatus, Phase
from oasis_search.workspace.tasks import FileResult
from oasis_search.workspace.trouble import Concern, Trouble
from oasis_search.workspace.walk import FoundFile

log = logging.getLogger(__name__)

SAVE_AGAIN_S = 10.0
"""Pause after a failed transaction while nothing else is to be written."""

MAX_PROBLEMS = 100
"""Problems listed in a status; all are counted."""


@dataclass(slots=True)
class Unsaved:
    """Rows for the next transaction of the store."""

    records: list[tuple[bytes, str, bytes]] = field(default_factory=list)
    vectors: list[tuple[str, Sequence[bytes], VectorColumn]] = field(default_factory=list)
    entries: list[tuple[str, str, Entry]] = field(default_factory=list)
    removed: list[tuple[str, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.records or self.vectors or self.entries or self.removed)


class FolderIndex:
    """State of one folder."""

    def __init__(
        self, root: Path, store: Store | None, fingerprint: str, dim: int, max_file_bytes: int
    ) -> None:
        self.root = root
        self.key = str(root)
        self._pack = Pack(_pack_folder(store, self.key)) if store else None
        self._packed = self.snapshot = (self._pack and self._pack.load(fingerprint)) or Snapshot()
        self.phase = Phase.SCANNING
        self.trouble = Trouble()
        self.save_due = math.inf
        """When to write again what could not be written, in the time of `time.monotonic`."""
        self.watching = "off"
        self.fingerprint, self.dim = fingerprint, dim
        self.model = ""
        """Fingerprint of the chosen model above the first tier; empty while there is none that is known."""
        self._store = store
        self._max_file_bytes = max_file_bytes
        self._known: dict[str, Entry] = dict(store.entries(self.key)) if store else {}
        self._wanted: dict[str, int] = {}
        self._taken: dict[str, int] = {}
        self._found: set[str] = set()
        self._scanned: set[str] = set()
        self._problems: dict[str, Problem] = {}
        self._added: dict[str, IndexedFile] = {}
        self._removed: set[str] = set()
        self._to_store = Unsaved()
        self._embedded = 0
        self._edited_at: dict[str, float] = {}
        self._model_share: tuple[Snapshot, str, float] = (self.snapshot, "", 0.0)

    @property
    def is_known(self) -> bool:
        """Whether the store remembers this folder."""
        return bool(self._known)

    @property
    def is_complete(self) -> bool:
        """Whether nothing that was found is still to be read."""
        return not self._wanted

    @property
    def has_unpublished(self) -> bool:
        """Whether `publish` would change the snapshot."""
        return bool(self._added or self._removed)

    def begin_scan(self) -> None:
        """A walk starts: what it does not meet will be removed at its end."""
        self._scanned = set()

    def meet(self, found: Iterable[FoundFile | Problem]) -> list[str]:
        """Takes note of what a walk found; returns the paths that have to be read."""
        to_read: list[str] = []
        for item in found:
            self._scanned.add(item.path)
            if isinstance(item, Problem):
                self._problems[item.path] = item
                continue
            self._found.add(item.path)
            entry = self._known.get(item.path)
            if entry is None or not is_current(entry, item, self._max_file_bytes):
                to_read.append(item.path)
            elif entry.digest is None:
                self._note_problem(item.path, entry)
            elif self._is_indexed(item.path, entry.digest):
                self._problems.pop(item.path, None)
            elif not self._load(item.path, entry):
                to_read.append(item.path)
        return to_read

    def finish_scan(self) -> None:
        """A walk ended: what it did not meet is gone."""
        known = self._found | self._known.keys() | self._problems.keys() | self.snapshot.places.keys()
        for path in known - self._scanned:
            self.remove(path)

    def want(self, path: str, ticket: int) -> None:
        """A result with this ticket will come for a path."""
        self._found.add(path)
        self._wanted[path] = ticket

    def keep(self, path: str) -> None:
        """A path counts although the walk did not meet it: an editor has it open."""
        self._scanned.add(path)

    def skip(self, result: FileResult) -> None:
        """A result came too late: the file was opened or closed meanwhile, and a newer one is on its way."""
        if self._wanted.get(result.path, 0) <= result.ticket:
            self._wanted.pop(result.path, None)

    def take(self, result: FileResult, fingerprint: str) -> None:
        """Takes over what a worker made of one file, unless something newer is known."""
        path = result.path
        if self._wanted.get(path, 0) <= result.ticket:
            self._wanted.pop(path, None)
        if result.ticket < self._taken.get(path, 0):
            return
        self._taken[path] = result.ticket
        entry = result.entry
        if entry.reason == "vanished":
            self.remove(path)
            return
        if not result.unsaved:
            self._known[path] = entry
            self._to_store.entries.append((self.key, path, entry))
        if entry.digest is None:
            self._note_problem(path, entry)
            return
        self._problems.pop(path, None)
        self._embedded += result.n_embedded
        record = decode_record(result.record)
        if record is None or result.vectors is None:
            return
        vectors = {fingerprint: result.vectors}
        self._add(IndexedFile(path, entry.language, entry.digest, record, vectors))
        if result.unsaved:
            self._edited_at[path] = time.monotonic()
            return  # Every keystroke would leave a row; the store learns of the text when it is saved.
        if result.is_new:
            self._to_store.records.append((entry.digest, entry.language, result.record))
        if result.n_embedded:
            self._to_store.vectors.append((fingerprint, record.unit_keys(), result.vectors))

    def take_vectors(
        self, fingerprint: str, keys: Sequence[bytes], vectors: VectorColumn, *, is_new: bool
    ) -> None:
        """Publishes vectors of a model for units by key; those that are new go to the store first."""
        if is_new:
            rows = np.flatnonzero(vectors.scales > 0)
            self._embedded += len(rows)
            some = [keys[row] for row in rows.tolist()]
            self._to_store.vectors.append((fingerprint, some, vectors.take(rows)))
            self.save()
        self.snapshot = add_vectors(self.snapshot, fingerprint, keys, vectors)

    def keep_vectors(self, models: Sequence[str]) -> None:
        """Publishes a snapshot without the vectors of models other than these; the store keeps them."""
        self.snapshot = keep_vectors(self.snapshot, [self.fingerprint, *models])

    def edited_at(self, path: str) -> float:
        """When the unsaved text of a path last arrived, in the time of `time.monotonic`."""
        return self._edited_at.get(path, 0.0)

    def remove(self, path: str) -> None:
        """A path is gone, or no longer counts."""
        self._edited_at.pop(path, None)
        self._found.discard(path)
        self._wanted.pop(path, None)
        self._problems.pop(path, None)
        if self._known.pop(path, None) is not None:
            self._to_store.removed.append((self.key, path))
        self._drop(path)

    def remove_below(self, folder: str) -> None:
        """A path is gone that may have been a folder."""
        prefix = f"{folder}/"
        for path in [p for p in (*self._found, *self._problems) if p == folder or p.startswith(prefix)]:
            self.remove(path)

    def publish(self) -> bool:
        """The next snapshot, then the store; True when the snapshot changed."""
        changed = self.has_unpublished
        if changed:
            removed = [path for path in self._removed if path not in self._added]
            self.snapshot = self.snapshot.apply(Delta(sorted(removed), list(self._added.values())))
            self._added, self._removed = {}, set()
        self.save()
        return changed

    @property
    def message(self) -> str:
        """What a user has to know or do; empty when all is well."""
        return self.trouble.message or (self._store.problem if self._store else "")

    def save(self) -> None:
        """Writes what waits for the store; what cannot be written waits on, and the status says why."""
        if not self._to_store or self._store is None:
            return
        rows = self._to_store
        try:
            self._store.save(rows.records, rows.vectors, rows.entries, rows.removed)
        except StoreError as error:
            self.trouble.note(Concern.STORE, str(error))
            if not self._store.problem:
                self.save_due = time.monotonic() + SAVE_AGAIN_S
                return
            # A damaged file takes nothing as long as it is open: rows would only fill the memory.
        else:
            self.trouble.note(Concern.STORE, "")
        self._to_store = Unsaved()
        self.save_due = math.inf

    def pack(self) -> None:
        """Leaves the snapshot on disk as it is, for a fast start the next time."""
        if self._pack is None or self._packed is self.snapshot:
            return
        try:
            self._pack.save(self.snapshot)
            self._packed = self.snapshot
        except OSError as error:
            log.warning("The snapshot of %s was not saved (%s); the next start is slower.", self.root, error)

    def forget(self) -> None:
        """Everything known is dropped, here and in the store; the next walk reads all files anew."""
        if self._store:
            try:
                self._store.forget(self.key)
            except StoreError as error:  # In memory it is forgotten all the same.
                log.error("%s", error)
                self.trouble.note(Concern.STORE, str(error))
        # What waits is forgotten too, but for vectors: these are kept in the store as well.
        self._to_store = Unsaved(vectors=self._to_store.vectors)
        if self._pack:
            self._pack.forget()
        self._known.clear()
        for path in list(self._found):
            self._drop(path)
        self.publish()

    @property
    def coverage(self) -> Coverage:
        """How much of what was found can be found now; safe from any thread."""
        total = len(self._found)
        share = (total - len(self._wanted)) / total if total else float(self.phase is Phase.READY)
        return Coverage(self.snapshot.n_units, lexical=share, static=share, model=self._covered_by_model())

    def _covered_by_model(self) -> float:
        snapshot, model = self.snapshot, self.model
        known, of_model, share = self._model_share
        if known is not snapshot or of_model != model:
            share = share_covered(snapshot, model) if model else 0.0
            self._model_share = (snapshot, model, share)
        return share

    def status(self) -> FolderStatus:
        """What to tell about this folder now; safe from any thread."""
        total = len(self._found)
        problems = list(self._problems.values())
        counts = Counter(problem.reason for problem in problems)
        return FolderStatus(
            root=self.root,
            phase=self.phase,
            files_total=total,
            files_done=max(0, total - len(self._wanted)),
            coverage=self.coverage,
            snapshot=self.snapshot.generation,
            problems=tuple(sorted(problems, key=lambda problem: problem.path)[:MAX_PROBLEMS]),
            problem_counts=dict(sorted(counts.items())),
            embedded=self._embedded,
            watching=self.watching,
            message=self.message,
        )

    def _load(self, path: str, entry: Entry) -> bool:
        """Brings an unchanged file back from the store; False when any part of it is not there."""
        if self._store is None or entry.digest is None:
            return False
        blob = self._store.record(entry.digest, entry.language)
        record = decode_record(blob) if blob else None
        if record is None:
            return False
        vectors, absent = self._store.column(self.fingerprint, record.unit_keys(), self.dim)
        if absent:
            return False
        self._add(IndexedFile(path, entry.language, entry.digest, record, {self.fingerprint: vectors}))
        return True

    def _is_indexed(self, path: str, digest: bytes) -> bool:
        added = self._added.get(path)
        if added is not None:
            return added.digest == digest
        return path not in self._removed and self.snapshot.digest_of(path) == digest

    def _add(self, file: IndexedFile) -> None:
        if not self._is_indexed(file.path, file.digest):
            self._added[file.path] = file
            self._removed.discard(file.path)

    def _drop(self, path: str) -> None:
        self._added.pop(path, None)
        if path in self.snapshot.places:
            self._removed.add(path)

    def _note_problem(self, path: str, entry: Entry) -> None:
        self._problems[path] = Problem(path, entry.reason, entry.detail)
        self._drop(path)


def _pack_folder(store: Store, root: str) -> Path:
    return store.path.parent / "packs" / blake2b(os.fsencode(root), digest_size=12).hexdigest()


def is_current(entry: Entry, found: FoundFile, max_bytes: int) -> bool:
    """Whether reading the file again would give the same: any doubt means reading.

    Size, both times and the inode are as they were, and the limit on the size decides as it did then.
    """
    then = (entry.size, entry.mtime_ns, entry.ctime_ns, entry.inode)
    if then != (found.size, found.mtime_ns, found.ctime_ns, found.inode):
        return False
    if entry.reason == "too-large":  # The sentence names the limit of then.
        return entry.detail == too_large(Path(found.path).name, found.size, max_bytes).detail
    return entry.digest is None or found.size <= max_bytes
