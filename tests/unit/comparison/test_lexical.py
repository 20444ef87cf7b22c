"""Words alone: the same ranks as the index's own BM25 gives."""

from pathlib import Path

import numpy as np

from oasis_search.comparison.lexical import lexical_ranks
from oasis_search.comparison.ranking import best_rank
from oasis_search.index import Delta, IndexedFile, Snapshot
from oasis_search.index.lexical import FieldQuery, bm25_scores
from oasis_search.index.prepare import prepare
from oasis_search.search.analysis import analyse
from oasis_search.syntax import cut_units, language_of


def test_ranks_equal_those_of_the_index(workspace: Path) -> None:
    units: list[list[str]] = []
    files: list[IndexedFile] = []
    language = language_of("a.py")
    for path in sorted((workspace / "json").glob("*.py")):
        source = path.read_bytes()
        record, _, _ = prepare(source, language)
        files.append(IndexedFile(path.name, "python", b"", record, {}))
        for unit in cut_units(source, language)[0]:
            units.append(
                [unit.container, unit.name, source[unit.span.start_byte : unit.span.end_byte].decode()]
            )
    snapshot = Snapshot().apply(Delta(added=files))
    assert snapshot.size == len(units)
    queries = ["decode a document from text", "escape control characters in strings", "JSONDecodeError"]
    for query in queries:
        scores = bm25_scores(snapshot, FieldQuery(analyse(query).body))
        answers = [[number] for number in range(len(units)) if scores[number] > 0]
        expected = [best_rank(np.round(scores, 4), right) for right in answers]
        owners = list(range(len(units)))
        found = lexical_ranks(units, owners, [query] * len(answers), answers)
        assert len(expected) > 3
        assert sorted(found) == sorted(expected)


def test_query_without_a_known_word_ranks_all_alike() -> None:
    units = [["", "f", "def f(): read()"], ["", "g", "def g(): write()"], ["", "h", "def h(): close()"]]
    assert lexical_ranks(units, [0, 1, 2], ["zebra crossing"], [[1]]) == [2]
