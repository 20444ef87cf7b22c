"""Ranking metrics of one query from the ranks of its relevant items.

A rank is 1 for the best item. Working on ranks keeps ties in one place: `relevant_ranks` breaks equal scores
by a hash of the item's id, so that the order of a file can never help.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray


def tie_order(item_ids: Sequence[str]) -> NDArray[np.int64]:
    """Position of each item among all items when ordered by the SHA-256 of its id."""
    order = sorted(range(len(item_ids)), key=lambda i: hashlib.sha256(item_ids[i].encode()).digest())
    positions = np.empty(len(item_ids), dtype=np.int64)
    positions[order] = np.arange(len(item_ids))
    return positions


def relevant_ranks(
    scores: NDArray[np.float32], relevant: Sequence[int], ties: NDArray[np.int64], left_out: int | None = None
) -> list[int]:
    """Ranks of the items `relevant` by `scores` (n,), best score first; item `left_out` is not ranked."""
    ranks = []
    for item in relevant:
        better = (scores > scores[item]) | ((scores == scores[item]) & (ties < ties[item]))
        ranks.append(1 + int(better.sum()) - int(left_out is not None and better[left_out]))
    return ranks


def reciprocal_rank(ranks: Sequence[int], *, depth: int = 1000) -> float:
    """1 / the best rank within `depth`, else 0; its mean is MRR.

    >>> reciprocal_rank([4, 2])
    0.5
    """
    best = min(ranks)
    return 1 / best if best <= depth else 0.0


def average_precision(ranks: Sequence[int]) -> float:
    """Mean precision at the ranks of all relevant items; its mean is MAP.

    >>> average_precision([1, 4])
    0.75
    """
    return sum(found / rank for found, rank in enumerate(sorted(ranks), 1)) / len(ranks)


def ndcg(ranks: Sequence[int], gains: Sequence[float], *, depth: int = 10) -> float:
    """Discounted gain (2**gain - 1) / log2(rank + 1) within `depth`, over the best that is possible.

    >>> ndcg([1, 2], [1, 1])
    1.0
    """
    pairs = zip(ranks, gains, strict=True)
    actual = sum((2**gain - 1) / math.log2(rank + 1) for rank, gain in pairs if rank <= depth)
    best = sorted(gains, reverse=True)[:depth]
    return actual / sum((2**gain - 1) / math.log2(rank + 1) for rank, gain in enumerate(best, 1))


def recall(ranks: Sequence[int], *, depth: int = 10) -> float:
    """Share of the relevant items within `depth`.

    >>> recall([3, 11])
    0.5
    """
    return sum(rank <= depth for rank in ranks) / len(ranks)


def score_query(metric: str, ranks: Sequence[int], gains: Sequence[float]) -> float:
    """The named metric (`suites.METRICS`, or `recall@k`) of one query, from 0 to 1."""
    if metric == "MRR@1000":
        return reciprocal_rank(ranks)
    if metric == "MAP":
        return average_precision(ranks)
    if metric == "nDCG@10":
        return ndcg(ranks, gains)
    if metric.startswith("recall@") and metric[7:].isdecimal():
        return recall(ranks, depth=int(metric[7:]))
    raise ValueError(f"{metric} is not a metric; known are MRR@1000, MAP, nDCG@10 and recall@k")


def bootstrap_interval(
    pools: Mapping[str, Sequence[float]], *, n_resamples: int = 1000, seed: int = 3407
) -> tuple[float, float]:
    """95 % interval of the mean over pools of the mean over queries, queries being redrawn within pools."""
    generator = np.random.default_rng(seed)
    means = np.zeros(n_resamples)
    for values in pools.values():
        drawn = generator.integers(0, len(values), (n_resamples, len(values)))
        means += np.asarray(values)[drawn].mean(axis=1)
    low, high = np.percentile(means / len(pools), [2.5, 97.5])
    return float(low), float(high)
