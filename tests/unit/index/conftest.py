"""Small real workspaces as snapshots, and a slow reading of a snapshot to compare with."""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import PurePath
from typing import Any

import numpy as np
import pytest

from oasis_search.encoder import HashingEncoder
from oasis_search.index import IndexedFile, Snapshot, quantise
from oasis_search.index.prepare import prepare
from oasis_search.syntax import language_of

ENCODER = HashingEncoder(64)

MakeFile = Callable[[str, str], IndexedFile]
Contents = Callable[[Snapshot], Mapping[str, Any]]


@pytest.fixture(scope="session")
def make_file() -> MakeFile:
    def make(path: str, text: str) -> IndexedFile:
        source = text.encode()
        language = language_of(PurePath(path))
        record, bags, _ = prepare(source, language)
        vectors = quantise(ENCODER.encode_counts(bags))
        digest = blake2b(source, digest_size=16).digest()
        return IndexedFile(path, language.name, digest, record, {ENCODER.fingerprint: vectors})

    return make


@pytest.fixture(scope="session")
def contents() -> Contents:
    """All that lives in a snapshot, by path, in a form that does not know of segments."""

    def read(snapshot: Snapshot) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        for path in snapshot.places:
            units = []
            for unit in snapshot.units_of(path):
                assert snapshot.alive[unit]
                segment, row = snapshot.locate(unit)
                terms = {
                    int(term): int(segment.posting_counts[at])
                    for t, term in enumerate(segment.terms.tolist())
                    for at in range(int(segment.posting_starts[t]), int(segment.posting_starts[t + 1]))
                    if segment.posting_units[at] == row
                }
                columns = {
                    key: (column.scales[row].item(), column.codes[row].tobytes())
                    for key, column in segment.vectors.items()
                }
                signs = {key: words[:, row].tobytes() for key, words in segment.signs.items()}
                length = int(segment.lengths[row])
                units.append((snapshot.view(unit), length, terms, columns, signs))
            found[path] = (snapshot.digest_of(path), units)
        assert snapshot.n_units == sum(len(units) for _, units in found.values())
        assert snapshot.n_units == int(np.count_nonzero(snapshot.alive))
        return found

    return read
