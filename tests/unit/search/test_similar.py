"""Neighbours of a piece of code against brute force, and what is never among them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from oasis_search.index import Snapshot
from oasis_search.index.centred import PRIOR
from oasis_search.search.query import Filter
from oasis_search.search.similar import Place, SimilarQuery, similar
from oasis_search.search.tiers import QueryVector
from tests.unit.search.conftest import ENCODER

if TYPE_CHECKING:
    from tests.unit.search.conftest import Build

FILES: Mapping[str, str] = {
    "a.py": "class Store:\n    def read_rows(self, path):\n        return open(path).read()\n\n"
    "    def write_rows(self, path, rows):\n        open(path).write(rows)\n",
    "b.py": "def read_rows(path):\n    return open(path).read()\n\n\ndef send(mail):\n    post(mail)\n",
    "c.go": "package c\n\nfunc ReadRows(path string) string {\n\treturn open(path).read()\n}\n",
}


def seen(text: str) -> list[QueryVector]:
    return [QueryVector("hashing", ENCODER.fingerprint, ENCODER.encode([text])[0])]


def names(snapshot: Snapshot, query: SimilarQuery, text: str) -> list[tuple[str, str]]:
    found = similar(snapshot, query, seen(text))
    return [(snapshot.view(each.unit).path, snapshot.view(each.unit).name) for each in found]


def centred_by_hand(snapshot: Snapshot, vector: NDArray[np.float32], language: str) -> dict[int, float]:
    """Cosine of every unit with the mean of its language taken away, computed one by one."""
    rows: dict[str, list[NDArray[np.float32]]] = {}
    vectors = {}
    for unit in np.flatnonzero(snapshot.alive).tolist():
        segment, row = snapshot.locate(unit)
        vectors[unit] = segment.vectors[ENCODER.fingerprint].dequantised()[row]
        rows.setdefault(snapshot.view(unit).language, []).append(vectors[unit])
    everything = np.sum([row for own in rows.values() for row in own], axis=0) / (len(vectors) + PRIOR)
    means = {
        name: (np.sum(own, axis=0) + PRIOR * everything) / (len(own) + PRIOR) for name, own in rows.items()
    }
    piece = vector - means.get(language, everything)
    found = {}
    for unit, own in vectors.items():
        centred = own - means[snapshot.view(unit).language]
        found[unit] = float(centred @ piece / np.linalg.norm(centred) / np.linalg.norm(piece))
    return found


@pytest.mark.parametrize("language", ["python", "go", "ruby"])
def test_order_is_that_of_all_centred_cosines(build: "Build", language: str) -> None:
    snapshot = build(FILES)
    text = "def read_rows(path): return open(path).read()"
    found = similar(snapshot, SimilarQuery(language=language), seen(text))
    expected = centred_by_hand(snapshot, seen(text)[0].vector, language)
    assert len(found) == snapshot.n_units
    assert [each.unit for each in found] == sorted(expected, key=lambda unit: -expected[unit])
    for each in found:
        assert abs(each.cosine - expected[each.unit]) < 1e-4
        assert each.model == "hashing"


def test_neither_itself_nor_what_lies_around_or_inside_is_found(build: "Build") -> None:
    snapshot = build(FILES)
    start = FILES["a.py"].index("def read_rows")
    end = FILES["a.py"].index("\n\n    def write_rows")
    inside = Place("a.py", start, end)
    found = names(snapshot, SimilarQuery(place=inside), FILES["a.py"][start:end])
    assert ("a.py", "read_rows") not in found
    assert found[0] == ("b.py", "read_rows")
    assert ("a.py", "write_rows") in found
    whole = Place("a.py", 0, len(FILES["a.py"]))
    assert "a.py" not in {path for path, _ in names(snapshot, SimilarQuery(place=whole), "read")}


def test_no_part_of_a_long_function_is_found_for_another_of_it(build: "Build") -> None:
    lines = "".join(f"    total_{n} = charge(rows[{n}], rate_{n}, 'audit {n}')\n" for n in range(120))
    snapshot = build({"long.py": f"def audit(rows):\n{lines}", "b.py": "def send(mail):\n    post(mail)\n"})
    assert len(snapshot.units_of("long.py")) > 1
    first = lines.splitlines()[0]
    found = names(snapshot, SimilarQuery(place=Place("long.py", 20, 40)), first)
    assert found == [("b.py", "send")]


def test_filters_restrict_and_nothing_known_finds_nothing(build: "Build") -> None:
    snapshot = build(FILES)
    only_go = SimilarQuery(filter=Filter(languages=frozenset({"go"})))
    assert {path for path, _ in names(snapshot, only_go, "read rows path")} == {"c.go"}
    assert similar(snapshot, SimilarQuery(), []) == []
    assert similar(Snapshot(), SimilarQuery(), seen("read")) == []
    assert similar(snapshot, SimilarQuery(limit=0), seen("read")) == []


def test_a_better_encoder_orders_the_units_that_it_covers(build: "Build") -> None:
    snapshot = build(FILES)
    text = "def read_rows(path): return open(path).read()"
    opposite = QueryVector("better", ENCODER.fingerprint, -seen(text)[0].vector)
    found = similar(snapshot, SimilarQuery(), [*seen(text), opposite])
    first = similar(snapshot, SimilarQuery(), seen(text))
    assert [each.unit for each in found] != [each.unit for each in first]
    assert {each.model for each in found} == {"better"}
    cosines = np.array([each.cosine for each in found])
    assert (np.diff(cosines) <= 1e-4).all()
