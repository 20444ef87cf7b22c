"""The same questions answered by words alone, as a scale for what models add.

BM25 with the index's own terms, weights and constants over the bodies of the pool. The search has more:
fields for names and paths, and signals that no question of this kind can test.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from oasis_search.comparison.ranking import best_rank, scores_of_owners
from oasis_search.index.counting import TermCounter
from oasis_search.index.lexical import BODY_BM25, inverse_document_frequency
from oasis_search.index.prepare import bag_of_unit
from oasis_search.search.analysis import analyse


def lexical_ranks(
    units: Sequence[Sequence[str]],
    owners: Sequence[int],
    queries: Sequence[str],
    answers: Sequence[Sequence[int]],
) -> list[float]:
    """The best rank among the right answers of each query; arguments as in `Assignment`."""
    postings, lengths = _count(units)
    of_text = np.array(owners, np.int64)
    k1, b = BODY_BM25.k1, BODY_BM25.b
    saturation = (k1 * (1 - b + b * lengths / max(1.0, float(lengths.mean())))).astype(np.float32)
    ranks = []
    for query, right in zip(queries, answers, strict=True):
        scores = np.zeros(len(units), np.float32)
        for term, weight in analyse(query).body.items():
            held = postings.get(term)
            if held is None:
                continue
            at, times = np.array(held[0]), np.array(held[1], np.float32)
            idf = inverse_document_frequency(len(units), len(at))
            scores[at] += weight * idf * times / (times + saturation[at])
        ranks.append(best_rank(scores_of_owners(scores, of_text), right))
    return ranks


def _count(
    units: Sequence[Sequence[str]],
) -> tuple[dict[int, tuple[list[int], list[int]]], NDArray[np.float32]]:
    """Term -> units that hold it and how often; and the terms of each unit with repeats."""
    ids_of = TermCounter()
    postings: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    lengths = np.zeros(len(units), np.float32)
    for at, (container, name, code) in enumerate(units):
        terms: Counter[int] = Counter()
        for identifier, times in bag_of_unit(name, container, code.encode()).items():
            for term in ids_of[identifier]:
                terms[term] += times
        lengths[at] = terms.total()
        for term, times in terms.items():
            held = postings[term]
            held[0].append(at)
            held[1].append(times)
    return postings, lengths
