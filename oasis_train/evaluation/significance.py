"""Whether one model is better than another on a suite, by the same queries answered by both.

The figure of a suite is the mean over pools of the mean over queries. The interval of a difference comes from
a paired bootstrap (queries redrawn within pools, the same for both models); its p value from a paired
randomisation test: if the models were alike, each query's two values could be exchanged. p counts the
observed arrangement itself, (c + 1) / (n + 1), and is therefore never 0 (Smucker, Allan, Carterette 2007).

`compare_methods` asks the same of two ways of training, each of which made a model for every seed, on the
mean of all suites.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from oasis_train.errors import SuiteError
from oasis_train.evaluation.evaluate import Measurement

BLOCK = 2_000_000
"""Signs drawn at a time; bounds the memory of a test of any number of queries."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Model `a` against model `b` on one suite, in percentage points."""

    suite: str
    metric: str
    a: str
    b: str
    difference: float
    """Value of `a` less value of `b`."""
    low: float
    """Lower end of the 95 % interval of `difference`."""
    high: float
    p: float
    """Two-sided, of the randomisation test."""
    p_holm: float
    """`p` adjusted for the number of suites compared together; `p` itself for one."""
    queries: int

    @property
    def mark(self) -> str:
        """`**` below 0.01, `*` below 0.05 after adjustment, else nothing."""
        return "**" if self.p_holm < 0.01 else "*" if self.p_holm < 0.05 else ""


def compare(
    a: Measurement,
    b: Measurement,
    *,
    metric: str | None = None,
    n_resamples: int = 10_000,
    seed: int = 3407,
) -> Comparison:
    """`a` against `b` on the suite both were measured on, by its own metric unless another is named.

    Raises SuiteError when they were not measured on the same queries.
    """
    metric = metric or a.result.metric
    differences = _differences(a, b, metric)
    generator = np.random.default_rng(seed)
    redrawn = sum(_resampled_means(values, n_resamples, generator) for values in differences)
    low, high = map(float, np.percentile(redrawn / len(differences), [2.5, 97.5]))
    observed = float(np.mean([values.mean() for values in differences]))
    flipped = sum(_flipped_means(values, n_resamples, generator) for values in differences)
    as_far = int((np.abs(flipped / len(differences)) >= abs(observed) - 1e-12).sum())
    p = (as_far + 1) / (n_resamples + 1)
    n_queries = sum(len(values) for values in differences)
    return Comparison(
        a.result.name, metric, a.model, b.model, 100 * observed, 100 * low, 100 * high, p, p, n_queries
    )


def compare_suites(a: Sequence[Measurement], b: Sequence[Measurement]) -> list[Comparison]:
    """Suite by suite, p values adjusted over all of them by Holm's method."""
    found = [compare(one, other) for one, other in zip(a, b, strict=True)]
    adjusted = holm([comparison.p for comparison in found])
    return [replace(one, p_holm=p) for one, p in zip(found, adjusted, strict=True)]


Scores = Mapping[str, Mapping[str, Sequence[float]]]
"""Suite -> pool -> a figure of every query, from 0 to 1; of one model."""


@dataclass(frozen=True, slots=True)
class MethodDifference:
    """One way of training against another on the mean of suites, in percentage points."""

    difference: float
    """Mean over seeds of the first, less that of the second."""
    low: float
    """Lower end of the 95 % interval of `difference`."""
    high: float


def compare_methods(
    a: Sequence[Scores], b: Sequence[Scores], *, n_resamples: int = 2_000, seed: int = 3407
) -> MethodDifference:
    """Models `a` of one method (one for each seed) against models `b` of another, on the mean of all suites.

    The interval is of a bootstrap at two levels: queries are redrawn within pools, the same for all models,
    and models within their method, the same for all suites. With one model each it says nothing about seeds.
    O(models x n_resamples x queries) time. Raises SuiteError when the models answered different queries.
    """
    shape = _shape(a[0])
    if any(_shape(scores) != shape for scores in (*a, *b)):
        raise SuiteError("The models compared answered different queries. Measure all on the same suites.")
    generator = np.random.default_rng(seed)
    redrawn = np.zeros((len(a) + len(b), n_resamples))
    observed = np.zeros(len(a) + len(b))
    for suite, pools in shape.items():
        for pool, n_queries in pools.items():
            values = np.array([scores[suite][pool] for scores in (*a, *b)])  # (models, queries)
            share = 1 / (len(shape) * len(pools))
            observed += share * values.mean(axis=1)
            redrawn += share * _redrawn_means(values, n_queries, n_resamples, generator)
    first, second = (
        np.take_along_axis(part, generator.integers(0, len(part), part.shape), axis=0).mean(axis=0)
        for part in (redrawn[: len(a)], redrawn[len(a) :])
    )
    low, high = np.percentile(first - second, [2.5, 97.5])
    difference = observed[: len(a)].mean() - observed[len(a) :].mean()
    return MethodDifference(100 * float(difference), 100 * float(low), 100 * float(high))


def _shape(scores: Scores) -> dict[str, dict[str, int]]:
    return {suite: {pool: len(values) for pool, values in pools.items()} for suite, pools in scores.items()}


def _redrawn_means(
    values: NDArray[np.float64], n_queries: int, n: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """(models, n) means of `values` (models, queries) over queries drawn with replacement."""
    step = max(1, BLOCK // n_queries)
    blocks = []
    for start in range(0, n, step):
        counts = generator.multinomial(n_queries, np.full(n_queries, 1 / n_queries), min(step, n - start))
        blocks.append(values @ counts.T / n_queries)
    return np.concatenate(blocks, axis=1)


def holm(p_values: Sequence[float]) -> list[float]:
    """P values adjusted so that the chance of any false find stays at its level (Holm 1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted = [0.0] * len(p_values)
    floor = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        floor = max(floor, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = floor
    return adjusted


def _differences(a: Measurement, b: Measurement, metric: str) -> list[NDArray[np.float64]]:
    asked: list[Mapping[str, tuple[str, ...]]] = [
        {pool.label: pool.query_ids for pool in one.pools} for one in (a, b)
    ]
    if a.result.name != b.result.name or asked[0] != asked[1]:
        raise SuiteError(
            f"{a.model} on {a.result.name} and {b.model} on {b.result.name} answered different queries. "
            "Measure both on the same suite."
        )
    other = b.of(metric)
    return [np.array(values) - np.array(other[label]) for label, values in a.of(metric).items()]


def _resampled_means(
    values: NDArray[np.float64], n: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    step = max(1, BLOCK // len(values))
    means = [
        values[generator.integers(0, len(values), (min(step, n - start), len(values)))].mean(axis=1)
        for start in range(0, n, step)
    ]
    return np.concatenate(means)


def _flipped_means(
    values: NDArray[np.float64], n: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Means with random signs; queries on which both models agree change nothing and are not drawn."""
    apart = values[values != 0]
    step = max(1, BLOCK // max(1, len(apart)))
    sums = [
        (2.0 * generator.integers(0, 2, (min(step, n - start), len(apart)), dtype=np.int8) - 1.0) @ apart
        for start in range(0, n, step)
    ]
    return np.concatenate(sums) / len(values)
