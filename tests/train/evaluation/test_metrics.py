"""Metrics against plain rankings, and against numbers worked by hand."""

import hashlib
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oasis_train.evaluation.metrics import (
    average_precision,
    bootstrap_interval,
    ndcg,
    recall,
    reciprocal_rank,
    relevant_ranks,
    score_query,
    tie_order,
)

NAMES = ("MRR@1000", "MAP", "nDCG@10", "recall@1", "recall@10")


def _walk(metric: str, ranking: list[str], gains: dict[str, float]) -> float:
    """A second implementation: walks a whole ranking instead of counting ranks."""
    if metric == "MRR@1000":
        return next((1 / place for place, item in enumerate(ranking[:1000], 1) if item in gains), 0.0)
    if metric.startswith("recall@"):
        return len(set(ranking[: int(metric[7:])]) & set(gains)) / len(gains)
    if metric == "MAP":
        precisions = [
            len(set(ranking[:place]) & set(gains)) / place
            for place, item in enumerate(ranking, 1)
            if item in gains
        ]
        return sum(precisions) / len(gains)

    def discounted(values: list[float]) -> float:
        return math.fsum((2.0**value - 1) / math.log2(place) for place, value in enumerate(values[:10], 2))

    actual = discounted([gains.get(item, 0.0) for item in ranking])
    return actual / discounted(sorted(gains.values(), reverse=True))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from([0.0, 0.25, 0.5]), min_size=2, max_size=12), st.data())
def test_ranks_are_places_in_the_sorted_list_with_ties_by_hash(
    scores: list[float], data: st.DataObject
) -> None:
    ids = [f"item-{n}" for n in range(len(scores))]
    relevant = data.draw(st.sets(st.integers(0, len(ids) - 1), min_size=1))
    others = sorted(set(range(len(ids))) - relevant)
    left_out = data.draw(st.none() | st.sampled_from(others)) if others else None
    ranking = sorted(
        (n for n in range(len(ids)) if n != left_out),
        key=lambda n: (-scores[n], hashlib.sha256(ids[n].encode()).digest()),
    )
    expected = [ranking.index(n) + 1 for n in relevant]
    found = relevant_ranks(np.array(scores, dtype=np.float32), list(relevant), tie_order(ids), left_out)
    assert found == expected


@settings(deadline=None)
@given(st.permutations([f"item-{n}" for n in range(25)]), st.data())
def test_every_metric_agrees_with_walking_the_ranking(ranking: list[str], data: st.DataObject) -> None:
    gains = data.draw(
        st.dictionaries(st.sampled_from(ranking), st.sampled_from([1.0, 2.0, 3.0]), min_size=1, max_size=14)
    )
    ranks = [ranking.index(item) + 1 for item in gains]
    for metric in NAMES:
        found = score_query(metric, ranks, list(gains.values()))
        assert found == pytest.approx(_walk(metric, ranking, gains), abs=1e-12)


def test_unknown_metric_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="luck"):
        score_query("luck", [1], [1.0])


def test_recall_counts_items_within_its_depth() -> None:
    assert recall([1, 10, 11]) == pytest.approx(2 / 3)


def test_reciprocal_rank_stops_at_its_depth() -> None:
    assert reciprocal_rank([1001, 1000]) == 1 / 1000
    assert reciprocal_rank([1001]) == 0.0


def test_average_precision_of_three_items() -> None:
    assert average_precision([6, 1, 3]) == pytest.approx((1 / 1 + 2 / 3 + 3 / 6) / 3)


def test_ndcg_grades_gains_and_ignores_what_is_past_its_depth() -> None:
    actual = (2**2 - 1) / math.log2(3)
    best = (2**2 - 1) / math.log2(2) + (2**1 - 1) / math.log2(3)
    assert ndcg([2, 11], [2, 1]) == pytest.approx(actual / best)


def test_interval_weighs_pools_alike_and_brackets_the_mean() -> None:
    low, high = bootstrap_interval({"a": [0.0, 1.0] * 50, "b": [1.0]})
    assert 0.6 < low < 0.75 < high < 0.9
    assert bootstrap_interval({"a": [0.5] * 9}) == (0.5, 0.5)
