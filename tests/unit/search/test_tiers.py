"""Rankings of several encoders become one without comparing their scores."""

import ast
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oasis_search.encoder import HashingEncoder, load
from oasis_search.index import Snapshot, quantise
from oasis_search.index.tiers import add_vectors, share_covered
from oasis_search.search import Query, search
from oasis_search.search.tiers import QueryVector, refill, refine
from oasis_search.search.weights import WEIGHTS, Weights
from tests.unit.search.conftest import ENCODER

Build = Callable[[Mapping[str, str]], Snapshot]

FIRST = HashingEncoder(64)
"""Tells texts apart by their words alone: the weaker tier."""

MODULES = ("argparse.py", "shutil.py", "tempfile.py", "textwrap.py", "zipfile.py", "inspect.py", "gzip.py")


@st.composite
def rankings(draw: st.DrawFn) -> tuple[list[int], set[int], list[int]]:
    units = draw(st.permutations(range(12)))
    covered = draw(st.sets(st.integers(0, 11)))
    better = draw(st.permutations(sorted(covered)))
    return list(units), covered, list(better)


def merged(ranking: list[int], covered: set[int], better: list[int], limit: int) -> list[int]:
    mask = np.isin(np.arange(12), list(covered))
    found = refine(
        np.array(ranking[:limit], np.int64), mask, np.array(better[:limit], np.int64), limit
    ).tolist()
    return [int(unit) for unit in found]


@given(rankings(), st.integers(1, 14))
def test_refined_rankings_hold_their_places(case: tuple[list[int], set[int], list[int]], limit: int) -> None:
    ranking, covered, better = case
    found = merged(ranking, covered, better, limit)
    assert found == merged(ranking, covered, better, 12)[:limit]
    for before, after in zip(ranking, found, strict=False):
        assert (before in covered) == (after in covered)
        assert before in covered or before == after
    assert [unit for unit in found if unit in covered] == better[: sum(unit in covered for unit in found)]


def test_units_that_only_the_better_encoder_knows_come_last() -> None:
    assert merged([4, 2], {2, 7, 8}, [8, 7, 2], 12) == [4, 8, 7, 2]
    assert merged([], {7}, [7], 12) == [7]
    assert merged([4, 2], set(), [], 12) == [4, 2]


def documented(source: str) -> tuple[str, list[tuple[str, str]]]:
    """The module without its docstrings, and (first sentence, name) of its documented functions."""
    tree = ast.parse(source)
    pairs: list[tuple[str, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and (doc := ast.get_docstring(node)):
            sentence = doc.split("\n\n")[0].split(". ")[0]
            node.body = node.body[1:] or [ast.Pass()]
            if len(sentence.split()) > 4 and not node.name.startswith("__"):
                pairs.append((sentence, node.name))
    return ast.unparse(tree), pairs


@pytest.fixture(scope="module")
def library(build: Build) -> tuple[Snapshot, dict[str, str], list[tuple[str, str]]]:
    texts: dict[str, str] = {}
    questions: list[tuple[str, str]] = []
    for name in MODULES:
        source = (Path(sysconfig.get_path("stdlib")) / name).read_text(encoding="utf-8")
        texts[name], pairs = documented(source)
        questions += pairs
    return build(texts), texts, questions


def test_quality_never_falls_while_coverage_grows(
    library: tuple[Snapshot, dict[str, str], list[tuple[str, str]]],
) -> None:
    """In whatever order units come. What files do to each other in the list is left out: a right unit is
    halved when another one of its file passes it, and all answers lie in seven files here."""
    start, texts, questions = library
    assert len(questions) > 100
    model = load("static")
    views = [start.view(unit) for unit in np.flatnonzero(start.alive).tolist()]
    codes = [
        f"{v.container} {v.name}\n{texts[v.path].encode()[v.span.start_byte : v.span.end_byte].decode()}"
        for v in views
    ]
    keys, vectors = [view.key for view in views], quantise(model.encode(codes))
    asked = [
        QueryVector("model", model.fingerprint, vector)
        for vector in model.encode([question for question, _ in questions], role="query")
    ]

    def quality(snapshot: Snapshot, weights: Weights) -> float:
        total = 0.0
        for (question, name), vector in zip(questions, asked, strict=True):
            hits = search(snapshot, Query(question, 10), FIRST, refined_by=[vector], weights=weights)
            names = [hit.name for hit in hits]
            total += 1 / (names.index(name) + 1) if name in names else 0.0
        return total / len(questions)

    of_units = replace(WEIGHTS, saturation=1.0, coherence=0.0)
    listed = quality(start, WEIGHTS)
    for seed in (3, 4, 5):
        snapshot = start
        reached = [quality(snapshot, of_units)]
        for part in np.array_split(np.random.default_rng(seed).permutation(len(keys)), 5):
            chosen = [keys[row] for row in part.tolist()]
            snapshot = add_vectors(snapshot, model.fingerprint, chosen, vectors.take(part))
            reached.append(quality(snapshot, of_units))
        assert reached == sorted(reached)
    assert share_covered(snapshot, model.fingerprint) == 1.0
    assert reached[-1] > reached[0] + 0.02
    assert quality(snapshot, WEIGHTS) > listed + 0.02


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.booleans()), min_size=1, max_size=12))
def test_refilled_scores_go_to_covered_units_in_the_better_order(case: list[tuple[int, int, bool]]) -> None:
    rows = np.array([row[:2] for row in case], np.float32)
    covered = np.array([row[2] for row in case])
    found = refill(rows[:, 0], rows[:, 1], covered)
    assert np.array_equal(found[~covered], rows[~covered, 0])
    handed_out = sorted(rows[covered, 0].tolist(), reverse=True)
    by_better = sorted(rows[covered, 1].tolist(), reverse=True)
    expected = [handed_out[by_better.index(value)] for value in rows[covered, 1].tolist()]
    assert found[covered].tolist() == expected


