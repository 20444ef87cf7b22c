"""Comparisons of two models against exact enumeration and against statistics worked otherwise."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oasis_train.errors import SuiteError
from oasis_train.evaluation.evaluate import Measurement, PoolScores, SuiteResult
from oasis_train.evaluation.significance import compare, compare_methods, compare_suites, holm


def _measurement(model: str, suite: str = "tiny", **pools: list[float]) -> Measurement:
    result = SuiteResult(suite, "nl2code", "MRR@1000", 0, 0, 0, {}, 0, 0, 0)
    scores = tuple(
        PoolScores(label, tuple(map(str, range(len(values)))), {"MRR@1000": tuple(values)})
        for label, values in pools.items()
    )
    return Measurement(model, result, scores)


def test_p_is_the_share_of_all_exchanges_that_are_as_far_apart() -> None:
    a = [1.0, 1.0, 0.5, 1.0, 0.2, 1.0, 0.4, 0.7]
    b = [0.5, 1.0, 0.3, 0.1, 0.3, 0.9, 0.1, 0.2]
    differences = np.array(a) - np.array(b)
    means = [abs(np.mean(differences * signs)) for signs in product((-1, 1), repeat=8)]
    exact = np.mean(np.array(means) >= abs(differences.mean()) - 1e-12)
    found = compare(_measurement("a", go=a), _measurement("b", go=b), n_resamples=40_000)
    assert found.p == pytest.approx(exact, abs=0.005)
    assert found.difference == pytest.approx(100 * differences.mean())


def test_interval_of_the_difference_is_that_of_the_central_limit() -> None:
    generator = np.random.default_rng(1)
    b = generator.random(2000)
    a = b + generator.normal(0.03, 0.2, 2000)
    found = compare(_measurement("a", go=list(a)), _measurement("b", go=list(b)), n_resamples=4000)
    half = 196 * (a - b).std() / 2000**0.5
    assert found.low == pytest.approx(found.difference - half, abs=0.05)
    assert found.high == pytest.approx(found.difference + half, abs=0.05)
    assert found.mark == "**"


def test_pools_weigh_alike_in_the_difference() -> None:
    a = _measurement("a", go=[1.0] * 9, ruby=[0.0])
    b = _measurement("b", go=[0.0] * 9, ruby=[0.0])
    assert compare(a, b).difference == 50.0


def test_model_against_itself_is_never_significant() -> None:
    values = list(np.random.default_rng(2).random(50))
    found = compare(_measurement("a", go=values), _measurement("a", go=values))
    assert (found.difference, found.low, found.high, found.p, found.mark) == (0, 0, 0, 1, "")


def test_differences_by_chance_are_called_significant_about_as_often_as_the_level_says() -> None:
    generator = np.random.default_rng(3)
    p_values = [
        compare(
            _measurement("a", go=list(generator.random(40))),
            _measurement("b", go=list(generator.random(40))),
            n_resamples=400,
        ).p
        for _ in range(300)
    ]
    assert 0.02 < np.mean(np.array(p_values) < 0.05) < 0.09


def test_models_that_answered_other_queries_are_refused() -> None:
    a = _measurement("a", go=[1.0, 0.5])
    with pytest.raises(SuiteError, match="different queries"):
        compare(a, _measurement("b", go=[1.0]))
    with pytest.raises(SuiteError, match="different queries"):
        compare(a, replace(a, result=replace(a.result, name="other")))


def test_suites_are_adjusted_together() -> None:
    generator = np.random.default_rng(4)
    a, b = [], []
    for suite in ("one", "two", "three"):
        values = generator.random(60)
        b.append(_measurement("b", suite, go=list(values)))
        a.append(_measurement("a", suite, go=list(values + generator.normal(0.04, 0.15, 60))))
    found = compare_suites(a, b)
    assert [one.suite for one in found] == ["one", "two", "three"]
    assert [one.p_holm for one in found] == holm([one.p for one in found])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_refuses_and_keeps_what_stepping_down_does(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    for level in (0.01, 0.05, 0.2):
        rejected: set[int] = set()
        for place, index in enumerate(np.argsort(p_values, kind="stable")):
            if p_values[index] * (len(p_values) - place) > level:
                break
            rejected.add(int(index))
        assert {i for i, p in enumerate(adjusted) if p <= level} == rejected


def test_methods_of_one_model_each_are_compared_like_two_models() -> None:
    generator = np.random.default_rng(4)
    b = {"go": list(generator.random(300)), "ruby": list(generator.random(50))}
    a = {
        pool: list(np.array(values) + generator.normal(0.02, 0.1, len(values))) for pool, values in b.items()
    }
    found = compare_methods([{"tiny": a}], [{"tiny": b}], n_resamples=20_000)
    first, second = (_measurement("m", go=one["go"], ruby=one["ruby"]) for one in (a, b))
    other = compare(first, second)
    assert found.difference == pytest.approx(other.difference)
    assert (found.low, found.high) == pytest.approx((other.low, other.high), abs=0.05)


def test_seeds_that_disagree_widen_the_interval() -> None:
    """With many queries alone the interval is that of a mean of three seeds drawn with replacement."""
    base = np.full(200, 0.5)
    wavering = [{"tiny": {"go": list(base + shift)}} for shift in (-0.03, 0.01, 0.05)]
    steady = [{"tiny": {"go": list(base)}}] * 3
    found = compare_methods(wavering, steady, n_resamples=20_000)
    assert found.difference == pytest.approx(1.0)
    means = [np.mean(drawn) for drawn in product((-3.0, 1.0, 5.0), repeat=3)]
    ends = np.percentile(means, [2.5, 97.5], method="inverted_cdf")
    assert (found.low, found.high) == pytest.approx(tuple(ends), abs=0.01)


def test_suites_weigh_alike_in_the_difference_of_methods() -> None:
    a = [{"one": {"go": [1.0]}, "two": {"go": [0.0], "php": [0.0]}}]
    b = [{"one": {"go": [0.0]}, "two": {"go": [0.0], "php": [0.0]}}]
    found = compare_methods(a, b)
    assert (found.difference, found.low, found.high) == (50.0, 50.0, 50.0)


def test_methods_that_answered_different_queries_are_not_compared() -> None:
    with pytest.raises(SuiteError, match="different queries"):
        compare_methods([{"one": {"go": [1.0]}}], [{"one": {"go": [1.0, 0.0]}}])
