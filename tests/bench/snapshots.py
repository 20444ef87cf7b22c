"""Indexes in memory, with the real unit cutter and encoders, for what measures the ranking."""

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oasis_search.encoder import BagEncoder, load
from oasis_search.index import Delta, IndexedFile, Snapshot, quantise
from oasis_search.index.model_text import named_text
from oasis_search.index.prepare import prepare
from oasis_search.index.record import FileRecord
from oasis_search.search.roles import roles_of
from oasis_search.search.tiers import QueryVector
from oasis_search.syntax import Language, language_of
from oasis_search.syntax.languages import TEXT

_LEFT_OUT = frozenset({"tests", "generated", "vendored"})

DEFAULT_CACHE = Path("build/bench-vectors")


class CachedModel:
    """An encoder that is slow enough for its vectors to be kept: one file for all texts it ever saw."""

    def __init__(self, name: str, folder: Path) -> None:
        self._encoder = load(name)
        self._name = name
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{self._encoder.fingerprint[:16]}.npz"
        self._known: dict[str, NDArray[np.float16]] = {}
        if self._path.is_file():
            with np.load(self._path) as kept:
                self._known = dict(zip(kept["keys"].tolist(), kept["vectors"], strict=True))

    @property
    def name(self) -> str:
        """What a user calls the encoder."""
        return self._name

    @property
    def fingerprint(self) -> str:
        """Of the encoder."""
        return self._encoder.fingerprint

    def encode(self, texts: list[str], role: str = "code") -> NDArray[np.float32]:
        """(n, d) vectors of length 1; only texts that were never seen cost time."""
        keys = [blake2b(f"{role}\0{text}".encode(), digest_size=12).hexdigest() for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        if missing:
            found = self._encoder.encode(list(missing.values()), role="query" if role == "query" else "code")
            self._known.update(zip(missing, found.astype(np.float16), strict=True))
        rows = [self._known[key] for key in keys]
        return np.array(rows, np.float32).reshape(len(rows), self._encoder.dim)

    def query_vector(self, text: str) -> QueryVector:
        """A question as the search takes it."""
        return QueryVector(self._name, self.fingerprint, self.encode([text], "query")[0])

    def save(self) -> None:
        """Keeps what was computed."""
        np.savez(self._path, keys=np.array(list(self._known)), vectors=np.array(list(self._known.values())))


def read_source(path: Path, root: Path, max_bytes: int) -> tuple[str, Language, bytes] | None:
    """(path below `root`, language, text) of code that people wrote and that is no test; None of all else.

    Neither links nor empty or longer files are read.
    """
    language = language_of(path, b"")
    if language in (None, TEXT) or path.is_symlink() or not path.is_file():
        return None
    relative = path.relative_to(root).as_posix()
    if any(role.name in _LEFT_OUT for role in roles_of(relative, language.name)):
        return None
    source = path.read_bytes() if path.stat().st_size <= max_bytes else b""
    return (relative, language, source) if source else None


def build_snapshot(
    files: Iterable[tuple[str, bytes]], encoder: BagEncoder | None, model: CachedModel | None = None
) -> Snapshot:
    """Snapshot of (path, source) pairs, indexed as the server does it."""
    added = []
    for path, source in files:
        language = language_of(Path(path), source[:200])
        if language is None:
            continue
        record, bags, _ = prepare(source, language)
        vectors = {encoder.fingerprint: quantise(encoder.encode_counts(bags))} if encoder else {}
        if model and record.n_units:
            vectors[model.fingerprint] = quantise(model.encode(_texts(record, source)))
        digest = blake2b(source, digest_size=16).digest()
        added.append(IndexedFile(path, language.name, digest, record, vectors))
    if model:
        model.save()
    return Snapshot().apply(Delta(added=added))


def _texts(record: FileRecord, source: bytes) -> list[str]:
    spans = record.spans[:, :2].tolist()
    return [
        named_text(source[start:end], name, container)
        for (start, end), name, container in zip(spans, record.names, record.containers, strict=True)
    ]
