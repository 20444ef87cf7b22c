"""Vectors of a further encoder: whatever arrives in whatever order, each unit has its own or none."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oasis_search.encoder import HashingEncoder
from oasis_search.index import Delta, IndexedFile, Snapshot, quantise
from oasis_search.index import snapshot as snapshot_module
from oasis_search.index.dense import nearest
from oasis_search.index.tiers import add_vectors, covered, keep_vectors, share_covered
from oasis_search.index.vectors import VectorColumn, missing

MakeFile = Callable[[str, str], IndexedFile]

FIRST = HashingEncoder(64).fingerprint
MODEL = "model of 96 numbers"
OTHER = "another model"
NAMES = tuple(f"{verb}_{noun}" for verb in ("read", "send", "parse") for noun in ("cookie", "date", "mail"))
PATHS = ("a.py", "b.py", "lib/c.py")


def vectors_of(keys: list[bytes], dim: int = 96) -> VectorColumn:
    """A vector that depends on the key alone, as an encoder's depends on the text alone."""
    rows = [np.random.default_rng(int.from_bytes(key, "little")).standard_normal(dim) for key in keys]
    return quantise(np.array(rows, np.float32).reshape(len(keys), dim))


def text_of(names: tuple[str, ...]) -> str:
    return "\n\n".join(f"def {name}(x):\n    return x.{name}()\n" for name in names)


def keys_of(snapshot: Snapshot) -> list[bytes]:
    units = np.flatnonzero(snapshot.alive).tolist()
    return [snapshot.view(unit).key for unit in units]


def check_rows(snapshot: Snapshot, fingerprint: str, known: set[bytes]) -> None:
    """Every living unit has exactly its own vector and signs, or none; and those that are known have it."""
    has = covered(snapshot, fingerprint)
    for unit in np.flatnonzero(snapshot.alive).tolist():
        segment, row = snapshot.locate(unit)
        key = segment.keys[row].tobytes()
        if not has[unit]:
            assert key not in known
            continue
        expected = vectors_of([key])
        column = segment.vectors[fingerprint]
        assert column.codes[row].tobytes() == expected.codes[0].tobytes()
        assert column.scales[row] == expected.scales[0]
        packed = np.packbits(expected.codes[0] > 0)
        assert segment.signs[fingerprint][:, row].tobytes()[: len(packed)] == packed.tobytes()


steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(PATHS), st.lists(st.sampled_from(NAMES), max_size=4, unique=True)),
        st.integers(0, 2**30),
    ),
    max_size=14,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=steps)
def test_edits_keep_the_vectors_of_unchanged_units(
    make_file: MakeFile,
    monkeypatch: pytest.MonkeyPatch,
    steps: list[tuple[str, list[str]] | int],
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(snapshot_module, "SEGMENT_LIMIT", 6)
        snapshot = Snapshot()
        for step in steps:
            if isinstance(step, int):
                some = [key for key in keys_of(snapshot) if key[0] & step & 0xFF]
                snapshot = add_vectors(snapshot, MODEL, some, vectors_of(some))
                check_rows(snapshot, MODEL, set(some))
                continue
            path, names = step
            before = snapshot
            had = covered(before, MODEL)
            known = {before.view(unit).key for unit in before.units_of(path) if had[unit]}
            snapshot = snapshot.apply(Delta(added=[make_file(path, text_of(tuple(names)))]))
            check_rows(snapshot, MODEL, set())
            now = covered(snapshot, MODEL)
            for unit in snapshot.units_of(path):
                assert now[unit] == (snapshot.view(unit).key in known)
        everything = keys_of(snapshot)
        snapshot = add_vectors(snapshot, MODEL, everything, vectors_of(everything))
        check_rows(snapshot, MODEL, set(everything))
        assert share_covered(snapshot, MODEL) == 1.0


def test_rows_without_a_vector_change_nothing(make_file: MakeFile) -> None:
    snapshot = Snapshot().apply(Delta(added=[make_file("a.py", text_of(NAMES[:3]))]))
    keys = keys_of(snapshot)
    assert add_vectors(snapshot, MODEL, keys, missing(len(keys), 96)) is snapshot
    assert add_vectors(snapshot, MODEL, [bytes(16)], vectors_of([bytes(16)])) is snapshot
    assert add_vectors(snapshot, MODEL, [], vectors_of([])) is snapshot


def test_each_encoder_finds_what_it_covers(make_file: MakeFile) -> None:
    snapshot = Snapshot().apply(Delta(added=[make_file("a.py", text_of(NAMES))]))
    keys = keys_of(snapshot)
    half = keys[::2]
    snapshot = add_vectors(snapshot, MODEL, half, vectors_of(half))
    query = vectors_of([half[1]]).dequantised()[0]
    units, _ = nearest(snapshot, MODEL, query / np.linalg.norm(query), 20)
    assert snapshot.view(int(units[0])).key == half[1]
    assert {snapshot.view(unit).key for unit in units.tolist()} == set(half)
    assert share_covered(snapshot, MODEL) == pytest.approx(len(half) / len(keys))
    assert share_covered(snapshot, FIRST) == 1.0


def test_vectors_of_other_encoders_are_dropped(make_file: MakeFile) -> None:
    snapshot = Snapshot().apply(Delta(added=[make_file("a.py", text_of(NAMES))]))
    keys = keys_of(snapshot)
    both = add_vectors(
        add_vectors(snapshot, MODEL, keys, vectors_of(keys)), OTHER, keys, vectors_of(keys, 32)
    )
    kept = keep_vectors(both, [FIRST, OTHER])
    assert share_covered(kept, OTHER) == 1.0
    assert not covered(kept, MODEL).any()
    assert kept.generation == both.generation + 1
    assert keep_vectors(kept, [FIRST, OTHER]) is kept
