"""Means of languages and what is nearest without them: whatever the segments, as by hand."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oasis_search.index import Delta, IndexedFile, Snapshot, quantise
from oasis_search.index.centred import PRIOR, centre, language_means
from tests.unit.index.test_dense import DIM, KEY, clustered, record_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

LANGUAGES = ("python", "go", "java")
QUERY = clustered(1, 12345)[0]


def file_of(number: int, units: int) -> IndexedFile:
    """Vectors of one language share a direction, as those of code do."""
    rows = clustered(units, number)
    rows[:, number % 3] += 1.5
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    language = LANGUAGES[number % 3]
    return IndexedFile(f"f{number}", language, b"", record_of(units, number), {KEY: quantise(rows)})


def build(steps: Sequence[tuple[Sequence[int], Sequence[int]]]) -> Snapshot:
    """(files that go, files that come) after one another."""
    snapshot = Snapshot()
    for removed, added in steps:
        added_files = [file_of(number, 20 + number % 7) for number in added]
        snapshot = snapshot.apply(Delta(removed=[f"f{number}" for number in removed], added=added_files))
    return snapshot


STEPS = st.lists(
    st.tuples(
        st.lists(st.integers(0, 11), max_size=4), st.lists(st.integers(0, 11), max_size=4, unique=True)
    ),
    min_size=1,
    max_size=5,
)


@settings(deadline=None, max_examples=40)
@given(STEPS)
def test_means_and_hits_after_any_edits_are_those_of_a_rebuild(
    steps: list[tuple[list[int], list[int]]],
) -> None:
    snapshot = build(steps)
    again = build([([], sorted(int(path[1:]) for path in snapshot.places))])
    first, second = (language_means(one, KEY, DIM) for one in (snapshot, again))
    assert first.by_language.keys() == second.by_language.keys()
    for language in (*LANGUAGES, "ruby"):
        assert (first.of(language) == second.of(language)).all()

    def named(one: Snapshot) -> list[tuple[str, int, float]]:
        units, cosines = centre(one, KEY, QUERY, "go").nearest(10)
        views = [one.view(unit) for unit in units.tolist()]
        return [(v.path, v.span.start_byte, c) for v, c in zip(views, cosines.tolist(), strict=True)]

    assert named(snapshot) == named(again)


def test_means_are_sums_with_a_prior_of_all_and_of_nothing() -> None:
    snapshot = build([([], range(9)), ([1, 5], [3])])
    rows: dict[str, list[NDArray[np.float32]]] = {}
    for unit in np.flatnonzero(snapshot.alive).tolist():
        segment, row = snapshot.locate(unit)
        rows.setdefault(snapshot.view(unit).language, []).append(segment.vectors[KEY].dequantised()[row])
    everything = np.sum([row for own in rows.values() for row in own], axis=0)
    otherwise = everything / (sum(map(len, rows.values())) + PRIOR)
    means = language_means(snapshot, KEY, DIM)
    assert means.of("ruby") == pytest.approx(otherwise, abs=1e-5)
    for language, own in rows.items():
        expected = (np.sum(own, axis=0) + PRIOR * otherwise) / (len(own) + PRIOR)
        assert means.of(language) == pytest.approx(expected, abs=1e-5)


def test_a_twin_in_another_language_is_nearer_than_what_shares_the_language() -> None:
    rng = np.random.default_rng(3)
    tongue = {language: 1.2 * rng.standard_normal(DIM) for language in ("go", "java")}
    does = rng.standard_normal((60, DIM))
    files = [
        IndexedFile(
            f"{language}/{n}", language, b"", record_of(1, n), {KEY: quantise(_unit(does[n] + extra)[None])}
        )
        for language, extra in tongue.items()
        for n in range(60)
        if (language, n) != ("go", 7)
    ]
    snapshot = Snapshot().apply(Delta(added=files))
    units, cosines = centre(snapshot, KEY, _unit(does[7] + tongue["go"]), "go").nearest(3)
    assert snapshot.view(int(units[0])).path == "java/7"
    assert cosines[0] > 0.8 > cosines[1] + 0.2
    plain = max(
        float(segment.vectors[KEY].dequantised()[row] @ _unit(does[7] + tongue["go"]))
        for segment in snapshot.segments
        for row in range(segment.n_units)
        if segment.languages[int(segment.file_of[row])] == "go"
    )
    assert plain > 0.5  # by language alone


def test_what_may_not_be_found_is_left_out_and_nothing_gives_nothing() -> None:
    snapshot = build([([], range(6))])
    allowed = np.zeros(snapshot.size, bool)
    allowed[::5] = True
    units, cosines = centre(snapshot, KEY, QUERY, "go").nearest(500, allowed=allowed)
    assert sorted(units.tolist()) == np.flatnonzero(allowed).tolist()
    assert (centre(snapshot, KEY, QUERY, "go").cosines_of(units) == cosines).all()
    for nothing in (Snapshot(), snapshot):
        units, cosines = centre(nothing, "no such encoder", QUERY, "go").nearest(5)
        assert len(units) == len(cosines) == 0
    assert not centre(snapshot, "no such encoder", QUERY, "go").cosines_of(np.arange(5)).any()


def _unit(vector: "NDArray[np.float64]") -> "NDArray[np.float32]":
    found: NDArray[np.float32] = (vector / np.linalg.norm(vector)).astype(np.float32)
    return found
