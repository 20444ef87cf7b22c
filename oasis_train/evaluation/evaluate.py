"""How well an encoder alone ranks: exact search over each pool of a suite, no lexical help, no re-ranking."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from oasis_search.encoder import Encoder, Role, Vectors
from oasis_train.evaluation.metrics import bootstrap_interval, relevant_ranks, score_query, tie_order
from oasis_train.evaluation.suites import Pool, Suite

QUERY_BLOCK = 256
"""Queries scored at a time; bounds the score matrix."""


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


def evaluate(encoder: Encoder, suite: Suite) -> SuiteResult:
    """Encode every pool of `suite`, rank exactly and score by the suite's own metric."""
    by_pool: dict[str, list[float]] = {}
    elapsed_s = 0.0
    query_role: Role = "code" if suite.task == "code2code" else "query"
    for pool in suite.pools:
        start = time.perf_counter()
        codes = encoder.encode(pool.codes, role="code")
        elapsed_s += time.perf_counter() - start
        queries = encoder.encode(pool.queries, role=query_role)
        by_pool[pool.label] = score_pool(suite.metric, pool, queries, codes)
    n_items = sum(len(pool.codes) for pool in suite.pools)
    low, high = bootstrap_interval(by_pool)
    means = {label: 100 * sum(values) / len(values) for label, values in by_pool.items()}
    return SuiteResult(
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


def score_pool(metric: str, pool: Pool, queries: Vectors, codes: Vectors) -> list[float]:
    """The metric of every query of `pool`; `queries` (q, dim) and `codes` (n, dim) are of length 1."""
    ties = tie_order(pool.item_ids)
    position = {item: index for index, item in enumerate(pool.item_ids)}
    values = []
    for start in range(0, len(queries), QUERY_BLOCK):
        scores = queries[start : start + QUERY_BLOCK] @ codes.T  # (block, n)
        for row, index in zip(scores.astype(np.float32), range(start, len(queries)), strict=False):
            gains = {position[item]: gain for item, gain in pool.gains[index].items()}
            self_id = pool.self_ids[index]
            left_out = position[self_id] if self_id is not None else None
            ranks = relevant_ranks(row, list(gains), ties, left_out)
            values.append(score_query(metric, ranks, list(gains.values())))
    return values
