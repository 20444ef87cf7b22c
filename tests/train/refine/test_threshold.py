"""s*: the crossing of two fitted Gaussians, found again by a scan; odd shapes fall back with a reason."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from matplotlib.image import imread
from numpy.typing import NDArray

from oasis_train.errors import DataError
from oasis_train.refine.threshold import (
    Gaussian,
    crossing_between,
    fit_threshold,
    load_fit,
    plot_fit,
    save_fit,
)

RANDOM = np.random.default_rng(7)


def two_groups(n: int, share: float = 0.2, means: tuple[float, float] = (0.25, 0.7)) -> NDArray[np.float64]:
    high = int(n * share)
    values = np.concatenate([RANDOM.normal(means[0], 0.08, n - high), RANDOM.normal(means[1], 0.06, high)])
    clipped: NDArray[np.float64] = np.clip(values, 0, 0.999)
    return clipped


@settings(deadline=None)
@given(
    st.floats(0.02, 0.98),
    st.floats(-0.5, 0.6),
    st.floats(0.01, 0.8),
    st.floats(0.01, 0.3),
    st.floats(0.01, 0.3),
)
def test_the_crossing_is_where_a_scan_finds_it(
    weight: float, mean: float, distance: float, low_deviation: float, high_deviation: float
) -> None:
    low = Gaussian(weight, mean, low_deviation)
    high = Gaussian(1 - weight, mean + distance, high_deviation)
    x = np.linspace(low.mean, high.mean, 20_001)
    difference = np.array([low.log_density(v) - high.log_density(v) for v in (x[0], x[-1])])
    assume((np.abs(difference) > 1e-6).all())
    found = crossing_between(low, high)
    if not (difference[0] > 0 > difference[1]):
        assert found is None
        return
    assert found is not None
    values = sum(
        sign * (np.log(g.weight / g.deviation) - 0.5 * ((x - g.mean) / g.deviation) ** 2)
        for sign, g in ((1, low), (-1, high))
    )
    (at,) = np.flatnonzero((values[:-1] > 0) & (values[1:] <= 0))
    step = x[1] - x[0]
    assert x[at] - step <= found <= x[at + 1] + step


def test_equal_deviations_and_weights_cross_in_the_middle() -> None:
    assert crossing_between(Gaussian(0.5, 0.2, 0.1), Gaussian(0.5, 0.6, 0.1)) == pytest.approx(0.4)


def test_two_groups_are_found_and_told_apart() -> None:
    fit = fit_threshold(two_groups(20_000))
    assert fit.is_bimodal
    assert not fit.reason
    assert [c.mean for c in fit.components] == pytest.approx([0.25, 0.7], abs=0.01)
    assert [c.weight for c in fit.components] == pytest.approx([0.8, 0.2], abs=0.01)
    low, high = fit.components
    assert low.log_density(fit.threshold) == pytest.approx(high.log_density(fit.threshold))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (RANDOM.normal(0.5, 0.1, 5_000), "One Gaussian describes"),
        (np.full(1_000, 0.5), "Most similarities are equal"),
        (RANDOM.random(20), "20 similarities are too few"),
        (
            np.concatenate([RANDOM.normal(0.3, 0.05, 5_000), RANDOM.normal(0.9, 0.01, 40)]),
            "holds 0.8% of the pairs",
        ),
        (RANDOM.beta(1.5, 6, 5_000), "too near"),
    ],
)
def test_without_two_groups_the_quantile_is_taken_and_the_reason_given(
    values: NDArray[np.float64], reason: str
) -> None:
    fit = fit_threshold(values, fallback_quantile=0.8)
    assert not fit.is_bimodal
    assert reason in fit.reason
    assert "80% quantile" in fit.reason
    assert fit.threshold == pytest.approx(np.quantile(values, 0.8))


def test_a_random_part_gives_nearly_the_same_and_always_the_same() -> None:
    values = two_groups(30_000)
    some = fit_threshold(values, max_samples=5_000)
    assert some == fit_threshold(values, max_samples=5_000)
    assert (some.n_similarities, some.n_fitted) == (30_000, 5_000)
    assert some.threshold == pytest.approx(fit_threshold(values).threshold, abs=0.02)


def test_no_similarities_and_no_numbers_are_named() -> None:
    with pytest.raises(DataError, match="There are no similarities"):
        fit_threshold(np.empty(0))
    with pytest.raises(DataError, match="Similarity 1 of 3 is nan"):
        fit_threshold(np.array([0.1, np.nan, 0.2]))


def test_a_fit_is_saved_read_back_and_drawn(tmp_path: Path) -> None:
    values = two_groups(2_000)
    fit = fit_threshold(values)
    save_fit(fit, tmp_path / "gmm.json")
    assert load_fit(tmp_path / "gmm.json") == fit
    for name in ("a.png", "b.png"):
        plot_fit(fit, values, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert imread(tmp_path / "a.png").shape == (400, 700, 4)
