"""The dense search against brute force over dequantised vectors."""

import numpy as np
import pytest
from numpy.typing import NDArray

from oasis_search.errors import Cancelled
from oasis_search.index import Delta, FileRecord, IndexedFile, Snapshot, quantise
from oasis_search.index import snapshot as snapshot_module
from oasis_search.index.dense import nearest, promising

DIM = 64
KEY = "random-64"


def record_of(n: int, seed: int) -> FileRecord:
    """`n` units without terms."""
    starts = np.arange(n, dtype=np.uint32)
    spans = np.stack([starts, starts + 1, starts, starts], axis=1)
    return FileRecord(
        kinds=np.zeros(n, np.uint8),
        parts=np.zeros(n, np.uint16),
        spans=spans,
        name_spans=spans,
        keys=np.random.default_rng(seed).integers(0, 256, (n, 16), dtype=np.uint8),
        lengths=np.ones(n, np.uint32),
        term_starts=np.zeros(n + 1, np.uint32),
        term_ids=np.zeros(0, np.uint64),
        term_counts=np.zeros(0, np.uint8),
        names=("",) * n,
        containers=("",) * n,
    )


def clustered(n: int, seed: int) -> NDArray[np.float32]:
    """Unit vectors around a few hundred centres, as those of code are."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((300, DIM))
    rows = centres[rng.integers(0, 300, n)] + 0.7 * rng.standard_normal((n, DIM))
    unit_rows: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit_rows


def build(n_files: int, units_per_file: int, *, together: bool = True) -> Snapshot:
    files = [
        IndexedFile(
            f"f{i}.py",
            "python",
            b"",
            record_of(units_per_file, i),
            {KEY: quantise(clustered(units_per_file, i))},
        )
        for i in range(n_files)
    ]
    if together:
        return Snapshot().apply(Delta(added=files))
    snapshot = Snapshot()
    for file in reversed(files):
        snapshot = snapshot.apply(Delta(added=[file]))
    return snapshot


def brute_force(snapshot: Snapshot, query: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate([segment.vectors[KEY].dequantised() @ query for segment in snapshot.segments])


def named(snapshot: Snapshot, units: NDArray[np.int64]) -> list[tuple[str, int]]:
    views = [snapshot.view(unit) for unit in units.tolist()]
    return [(view.path, view.span.start_byte) for view in views]


QUERY = clustered(1, 12345)[0]


def test_exact_search_equals_brute_force() -> None:
    snapshot = build(20, 50).apply(Delta(removed=["f3.py", "f7.py"]))
    units, scores = nearest(snapshot, KEY, QUERY, 25)
    expected = np.where(snapshot.alive, brute_force(snapshot, QUERY), -2)
    assert scores == pytest.approx(np.sort(expected)[::-1][:25], abs=5e-3)
    assert scores == pytest.approx(expected[units], abs=5e-3)
    assert (np.diff(scores) <= 1e-5).all()
    assert snapshot.alive[units].all()


def test_only_allowed_units_are_found() -> None:
    snapshot = build(4, 10)
    allowed = np.zeros(snapshot.size, bool)
    allowed[[3, 17, 29]] = True
    units, _ = nearest(snapshot, KEY, QUERY, 10, allowed=allowed)
    assert sorted(units.tolist()) == [3, 17, 29]


def test_pruned_search_finds_nearly_all_that_exact_search_finds() -> None:
    snapshot = build(60, 500)
    shares = []
    for query in clustered(30, 777):
        exact, _ = nearest(snapshot, KEY, query, 50)
        pruned, _ = nearest(snapshot, KEY, query, 50, exact_limit=0)
        shares.append(len(np.intersect1d(exact, pruned)) / 50)
    assert np.mean(shares) > 0.9


@pytest.mark.parametrize("exact_limit", [10**9, 0])
def test_result_does_not_depend_on_segments(monkeypatch: pytest.MonkeyPatch, exact_limit: int) -> None:
    whole = build(30, 300)
    monkeypatch.setattr(snapshot_module, "SEGMENT_LIMIT", 1000)
    pieces = build(30, 300, together=False)
    assert len(pieces.segments) > 4
    for query in clustered(10, 5):
        first = nearest(whole, KEY, query, 40, exact_limit=exact_limit)
        second = nearest(pieces, KEY, query, 40, exact_limit=exact_limit)
        assert named(whole, first[0]) == named(pieces, second[0])
        assert first[1].tolist() == second[1].tolist()


def test_equal_vectors_are_ordered_alike_in_any_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    same = quantise(np.repeat(QUERY[None, :], 40, axis=0))
    files = [IndexedFile(f"f{i}.py", "python", b"", record_of(40, 0), {KEY: same}) for i in range(5)]
    whole = Snapshot().apply(Delta(added=files))
    monkeypatch.setattr(snapshot_module, "SEGMENT_LIMIT", 50)
    pieces = Snapshot().apply(Delta(added=files[::-1]))
    assert len(pieces.segments) == 5
    first, _ = nearest(whole, KEY, QUERY, 30)
    second, _ = nearest(pieces, KEY, QUERY, 30)
    assert named(whole, first) == named(pieces, second)


def test_units_without_a_vector_are_not_found() -> None:
    vectors = clustered(6, 1)
    vectors[2] = 0
    without = IndexedFile("b.py", "python", b"", record_of(3, 2), {})
    with_some = IndexedFile("a.py", "python", b"", record_of(6, 1), {KEY: quantise(vectors)})
    snapshot = Snapshot().apply(Delta(added=[with_some, without]))
    units, _ = nearest(snapshot, KEY, QUERY, 20)
    assert len(units) == 5
    assert {path for path, _ in named(snapshot, units)} == {"a.py"}
    assert ("a.py", 2) not in named(snapshot, units)


def test_other_fingerprint_or_dimension_finds_nothing() -> None:
    snapshot = build(2, 5)
    assert len(nearest(snapshot, "other", QUERY, 5)[0]) == 0
    assert len(nearest(snapshot, KEY, QUERY[:32], 5)[0]) == 0
    assert len(nearest(Snapshot(), KEY, QUERY, 5)[0]) == 0


def test_cancelled_search_stops() -> None:
    with pytest.raises(Cancelled):
        nearest(build(2, 5), KEY, QUERY, 5, cancelled=lambda: True)


def test_promising_rows_hold_the_best_and_their_ties() -> None:
    generator = np.random.default_rng(7)
    for scores in (
        generator.gamma(0.5, size=200_000).astype(np.float32) * (generator.random(200_000) < 0.3),
        np.repeat(generator.random(100).astype(np.float32), 1_000),
        np.zeros(100_000, np.float32),
        np.eye(1, 100_000, 77, dtype=np.float32)[0],
    ):
        rows = promising(scores, 300)
        bar = np.sort(scores)[-300]
        wanted = np.flatnonzero((scores >= bar - np.float32(1e-5)) & (scores > 0))
        assert set(wanted.tolist()) <= set(rows.tolist())
        assert (scores[rows] > 0).all()


def test_signs_of_long_vectors_are_counted_to_the_end() -> None:
    rng = np.random.default_rng(3)
    query = rng.standard_normal(640)
    near, opposite = (
        query + 0.7 * rng.standard_normal((50, 640)),
        -query + rng.standard_normal((6000, 640)) / 9,
    )
    rows = np.concatenate([opposite, near])  # some 600 signs differ, which eight bits take for 90
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    file = IndexedFile("a.py", "python", b"", record_of(6050, 1), {"long": quantise(rows.astype(np.float32))})
    vector = (query / np.linalg.norm(query)).astype(np.float32)
    units, _ = nearest(Snapshot().apply(Delta(added=[file])), "long", vector, 50, exact_limit=100)
    assert sorted(units.tolist()) == list(range(6000, 6050))
