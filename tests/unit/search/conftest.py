"""A workspace written as one text becomes a snapshot; searching it gives names."""

from collections.abc import Callable, Mapping
from pathlib import PurePath

import pytest

from oasis_search.encoder import HashingEncoder
from oasis_search.index import Delta, IndexedFile, Snapshot, quantise
from oasis_search.index.prepare import prepare
from oasis_search.syntax import language_of

ENCODER = HashingEncoder(64)

Build = Callable[[Mapping[str, str]], Snapshot]


@pytest.fixture(scope="session")
def build() -> Build:
    def build_snapshot(texts: Mapping[str, str]) -> Snapshot:
        added = []
        for path, text in texts.items():
            language = language_of(PurePath(path))
            record, bags, _ = prepare(text.encode(), language)
            vectors = {ENCODER.fingerprint: quantise(ENCODER.encode_counts(bags))}
            added.append(IndexedFile(path, language.name, b"", record, vectors))
        return Snapshot().apply(Delta(added=added))

    return build_snapshot
