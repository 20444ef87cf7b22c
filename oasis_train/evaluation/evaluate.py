"""How well an encoder alone ranks: exact search over each pool of a suite, no lexical help, no re-ranking.

`measure` keeps every query's figures, so that two models can be compared; `evaluate` is its summary. Scores
are float32 inner products of whole blocks; equal scores are ordered by the hash of the item, never by place.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from oasis_search.encoder import Encoder, Role, Vectors
from oasis_train.data.progress import Progress
from oasis_train.evaluation.metrics import bootstrap_interval, relevant_ranks, score_query, tie_order
from oasis_train.evaluation.suites import METRICS, Pool, Suite

QUERY_BLOCK = 256
"""Queries scored at a time; bounds the score matrix."""

ALL_METRICS = (*METRICS, "recall@1", "recall@5", "recall@10", "recall@100")
"""What `measure` gives of every query, whatever the suite's own metric is."""


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """Figures of one encoder on one suite, in percent."""

    name: str
    task: str
    metric: str
    value: float
    """Mean over pools of the mean over queries."""
    low: float
    """Lower end of the 95 % bootstrap interval of `value`."""
    high: float
    """Upper end."""
    pools: Mapping[str, float]
    queries: int
    corpus: int
    texts_per_s: float
    """Items encoded per second, queries not counted."""


@dataclass(frozen=True, slots=True)
class PoolScores:
    """Figures of every query of one pool."""

    label: str
    query_ids: tuple[str, ...]
    values: Mapping[str, tuple[float, ...]]
    """Name of `ALL_METRICS` -> per query, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A result with what it was made of."""

    model: str
    result: SuiteResult
    pools: tuple[PoolScores, ...]

    @property
    def figures(self) -> dict[str, float]:
        """Every metric of `ALL_METRICS`, in percent: mean over pools of the mean over queries."""
        means = {name: [float(np.mean(pool.values[name])) for pool in self.pools] for name in ALL_METRICS}
        return {name: 100 * sum(values) / len(values) for name, values in means.items()}

    def of(self, metric: str) -> dict[str, tuple[float, ...]]:
        """One metric of every query, by pool."""
        return {pool.label: pool.values[metric] for pool in self.pools}


def evaluate(encoder: Encoder, suite: Suite) -> SuiteResult:
    """Encode every pool of `suite`, rank exactly and score by the suite's own metric."""
    return measure(encoder, suite).result


def measure(encoder: Encoder, suite: Suite, *, progress: Progress | None = None) -> Measurement:
    """As `evaluate`, with all metrics of every query."""
    pools: list[PoolScores] = []
    elapsed_s = 0.0
    for number, pool in enumerate(suite.pools):
        if progress:
            progress(f"{suite.name} {pool.label}", number, len(suite.pools))
        start = time.perf_counter()
        codes = encoder.encode(pool.codes, role="code")
        elapsed_s += time.perf_counter() - start
        ranks = rank_pool(pool, _encode_queries(encoder, suite.task, pool, codes), codes)
        pools.append(_score(pool, ranks))
    n_items = sum(len(pool.codes) for pool in suite.pools)
    by_pool = {pool.label: pool.values[suite.metric] for pool in pools}
    low, high = bootstrap_interval(by_pool)
    means = {label: 100 * sum(values) / len(values) for label, values in by_pool.items()}
    result = SuiteResult(
        name=suite.name,
        task=suite.task,
        metric=suite.metric,
        value=sum(means.values()) / len(means),
        low=100 * low,
        high=100 * high,
        pools=means,
        queries=sum(len(values) for values in by_pool.values()),
        corpus=n_items,
        texts_per_s=n_items / max(elapsed_s, 1e-9),
    )
    return Measurement(encoder.name, result, tuple(pools))


def rank_pool(pool: Pool, queries: Vectors, codes: Vectors) -> list[list[int]]:
    """Ranks of each query's relevant items, in the order of its gains.

    `queries` (q, dim) and `codes` (n, dim) are of length 1. O(q n dim) time, O(QUERY_BLOCK n) memory.
    """
    ties = tie_order(pool.item_ids)
    position = {item: index for index, item in enumerate(pool.item_ids)}
    ranks = []
    for start in range(0, len(queries), QUERY_BLOCK):
        scores = queries[start : start + QUERY_BLOCK] @ codes.T  # (block, n)
        for row, index in zip(scores.astype(np.float32), range(start, len(queries)), strict=False):
            self_id = pool.self_ids[index]
            left_out = position[self_id] if self_id is not None else None
            ranks.append(relevant_ranks(row, [position[item] for item in pool.gains[index]], ties, left_out))
    return ranks


def score_pool(metric: str, pool: Pool, queries: Vectors, codes: Vectors) -> list[float]:
    """The metric of every query of `pool`; `queries` (q, dim) and `codes` (n, dim) are of length 1."""
    ranks = rank_pool(pool, queries, codes)
    return [
        score_query(metric, one, list(gains.values())) for one, gains in zip(ranks, pool.gains, strict=True)
    ]


def _encode_queries(encoder: Encoder, task: str, pool: Pool, codes: Vectors) -> Vectors:
    """A code query that is an item of the pool is not encoded twice: both sides have the same role."""
    role: Role = "code" if task == "code2code" else "query"
    if role == "query":
        return encoder.encode(pool.queries, role=role)
    known = {code: row for row, code in enumerate(pool.codes)}
    new = list(dict.fromkeys(query for query in pool.queries if query not in known))
    vectors = np.concatenate([codes, encoder.encode(new, role=role)]) if new else codes
    known.update((query, len(codes) + row) for row, query in enumerate(new))
    return np.asarray(vectors[[known[query] for query in pool.queries]])


def _score(pool: Pool, ranks: Sequence[Sequence[int]]) -> PoolScores:
    gains = [list(one.values()) for one in pool.gains]
    return PoolScores(
        pool.label,
        pool.query_ids or tuple(str(number) for number in range(len(pool.queries))),
        {
            name: tuple(score_query(name, one, gain) for one, gain in zip(ranks, gains, strict=True))
            for name in ALL_METRICS
        },
    )