def test_hits_say_that_a_better_encoder_placed_them(build: Build) -> None:
    texts = {
        "a.py": "def retry(call):\n    return call()\n",
        "b.py": "def bake(cake):\n    return cake.oven()\n",
    }
    snapshot = build(texts)
    units = np.flatnonzero(snapshot.alive).tolist()
    table = np.eye(8, dtype=np.float32)[: len(units)]
    baker = table[[snapshot.name_of(unit) for unit in units].index("bake")]
    snapshot = add_vectors(snapshot, "m", [snapshot.view(unit).key for unit in units], quantise(table))
    hits = search(snapshot, Query("something sweet"), FIRST, refined_by=[QueryVector("m", "m", baker)])
    places = {hit.name: [r.detail for r in hit.reasons if r.signal == "model"] for hit in hits}
    assert places == {
        "bake": ["place 1 by meaning with the chosen model"],
        "retry": ["place 2 by meaning with the chosen model"],
    }


def test_where_words_tell_little_a_better_encoder_counts_more_as_far_as_it_knows_the_workspace(
    build: Build,
) -> None:
    files = {
        "a.py": "def read_rows(path):\n    return open(path).read()\n",
        "b.py": "def send_mail(to, text):\n    connect(to).post(text)\n",
        "c.py": "def draw_circle(canvas):\n    canvas.arc(0, 0, 1)\n",
    }
    snapshot = build(files)
    (wanted,) = snapshot.units_of("c.py")
    segment, row = snapshot.locate(wanted)
    vector = segment.vectors[ENCODER.fingerprint].dequantised()[row]
    better = [QueryVector("better", ENCODER.fingerprint, vector / np.linalg.norm(vector))]
    unknown = [QueryVector("unknown", "no such fingerprint", vector)]
    plain = replace(
        WEIGHTS,
        unmatched_dense_share=WEIGHTS.dense_share,
        unmatched_model_share=WEIGHTS.model_share,
    )

    def fused(text: str, by: list[QueryVector], weights: Weights) -> dict[str, float]:
        hits = search(snapshot, Query(text, 10), ENCODER, refined_by=by, weights=weights)
        return {hit.path: hit.score for hit in hits}

    unmatched, matched = "post zebra giraffe elephant walrus", "read rows of a path"
    assert fused(matched, better, WEIGHTS) == fused(matched, better, plain)
    assert fused(unmatched, unknown, WEIGHTS) == fused(unmatched, unknown, plain)
    grown, before = fused(unmatched, better, WEIGHTS), fused(unmatched, better, plain)
    assert grown["c.py"] / grown["b.py"] > before["c.py"] / before["b.py"]
