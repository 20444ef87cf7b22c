"""Ranks of right answers, and what they say of a model: mean reciprocal rank, hits, intervals, differences.

Pure numbers. A rank is 1 for the best; functions with the very same score share the mean of their places, so
that the order of a pool can never help. A long function is as near as its nearest part, as in a search.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oasis_search.encoder.protocol import Vectors

N_RESAMPLES = 2000
SEED = 3407
_BLOCK = 128
"""Questions scored at a time; bounds the table of scores."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean in percent with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def answer_ranks(
    query_vectors: Vectors, text_vectors: Vectors, owners: NDArray[np.int64], answers: Sequence[Sequence[int]]
) -> list[float]:
    """The best rank among the right answers of each question.

    `query_vectors` (q, d); `text_vectors` (n, d), text i being a part of function `owners[i]`, ascending and
    without gaps from 0; `answers[j]` are the functions that are right for question j.
    """
    ranks: list[float] = []
    for start in range(0, len(query_vectors), _BLOCK):
        block = query_vectors[start : start + _BLOCK] @ text_vectors.T  # (block, n)
        ranks += [
            best_rank(scores_of_owners(row, owners), answers[start + at]) for at, row in enumerate(block)
        ]
    return ranks


def scores_of_owners(scores: NDArray[np.float32], owners: NDArray[np.int64]) -> NDArray[np.float32]:
    """Of each function the best score of its texts."""
    firsts = np.flatnonzero(np.diff(owners, prepend=-1))
    return np.asarray(np.maximum.reduceat(scores, firsts), np.float32)


def best_rank(scores: NDArray[np.float32], answers: Sequence[int]) -> float:
    """Rank of the best of `answers` by `scores` (n,); the other right answers do not stand in its way.

    >>> best_rank(np.array([0.5, 0.9, 0.5, 0.1], np.float32), [2])
    2.5
    """
    right = np.zeros(len(scores), bool)
    right[list(answers)] = True
    best = scores[right].max()
    wrong = scores[~right]
    return 1 + float((wrong > best).sum()) + float((wrong == best).sum()) / 2


def mean_reciprocal_rank(ranks: Sequence[float]) -> Estimate:
    """Mean of 1 / rank: 100 when every question is answered first, 50 for second places.

    >>> round(mean_reciprocal_rank([1, 2, 4]).value, 1)
    58.3
    """
    return _bootstrap(1 / np.asarray(ranks, np.float64))


def difference(ranks: Sequence[float], base: Sequence[float]) -> Estimate:
    """How many points of mean reciprocal rank `ranks` are above `base`, question by question.

    Paired: what makes a question hard for both does not widen the interval.
    """
    return _bootstrap(1 / np.asarray(ranks, np.float64) - 1 / np.asarray(base, np.float64))


def hits_within(ranks: Sequence[float], depth: int) -> float:
    """Percent of the questions whose answer is among the first `depth`.

    >>> hits_within([1, 1.5, 3, 40], 3)
    75.0
    """
    return 100 * sum(rank <= depth for rank in ranks) / len(ranks)


def _bootstrap(values: NDArray[np.float64]) -> Estimate:
    generator = np.random.default_rng(SEED)
    drawn = generator.integers(0, len(values), (N_RESAMPLES, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), [2.5, 97.5])
    return Estimate(100 * float(values.mean()), 100 * float(low), 100 * float(high))
