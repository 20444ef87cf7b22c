"""Rounding of linear layers: what the integers and scales must satisfy, against plain rounding."""

import numpy as np
import pytest

from oasis_train.onnx.quantise import (
    ACTIVATION_LEVELS,
    WEIGHT_LEVEL,
    Activation,
    Floats,
    QuantisedLinear,
    quantise_linear,
    round_with_feedback,
)

K, N = 48, 20


@pytest.fixture
def rows() -> Floats:
    """Inputs as transformers have them: correlated, two channels thirty times larger than the rest."""
    generator = np.random.default_rng(3)
    mixed = generator.standard_normal((1500, K)) @ (np.eye(K) + 0.3 * generator.standard_normal((K, K)))
    mixed[:, [5, 31]] *= 30
    return (mixed + 0.5).astype(np.float32)


@pytest.fixture
def weight() -> Floats:
    return (np.random.default_rng(4).standard_normal((K, N)) * 0.05).astype(np.float32)


def activation_of(rows: Floats) -> Activation:
    low, high = np.minimum(rows.min(axis=0), 0), np.maximum(rows.max(axis=0), 0)
    return Activation(low, high, rows)


def product(layer: QuantisedLinear, rows: Floats) -> Floats:
    """What the integer product of onnxruntime gives, step by step."""
    rounded = np.rint(rows / layer.smoothing / np.float32(layer.scale)) + layer.zero_point
    inputs = np.clip(rounded, 0, ACTIVATION_LEVELS).astype(np.int64) - layer.zero_point
    sums = inputs @ layer.weight.astype(np.int64)
    giants = rows[:, layer.giants] @ layer.giant_weight
    result: Floats = (sums * (layer.scale * layer.weight_scale) + giants).astype(np.float32)
    return result


def relative_error(found: Floats, expected: Floats) -> float:
    return float(((found - expected) ** 2).mean() / (expected**2).mean())


def test_product_of_integers_is_near_the_product(rows: Floats, weight: Floats) -> None:
    layer = quantise_linear(weight, activation_of(rows[:1000]))
    assert relative_error(product(layer, rows[1000:]), rows[1000:] @ weight) < 1e-3


def test_smoothing_saves_the_small_channels_from_the_large_ones(rows: Floats, weight: Floats) -> None:
    layer = quantise_linear(weight, activation_of(rows))
    step = (rows.max() - rows.min()) / ACTIVATION_LEVELS
    plain = np.rint(rows / step) * step @ weight
    assert relative_error(product(layer, rows), rows @ weight) < relative_error(plain, rows @ weight) / 3


def test_giant_of_one_output_leaves_the_other_inputs_of_that_output_alone(weight: Floats) -> None:
    generator = np.random.default_rng(5)
    rows = generator.standard_normal((1500, K)).astype(np.float32)
    rows[:, 7] = 0
    rows[::300, 7] = 60
    weight[7] = 0
    weight[7, 2] = 8
    layer = quantise_linear(weight, activation_of(rows))
    assert layer.giants.tolist() == [7]
    common = np.flatnonzero(rows[:, 7] == 0)
    found, expected = product(layer, rows[common]), rows[common] @ weight
    assert relative_error(found[:, [2]], expected[:, [2]]) < 1e-3


def test_no_pair_of_products_can_saturate_sixteen_bits(rows: Floats, weight: Floats) -> None:
    layer = quantise_linear(weight, activation_of(rows))
    assert np.abs(layer.weight.astype(int)).max() <= WEIGHT_LEVEL
    assert 2 * ACTIVATION_LEVELS * WEIGHT_LEVEL < 2**15


def test_zero_is_exact_and_the_recorded_range_fits(rows: Floats, weight: Floats) -> None:
    layer = quantise_linear(weight, activation_of(rows))
    assert 0 <= layer.zero_point <= ACTIVATION_LEVELS
    assert not product(layer, np.zeros((1, K), dtype=np.float32)).any()
    rounded = np.rint(rows / layer.smoothing / layer.scale) + layer.zero_point
    assert rounded.min() >= -1
    assert rounded.max() <= ACTIVATION_LEVELS + 1


def test_feedback_leaves_less_error_than_plain_rounding(rows: Floats, weight: Floats) -> None:
    scale = (np.abs(weight).max(axis=0) / 7).astype(np.float32)  # few levels, so that rounding matters
    doubles = rows.astype(np.float64)
    integers = round_with_feedback(weight.astype(np.float64), scale, doubles).astype(np.float64)
    assert np.array_equal(integers, np.rint(integers))
    expected = (doubles @ weight).astype(np.float32)
    with_feedback = relative_error((doubles @ (integers * scale)).astype(np.float32), expected)
    plain = relative_error((doubles @ (np.rint(weight / scale) * scale)).astype(np.float32), expected)
    assert with_feedback < plain / 2


def test_feedback_without_correlations_is_plain_rounding(weight: Floats) -> None:
    scale = (np.abs(weight).max(axis=0) / WEIGHT_LEVEL).astype(np.float32)
    integers = round_with_feedback(weight.astype(np.float64), scale, np.eye(K))
    assert np.array_equal(integers, np.rint(weight / scale))


def test_channels_that_are_always_zero_do_no_harm(rows: Floats, weight: Floats) -> None:
    rows[:, :8] = 0
    weight[:, 3] = 0
    layer = quantise_linear(weight, activation_of(rows))
    assert np.isfinite(layer.smoothing).all()
    assert relative_error(product(layer, rows), rows @ weight) < 1e-3
    assert not product(layer, rows)[:, 3].any()
