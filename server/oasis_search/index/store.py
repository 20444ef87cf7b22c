"""The content-addressed store: one SQLite file in the user's cache folder for all windows and worktrees.

File records are found by the digest of the text, vectors by unit key and encoder fingerprint, and each
workspace folder remembers which content its paths had. Any doubt about a row is a miss, and so is every row
of a damaged part of the file. Writes are transactions in WAL mode: a kill loses at most the unfinished one.
Several processes may use one store.
"""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from oasis_search.errors import StoreError
from oasis_search.index.record import RECORD_FORMAT
from oasis_search.index.vectors import VectorColumn

log = logging.getLogger(__name__)

STORE_FORMAT = 1
"""In the file name: a newer program starts a new file and leaves the old one to older programs."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
  digest BLOB NOT NULL, language TEXT NOT NULL, format INTEGER NOT NULL, record BLOB NOT NULL,
  PRIMARY KEY (digest, language, format)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS models (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS vectors (
  model INTEGER NOT NULL, key BLOB NOT NULL, scale REAL NOT NULL, codes BLOB NOT NULL,
  PRIMARY KEY (model, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS folders (id INTEGER PRIMARY KEY, root BLOB NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS entries (
  folder INTEGER NOT NULL, path BLOB NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
  ctime_ns INTEGER NOT NULL, inode INTEGER NOT NULL, digest BLOB, language TEXT NOT NULL,
  reason TEXT NOT NULL, detail TEXT NOT NULL,
  PRIMARY KEY (folder, path)
) WITHOUT ROWID;
"""
_BUSY_S = 30.0
_MANY = 500
"""Keys in one SELECT: below SQLite's limit of bound values in every build."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a path held when it was last read."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    digest: bytes | None
    """None when the file could not be indexed; `reason` then says why."""
    language: str
    reason: str = ""
    detail: str = ""


def store_path(cache_dir: Path) -> Path:
    """File of the store in a cache folder."""
    return cache_dir / f"index-v{STORE_FORMAT}.sqlite"


class Store:
    """One connection; use it from one thread at a time."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Opens or creates the store. Raises StoreError naming the file and the remedy."""
        self.path = path
        self.problem = ""
        """A sentence with the remedy once a part of the file was found to be damaged."""
        self._is_read_only, self._has_missed = read_only, False
        try:
            if not read_only:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            if read_only:
                self._db.execute("PRAGMA query_only=ON")
            else:
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=NORMAL")
                self._db.executescript(_SCHEMA)
            self._db.execute("PRAGMA cache_size=-8000")
            self._db.execute("SELECT count(*) FROM models").fetchone()
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"The index {path} cannot be opened ({error}). Check that the folder is writable, "
                f"delete the file, or set another cache folder."
            ) from error
        self._models: dict[str, int] = {}

    def close(self) -> None:
        """Closes the connection; the file stays."""
        self._db.close()

    def record(self, digest: bytes, language: str) -> bytes | None:
        """Byte form of the record of a content, None when it is not there."""
        row = None
        with self._missing_what_is_unreadable():
            row = self._db.execute(
                "SELECT record FROM records WHERE digest=? AND language=? AND format=?",
                (digest, language, RECORD_FORMAT),
            ).fetchone()
        return row[0] if row is not None and isinstance(row[0], bytes) else None

    def vectors(self, fingerprint: str, keys: Sequence[bytes]) -> dict[bytes, tuple[float, bytes]]:
        """Scale and codes of those of `keys` that are stored."""
        found: dict[bytes, tuple[float, bytes]] = {}
        with self._missing_what_is_unreadable():
            model = self._model(fingerprint, create=False)
            if model is None:
                return found
            for start in range(0, len(keys), _MANY):
                some = keys[start : start + _MANY]
                marks = ",".join("?" * len(some))
                sql = f"SELECT key, scale, codes FROM vectors WHERE model=? AND key IN ({marks})"
                for key, scale, codes in self._db.execute(sql, (model, *some)):
                    if isinstance(scale, float) and isinstance(codes, bytes):
                        found[key] = (scale, codes)
        return found

    def column(self, fingerprint: str, keys: Sequence[bytes], dim: int) -> tuple[VectorColumn, list[int]]:
        """Stored vectors in the order of `keys`, and the rows that are missing (their scale is 0)."""
        found = self.vectors(fingerprint, keys)
        nothing = (0.0, bytes(dim))
        rows = [found.get(key, nothing) for key in keys]
        absent = [row for row, (_, codes) in enumerate(rows) if codes is nothing[1] or len(codes) != dim]
        for row in absent:
            rows[row] = nothing
        scales = np.array([scale for scale, _ in rows], np.float32)
        codes = np.frombuffer(b"".join(codes for _, codes in rows), np.int8)
        return VectorColumn(codes.reshape(len(keys), dim), scales), absent

    def save(
        self,
        records: Iterable[tuple[bytes, str, bytes]] = (),
        vectors: Iterable[tuple[str, Sequence[bytes], VectorColumn]] = (),
        entries: Iterable[tuple[str, str, Entry]] = (),
        removed: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Writes all in one transaction.

        Records are (digest, language, bytes), vectors (fingerprint, keys, rows), entries (root, path, entry),
        removed entries (root, path). Raises StoreError when the disk is full or the file is damaged.
        """
        with self._transaction():
            self._db.executemany(
                "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)",
                [(digest, language, RECORD_FORMAT, blob) for digest, language, blob in records],
            )
            for fingerprint, keys, column in vectors:
                model = self._model(fingerprint, create=True)
                rows = zip(keys, column.scales.tolist(), column.codes, strict=True)
                self._db.executemany(
                    "INSERT OR IGNORE INTO vectors VALUES (?, ?, ?, ?)",
                    [(model, key, scale, codes.tobytes()) for key, scale, codes in rows],
                )
            self._db.executemany(
                "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        self._folder(root),
                        os.fsencode(path),
                        entry.size,
                        entry.mtime_ns,
                        entry.ctime_ns,
                        _signed(entry.inode),
                        entry.digest,
                        entry.language,
                        entry.reason,
                        entry.detail,
                    )
                    for root, path, entry in entries
                ],
            )
            self._db.executemany(
                "DELETE FROM entries WHERE folder=? AND path=?",
                [(self._folder(root), os.fsencode(path)) for root, path in removed],
            )

    def entries(self, root: str) -> Mapping[str, Entry]:
        """Path -> what it held, for one workspace folder."""
        found: dict[str, Entry] = {}
        with self._missing_what_is_unreadable():
            rows = self._db.execute(
                "SELECT path, size, mtime_ns, ctime_ns, inode, digest, language, reason, detail FROM entries "
                "JOIN folders ON folders.id = entries.folder WHERE root=?",
                (os.fsencode(root),),
            )
            for row in rows:
                with contextlib.suppress(TypeError):  # A damaged row may hold values of any type.
                    found[os.fsdecode(row[0])] = Entry(row[1], row[2], row[3], row[4] % 2**64, *row[5:])
        return found

    def forget(self, root: str) -> None:
        """Drops what is remembered of a folder's paths, and the records of the contents they had.

        Raises StoreError as `save` does; then nothing was dropped.
        """
        digests = "SELECT digest FROM entries WHERE folder=?"
        with self._transaction():
            folder = self._folder(root)
            self._db.execute(f"DELETE FROM records WHERE digest IN ({digests})", (folder,))
            self._db.execute("DELETE FROM entries WHERE folder=?", (folder,))

    def statistics(self) -> Mapping[str, int]:
        """Rows by table, and the bytes on disk, for `oasis doctor`."""
        tables = ("records", "vectors", "folders", "entries")
        counts = {t: int(self._db.execute(f"SELECT count(*) FROM {t}").fetchone()[0]) for t in tables}
        files = [Path(f"{self.path}{ending}") for ending in ("", "-wal")]
        return {**counts, "bytes": sum(file.stat().st_size for file in files if file.exists())}

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of a block's writes or none."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                self._models.clear()
                if self._db.in_transaction:  # SQLite ends it by itself when the disk is full.
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise StoreError(
                self._note_damage(error)
                or f"The index {self.path} cannot be written ({error}). Free disk space or set another cache "
                f"folder; searching goes on with what is in memory."
            ) from error

    @contextlib.contextmanager
    def _missing_what_is_unreadable(self) -> Iterator[None]:
        """Ends a block at the first row that cannot be read: it and what would follow are misses."""
        try:
            yield
        except sqlite3.Error as error:
            if not self._note_damage(error) and not self._has_missed:
                self._has_missed = True
                log.warning("The index %s cannot be read (%s); what it holds is made anew.", self.path, error)

    def _note_damage(self, error: sqlite3.Error) -> str:
        """The problem of a file that is damaged, told once; empty when the error means something else."""
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in (
            sqlite3.SQLITE_CORRUPT,
            sqlite3.SQLITE_NOTADB,
        ):
            return ""
        if not self.problem:
            self.problem = f"The index {self.path} is damaged ({error}). Delete the file; it is made anew."
            # Who only reads is beside someone who writes, and so meets the damage and tells of it too.
            log.log(logging.DEBUG if self._is_read_only else logging.ERROR, "%s", self.problem)
        return self.problem

    def _model(self, fingerprint: str, *, create: bool) -> int | None:
        if fingerprint not in self._models:
            if create:
                self._db.execute("INSERT OR IGNORE INTO models (fingerprint) VALUES (?)", (fingerprint,))
            row = self._db.execute("SELECT id FROM models WHERE fingerprint=?", (fingerprint,)).fetchone()
            if row is None:
                return None
            self._models[fingerprint] = int(row[0])
        return self._models[fingerprint]

    def _folder(self, root: str) -> int:
        raw = os.fsencode(root)
        self._db.execute("INSERT OR IGNORE INTO folders (root) VALUES (?)", (raw,))
        return int(self._db.execute("SELECT id FROM folders WHERE root=?", (raw,)).fetchone()[0])


def _signed(value: int) -> int:
    """SQLite's integers are signed; inode numbers of some file systems use all 64 bits."""
    return value - 2**64 if value >= 2**63 else value
