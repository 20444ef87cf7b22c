"""BM25 of a pool, as a baseline and for the rule of the hard subset; not the one that the server searches by.

score(q, d) = sum over query words of idf * tf / (tf + k1 (1 - b + b length / mean length)),
idf = log(1 + (N - df + 0.5) / (df + 0.5)), k1 = 1.2, b = 0.75; words are the server's (identifiers split,
stems). A word of a code query counts as often as it occurs, one of a natural-language query once.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from oasis_search.syntax import identifiers, terms
from oasis_train.evaluation.metrics import relevant_ranks, tie_order
from oasis_train.evaluation.suites import Pool

K1, B = 1.2, 0.75


class Bm25:
    """Word statistics of some codes."""

    def __init__(self, codes: Sequence[str]) -> None:
        """O(words) time and memory."""
        counts = [Counter(_words(code)) for code in codes]
        vocabulary = {word: n for n, word in enumerate(dict.fromkeys(w for count in counts for w in count))}
        lengths = np.array([max(1, count.total()) for count in counts], dtype=np.float64)
        floors = K1 * (1 - B + B * lengths / lengths.mean())
        rows = np.repeat(np.arange(len(counts)), [len(count) for count in counts])
        columns = np.array([vocabulary[word] for count in counts for word in count], dtype=np.int64)
        tf = np.array([n for count in counts for n in count.values()], dtype=np.float64)
        df = np.bincount(columns, minlength=len(vocabulary))
        idf = np.log1p((len(counts) - df + 0.5) / (df + 0.5))
        weights = tf / (tf + floors[rows]) * idf[columns]
        self._by_word = csr_matrix((weights, (columns, rows)), (len(vocabulary), len(counts)))
        self._vocabulary = vocabulary

    def scores(self, query: str, *, repeated: bool) -> NDArray[np.float32]:
        """(n,) scores; words that occur again count again when `repeated`."""
        words = Counter(word for word in _words(query) if word in self._vocabulary)
        asked = np.array([self._vocabulary[word] for word in words], dtype=np.int64)
        times = np.array([n if repeated else 1 for n in words.values()], dtype=np.float64)
        total = self._by_word[asked].T @ times if len(asked) else np.zeros(self._by_word.shape[1])
        return np.asarray(total, dtype=np.float32)


def rank_by_bm25(pool: Pool, task: str) -> list[list[int]]:
    """Ranks of each query's relevant items, as `evaluate.rank_pool` gives them of vectors."""
    index, ties = Bm25(pool.codes), tie_order(pool.item_ids)
    position = {item: number for number, item in enumerate(pool.item_ids)}
    ranks = []
    for query, gains, self_id in zip(pool.queries, pool.gains, pool.self_ids, strict=True):
        scores = index.scores(query, repeated=task == "code2code")
        left_out = position[self_id] if self_id is not None else None
        ranks.append(relevant_ranks(scores, [position[item] for item in gains], ties, left_out))
    return ranks


def _words(text: str) -> list[str]:
    return [term for identifier in identifiers(text) for term in terms(identifier)]
