"""BM25 of the index against BM25 written out over strings."""

import math
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from oasis_search.errors import Cancelled
from oasis_search.index import Delta, IndexedFile, Snapshot
from oasis_search.index import snapshot as snapshot_module
from oasis_search.index.fields import Field, term_id
from oasis_search.index.lexical import (
    BODY_BM25,
    FLAT_BM25,
    FieldQuery,
    bm25_scores,
    document_frequencies,
    holds,
    inverse_document_frequency,
    units_with,
)
from oasis_search.index.roots import root, terms
from oasis_search.syntax.words import identifiers

MakeFile = Callable[[str, str], IndexedFile]

WORDS = [
    "parse",
    "http",
    "date",
    "retry",
    "cookie",
    "session",
    "pool",
    "open",
    "close",
    "read",
    "write",
    "socket",
]


COOKIE = term_id(Field.BODY, root("cookie"))


def function(rng: np.random.Generator, number: int) -> str:
    words = rng.choice(WORDS, size=int(rng.integers(3, 30)))
    return f"def f{number}_{words[0]}():\n    return '{' '.join(words)}'\n"


def workspace(seed: int, n_files: int) -> dict[str, str]:
    rng = np.random.default_rng(seed)
    return {
        f"src/m{i}.py": "\n\n".join(function(rng, j) for j in range(int(rng.integers(1, 6))))
        for i in range(n_files)
    }


@pytest.fixture
def edited(make_file: MakeFile, monkeypatch: pytest.MonkeyPatch) -> tuple[Snapshot, dict[str, str]]:
    """A snapshot of many segments with deleted and replaced files, and the texts that live."""
    monkeypatch.setattr(snapshot_module, "SEGMENT_LIMIT", 12)
    texts = workspace(1, 30)
    snapshot = Snapshot()
    for path, text in texts.items():
        snapshot = snapshot.apply(Delta(added=[make_file(path, text)]))
    gone = [f"src/m{i}.py" for i in range(0, 30, 4)]
    snapshot = snapshot.apply(Delta(removed=gone))
    replaced = {f"src/m{i}.py": text for i, text in enumerate(workspace(2, 3).values(), 1)}
    snapshot = snapshot.apply(Delta(added=[make_file(path, text) for path, text in replaced.items()]))
    assert len(snapshot.segments) > 3
    assert snapshot.n_units < snapshot.size
    return snapshot, {path: text for path, text in {**texts, **replaced}.items() if path not in gone}


def naive_bm25(documents: list[Counter[str]], query: dict[str, float], k1: float, b: float) -> list[float]:
    lengths = [sum(document.values()) for document in documents]
    mean = sum(lengths) / len(lengths)
    scores = []
    for document, length in zip(documents, lengths, strict=True):
        score = 0.0
        for term, weight in query.items():
            df = sum(term in other for other in documents)
            tf = document[term]
            if tf:
                idf = math.log(1 + (len(documents) - df + 0.5) / (df + 0.5))
                score += weight * idf * tf / (tf + k1 * (1 - b + b * length / mean))
        scores.append(score)
    return scores


@pytest.mark.parametrize("parameters", [BODY_BM25, FLAT_BM25])
def test_scores_equal_bm25_over_strings(edited: tuple[Snapshot, dict[str, str]], parameters: object) -> None:
    snapshot, texts = edited
    units: list[int] = []
    documents: list[Counter[str]] = []
    for path, text in texts.items():
        for unit in snapshot.units_of(path):
            view = snapshot.view(unit)
            piece = text.encode()[view.span.start_byte : view.span.end_byte].decode()
            units.append(unit)
            documents.append(
                Counter(term for name in identifiers(f"{piece} {view.name}") for term in terms(name))
            )
    query = {root("cookie"): 1.0, root("parse"): 2.0, root("retry"): 0.5, "absent": 1.0}
    assert isinstance(parameters, type(BODY_BM25))
    expected = naive_bm25(documents, query, parameters.k1, parameters.b)
    numbered = {term_id(Field.BODY, term): weight for term, weight in query.items()}
    scores = bm25_scores(snapshot, FieldQuery(numbered, parameters))
    assert max(expected) > 0.5
    assert scores[units] == pytest.approx(expected, rel=1e-4, abs=1e-6)
    dead = np.setdiff1d(np.arange(snapshot.size), units)
    assert len(dead)
    assert not scores[dead].any()


def test_document_frequency_counts_living_units_only(edited: tuple[Snapshot, dict[str, str]]) -> None:
    snapshot, _ = edited
    term = COOKIE
    found = units_with(snapshot, term)
    assert document_frequencies(snapshot, [term, 1]) == [len(found), 0]
    assert len(found) > 0
    assert snapshot.alive[found].all()
    assert np.array_equal(found, np.unique(found))


def test_holds_agrees_with_postings(edited: tuple[Snapshot, dict[str, str]]) -> None:
    snapshot, _ = edited
    living = np.flatnonzero(snapshot.alive)
    for term in (COOKIE, term_id(Field.BODY, "def"), term_id(Field.BODY, "absent")):
        assert np.array_equal(living[holds(snapshot, term, living)], units_with(snapshot, term))
    assert holds(snapshot, COOKIE, np.zeros(0, np.int64)).shape == (0,)


def test_path_terms_belong_to_every_unit_of_the_file(make_file: MakeFile) -> None:
    snapshot = Snapshot().apply(
        Delta(added=[make_file("net/cookieJar.py", "def a():\n    pass\n\n\ndef b():\n    pass\n")])
    )
    words = [term_id(Field.PATH, word) for word in ("net", *terms("cookieJar"))]
    assert document_frequencies(snapshot, words) == [2, 2, 2, 2]


def test_empty_snapshot_has_no_scores() -> None:
    assert bm25_scores(Snapshot(), FieldQuery({term_id(Field.BODY, "x"): 1.0})).shape == (0,)


def test_idf_is_positive_and_falls_with_frequency() -> None:
    values = [inverse_document_frequency(100, df) for df in range(101)]
    assert all(earlier > later > 0 for earlier, later in pairwise(values))


def test_common_terms_are_skipped_unless_there_is_no_other(edited: tuple[Snapshot, dict[str, str]]) -> None:
    snapshot, _ = edited
    everywhere = term_id(Field.BODY, "return")
    rarer, df = document_frequencies(snapshot, [COOKIE, everywhere])
    share = (rarer + df) / 2 / snapshot.n_units
    assert 0 < rarer < df
    alone = bm25_scores(snapshot, FieldQuery({COOKIE: 1.0}))
    both = bm25_scores(snapshot, FieldQuery({COOKIE: 1.0, everywhere: 1.0}, common_share=share))
    assert np.array_equal(alone, both)
    assert bm25_scores(snapshot, FieldQuery({everywhere: 1.0}, common_share=share)).any()


def test_scores_of_fields_are_added(edited: tuple[Snapshot, dict[str, str]]) -> None:
    snapshot, _ = edited
    body = FieldQuery({COOKIE: 1.0, term_id(Field.BODY, "return"): 0.5})
    flat = FieldQuery({COOKIE: 3.0}, FLAT_BM25)
    both = bm25_scores(snapshot, flat, body)
    assert both == pytest.approx(bm25_scores(snapshot, body) + bm25_scores(snapshot, flat))
    assert both.any()


def test_cancelled_search_stops(edited: tuple[Snapshot, dict[str, str]]) -> None:
    with pytest.raises(Cancelled):
        bm25_scores(edited[0], FieldQuery({COOKIE: 1.0}), cancelled=lambda: True)
