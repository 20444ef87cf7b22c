"""Pairs against brute force, and groups: what holds them together, their level and their order."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

from oasis_search.encoder.protocol import Vectors
from oasis_search.errors import Cancelled
from oasis_search.index import Delta, IndexedFile, Snapshot, quantise
from oasis_search.search import duplicates
from oasis_search.search.clones import Sketch, sketch
from oasis_search.search.duplicates import (
    Pair,
    comparable_units,
    group_pairs,
    near_pairs,
    shaped_pairs,
)
from oasis_search.syntax import language_by_name
from oasis_search.syntax.languages import TEXT
from oasis_search.syntax.leaves import leaves
from tests.unit.index.test_dense import record_of
from tests.unit.search.conftest import ENCODER

if TYPE_CHECKING:
    from tests.unit.search.conftest import Build

KEY = "random"


def snapshot_of(vectors: Vectors) -> Snapshot:
    """Two files, so two places in the segment, with these vectors as their units."""
    half = len(vectors) // 2
    parts = {"a.py": vectors[:half], "b.py": vectors[half:]}
    files = [
        IndexedFile(name, "python", b"", record_of(len(rows), len(rows)), {KEY: quantise(rows)})
        for name, rows in parts.items()
    ]
    return Snapshot().apply(Delta(added=files))


@pytest.mark.parametrize("block", [(512, 8192), (7, 13)])
def test_pairs_are_those_of_brute_force(block: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_ROWS", block[0])
    monkeypatch.setattr(duplicates, "_COLUMNS", block[1])
    rng = np.random.default_rng(7)
    centres = rng.standard_normal((12, 64))
    rows = centres[rng.integers(0, 12, 90)] + 0.4 * rng.standard_normal((90, 64))
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    snapshot = snapshot_of(vectors)
    units = np.arange(90, dtype=np.int64)
    found = {(pair.first, pair.second): pair.cosine for pair in near_pairs(snapshot, KEY, units, least=0.8)}
    column = np.concatenate([s.vectors[KEY].dequantised() for s in snapshot.segments])
    column /= np.linalg.norm(column, axis=1, keepdims=True)
    scores = column @ column.T
    expected = {(i, j) for i in range(90) for j in range(i + 1, 90) if scores[i, j] >= 0.8}
    assert len(expected) > 50
    assert set(found) == expected
    assert all(abs(found[pair] - scores[pair]) < 1e-4 for pair in expected)


def test_a_unit_keeps_its_nearest_and_a_cancelled_search_stops() -> None:
    vectors: Vectors = np.full((60, 64), 1 / 8, np.float32)
    pairs = list(near_pairs(snapshot_of(vectors), KEY, np.arange(60, dtype=np.int64)))
    assert max(sum(pair.first == unit for pair in pairs) for unit in range(60)) == duplicates.NEAREST
    with pytest.raises(Cancelled):
        list(near_pairs(snapshot_of(vectors), KEY, np.arange(60, dtype=np.int64), cancelled=lambda: True))
    with pytest.raises(Cancelled):
        group_pairs(snapshot_of(vectors), [Pair(0, 1, 1.0)], {}, cancelled=lambda: True)
    assert list(near_pairs(Snapshot(), KEY, np.zeros(0, np.int64))) == []


LONG = "def {0}({1}):\n    {2} = 0\n    for item in {1}:\n        {2} += item.price\n    return {2}\n"
OTHER = """def send(mail):
    with connect() as line:
        line.write(mail.head)
        line.write(mail.body)
    log(mail)
"""


def sketches_of(texts: dict[int, str]) -> dict[int, Sketch]:
    python = language_by_name("python") or TEXT
    return {unit: sketch(leaves(text.encode(), python), "python") for unit, text in texts.items()}


def test_comparable_units_are_whole_functions_that_are_not_tiny(build: "Build") -> None:
    snapshot = build({"a.py": LONG.format("total", "rows", "result") + "\n\ndef tiny():\n    return 1\n"})
    units = comparable_units(snapshot, ENCODER.fingerprint, None)
    assert [snapshot.view(unit).name for unit in units.tolist()] == ["total"]
    nothing = np.zeros(snapshot.size, bool)
    assert len(comparable_units(snapshot, ENCODER.fingerprint, nothing)) == 0


def test_groups_hang_together_by_pairs_and_have_the_level_of_the_weakest(build: "Build") -> None:
    texts = [
        LONG.format("total", "rows", "result"),
        LONG.format("total", "rows", "result"),
        LONG.format("gross", "items", "amount"),
        OTHER,
        OTHER,
    ]
    snapshot = build({f"{number}.py": text for number, text in enumerate(texts)})
    units = comparable_units(snapshot, ENCODER.fingerprint, None).tolist()
    by_path = {snapshot.view(unit).path: unit for unit in units}
    order = [by_path[f"{number}.py"] for number in range(5)]
    sketches = sketches_of(dict(zip(order, texts, strict=True)))
    pairs = [
        Pair(min(order[a], order[b]), max(order[a], order[b]), 0.95)
        for a, b in ((0, 1), (1, 2), (3, 4), (2, 3))
    ]
    groups = group_pairs(snapshot, pairs, sketches)
    assert [(group.level, len(group.units)) for group in groups] == [("renamed", 3), ("exact", 2)]
    assert groups[0].worth == round(0.9 * 10, 2)
    assert [g.level for g in group_pairs(snapshot, pairs, sketches, weakest="exact")] == ["exact", "exact"]
    joined = group_pairs(snapshot, pairs, sketches, weakest="behaviour")
    assert [(group.level, len(group.units)) for group in joined] == [("behaviour", 5)]
    del sketches[order[4]]  # its file changed meanwhile
    assert [len(group.units) for group in group_pairs(snapshot, pairs, sketches)] == [3]


def test_copies_under_other_names_are_paired_by_their_shape() -> None:
    added = OTHER.replace("    log(mail)", "    audit.record(mail)\n    log(mail)").replace("mail", "letter")
    sketches = sketches_of(
        {
            3: LONG.format("total", "rows", "result"),
            5: LONG.format("gross", "items", "amount"),
            8: LONG.format("net", "parts", "sum"),
            9: OTHER,
            12: added.replace("line", "wire"),
        }
    )
    found = sorted((pair.first, pair.second) for pair in shaped_pairs(sketches))
    assert found == [(3, 5), (3, 8), (9, 12)]
