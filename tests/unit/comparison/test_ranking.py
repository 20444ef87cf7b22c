"""Ranks and their means, against hand-worked numbers and a plain loop."""

import numpy as np
import pytest

from oasis_search.comparison import ranking
from oasis_search.comparison.ranking import (
    answer_ranks,
    best_rank,
    difference,
    hits_within,
    mean_reciprocal_rank,
)


def scores(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("values", "answers", "rank"),
    [
        ((0.9, 0.5, 0.1), [0], 1),
        ((0.9, 0.5, 0.1), [2], 3),
        ((0.9, 0.5, 0.1), [1, 2], 2),
        ((0.9, 0.5, 0.1), [0, 1], 1),
        ((0.5, 0.5, 0.5), [1], 2),
        ((0.5, 0.5, 0.5), [0, 1], 1.5),
        ((0.0, 0.0), [0, 1], 1),
        ((-0.5, -0.1), [0], 2),
    ],
)
def test_rank_counts_what_is_better_and_half_of_what_is_equal(
    values: tuple[float, ...], answers: list[int], rank: float
) -> None:
    assert best_rank(scores(*values), answers) == rank


def test_order_of_the_pool_does_not_matter() -> None:
    generator = np.random.default_rng(1)
    values = generator.integers(0, 4, 30).astype(np.float32)
    order = generator.permutation(30)
    places = {int(old): new for new, old in enumerate(order)}
    for answer in range(30):
        assert best_rank(values, [answer]) == best_rank(values[order], [places[answer]])


def test_ranks_equal_those_of_a_plain_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "_BLOCK", 3)
    generator = np.random.default_rng(2)
    queries = generator.normal(size=(8, 5)).astype(np.float32)
    texts = generator.normal(size=(20, 5)).astype(np.float32)
    owners = np.array([0, 0, 0, 1, 2, 2, 3, 4, 5, 5, 5, 5, 6, 7, 8, 8, 9, 10, 10, 11])
    answers = [[int(answer)] for answer in generator.integers(0, 12, 8)]
    expected = []
    for query, (answer,) in zip(queries, answers, strict=True):
        best = [max(float(query @ texts[i]) for i in range(20) if owners[i] == owner) for owner in range(12)]
        expected.append(1 + sum(score > best[answer] for score in best))
    assert answer_ranks(queries, texts, owners, answers) == expected


def test_mean_and_hits_are_what_they_say() -> None:
    ranks = [1, 2, 4, 1.5, 100]
    assert mean_reciprocal_rank(ranks).value == pytest.approx(
        100 * (1 + 1 / 2 + 1 / 4 + 1 / 1.5 + 1 / 100) / 5
    )
    assert [hits_within(ranks, depth) for depth in (1, 2, 10)] == [20, 60, 80]


def test_interval_holds_the_mean_and_narrows_with_more_questions() -> None:
    few = mean_reciprocal_rank([1, 2, 3, 10] * 10)
    many = mean_reciprocal_rank([1, 2, 3, 10] * 1000)
    assert few.low < few.value < few.high
    assert many.high - many.low < (few.high - few.low) / 5
    assert mean_reciprocal_rank([1.0] * 9) == ranking.Estimate(100, 100, 100)


def test_bootstrap_interval_is_that_of_the_central_limit() -> None:
    values = 1 / np.random.default_rng(3).integers(1, 20, 2000)
    found = mean_reciprocal_rank((1 / values).tolist())
    error = 196 * values.std() / np.sqrt(len(values))
    assert found.low == pytest.approx(100 * values.mean() - error, abs=0.15)
    assert found.high == pytest.approx(100 * values.mean() + error, abs=0.15)


def test_difference_is_paired() -> None:
    generator = np.random.default_rng(4)
    base = generator.integers(1, 50, 400).astype(float)
    better = np.maximum(1, base * 0.8)
    gain = difference(better.tolist(), base.tolist())
    alone = mean_reciprocal_rank(base.tolist())
    assert gain.low > 0
    assert gain.high - gain.low < (alone.high - alone.low) / 2
    assert difference(base.tolist(), base.tolist()) == ranking.Estimate(0, 0, 0)
