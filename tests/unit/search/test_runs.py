"""Runs of units against all runs, one by one."""

from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from oasis_search.search.query import Filter
from oasis_search.search.runs import LEAST_SHARE, runs_of_file
from oasis_search.search.similar import SimilarQuery, similar
from oasis_search.search.tiers import QueryVector
from oasis_search.syntax.units import Kind
from tests.unit.search.conftest import ENCODER

if TYPE_CHECKING:
    from tests.unit.search.conftest import Build

FUNCTIONS = [
    "def read_rows(path):\n    return open(path).read().splitlines()\n",
    "def write_rows(path, rows):\n    open(path).write(join(rows))\n",
    "def send_mail(to, text):\n    connect(server).post(to, text)\n",
    "def draw_circle(canvas, radius):\n    canvas.arc(0, 0, radius)\n",
    "def sort_numbers(numbers):\n    return sorted(numbers)\n",
]
FILES = {
    "mixed.py": "\n\n".join(FUNCTIONS),
    "rows.py": "\n\n".join(FUNCTIONS[:2]),
    "mail.py": FUNCTIONS[2],
    "row.go": "package c\n\nfunc ReadRows(path string) string {\n\treturn open(path).read()\n}\n",
}


def vector_of(text: str) -> NDArray[np.float32]:
    vector: NDArray[np.float32] = ENCODER.encode([text])[0]
    return vector


@pytest.mark.parametrize("n_bytes", [10, 60, 130, 400, 10_000])
def test_the_best_run_is_that_of_all_runs(build: "Build", n_bytes: int) -> None:
    snapshot = build(FILES)
    units = list(snapshot.units_of("mixed.py"))
    vector = vector_of("\n".join(FUNCTIONS[:2])).astype(np.float64)
    common = 0.3 * vector_of("\n".join(FUNCTIONS)).astype(np.float64)
    segment, first = snapshot.locate(units[0])
    rows = segment.vectors[ENCODER.fingerprint].dequantised()[first : first + len(units)]
    spans = segment.spans[first : first + len(units), :2].astype(int)
    lengths = spans[:, 1] - spans[:, 0]
    expected = []
    for start in range(len(units)):
        end = start + 1
        while end < len(units) and lengths[start:end].sum() < n_bytes:
            end += 1
        if start and lengths[start:end].sum() < LEAST_SHARE * n_bytes:
            continue
        whole = (rows[start:end] * lengths[start:end, None]).sum(axis=0)
        centred = whole / np.linalg.norm(whole) - common
        expected.append(float(centred @ vector / np.linalg.norm(centred) / np.linalg.norm(vector)))
    found = runs_of_file(snapshot, units, ENCODER.fingerprint, vector, n_bytes, common)
    assert found[0].cosine == pytest.approx(max(expected), abs=1e-6)
    assert [run.cosine for run in found] == sorted((run.cosine for run in found), reverse=True)
    assert len({run.unit for run in found}) == len(found)


def test_a_piece_of_several_units_finds_the_file_that_has_all_of_them(build: "Build") -> None:
    snapshot = build(FILES)
    piece = "\n\n".join(FUNCTIONS[:2])
    seen_as = [QueryVector("hashing", ENCODER.fingerprint, vector_of(piece))]
    found = similar(snapshot, SimilarQuery(run_bytes=len(piece)), seen_as)
    assert snapshot.view(found[0].unit).path == "rows.py"
    assert [one.cosine for one in found] == sorted((one.cosine for one in found), reverse=True)
    only_go = SimilarQuery(run_bytes=len(piece), filter=Filter(languages=frozenset({"go"})))
    assert {snapshot.view(one.unit).path for one in similar(snapshot, only_go, seen_as)} == {"row.go"}
    kinds: frozenset[Kind] = frozenset({"function"})
    functions = SimilarQuery(run_bytes=len(piece), filter=Filter(kinds=kinds))
    assert {snapshot.view(one.unit).kind for one in similar(snapshot, functions, seen_as)} == {"function"}


def test_a_better_encoder_decides_only_when_it_knows_all_units(build: "Build") -> None:
    snapshot = build(FILES)
    piece = "\n\n".join(FUNCTIONS[:2])
    first = QueryVector("hashing", ENCODER.fingerprint, vector_of(piece))
    better = QueryVector("better", ENCODER.fingerprint, vector_of(FUNCTIONS[2]))
    unknown = QueryVector("unknown", "no such fingerprint", vector_of(piece))
    query = SimilarQuery(run_bytes=len(piece))
    assert {one.model for one in similar(snapshot, query, [first, better])} == {"better"}
    assert similar(snapshot, query, [first, unknown]) == similar(snapshot, query, [first])
