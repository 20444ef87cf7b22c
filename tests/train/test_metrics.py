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
    reciprocal_rank,
    relevant_ranks,
    tie_order,
)


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
