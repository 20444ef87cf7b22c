"""One linear layer in 8 bits: what its inputs look like, and which integers stand for its weights.

    x W  ~=  x_scale * w_scale * (round(x / smoothing / x_scale) + zero_point - zero_point) Q

- **smoothing** (K,): some channels of a transformer's activations are ten times larger than all others, and
  a common scale would leave the rest no bits. Each channel is divided by
  `largest(x)**a / largest(w)**(1 - a)` and the weights are multiplied by it, which changes nothing but the
  rounding (SmoothQuant, Xiao et al. 2023); `a` is chosen per layer by the error left on recorded inputs.
- **channels of giants**: a channel that is silent for most tokens and huge for a few (in MiniLM 25, where the
  next largest reaches 6) owns the scale of the outputs it feeds; it is left out and multiplied in float32.
- **7 bits for weights** (-63..63): without VNNI a processor adds two products of unsigned and signed bytes in
  16 bits and saturates; 255 * 63 * 2 is the largest that cannot.
- **error feedback**: inputs are rounded one by one and the error of each is made good by those that are still
  to come, by the correlations of recorded inputs (GPTQ, Frantar et al. 2023).

Scales of activations are fixed, not found anew per batch: so a text has the same vector whatever shares its
batch. Pure numpy; deliberately knows neither ONNX nor torch.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

WEIGHT_LEVEL = 63
ACTIVATION_LEVELS = 255

EXPONENTS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 1.0)
"""Candidates for `a`; below 0.5 was never best on BERT."""

FEEDBACK_GAIN = 0.4
"""Share of the rounding error of weights that is left after error feedback, as measured on MiniLM."""

GIANT = 3.0
"""A channel whose largest value is this many times that of nearly all others is a giant."""

MAX_FEEDBACK_INPUTS = 4096
"""Above, inverting the correlations would take minutes per layer: weights are rounded plainly."""

DAMPING = 0.01
"""Of the mean variance, added to every variance so that correlations can be inverted."""

BLOCK = 64
"""Inputs whose errors are passed on at once."""

N_JUDGED = 1024
"""Recorded rows on which an exponent is judged."""


@dataclass(frozen=True, slots=True)
class Activation:
    """What was seen at the input of a layer."""

    low: Floats
    """(K,): smallest value of each channel."""
    high: Floats
    """(K,): largest value of each channel."""
    rows: Floats
    """(n, K): a sample of inputs."""


@dataclass(frozen=True, slots=True)
class QuantisedLinear:
    """A linear layer that takes unsigned and signed bytes."""

    smoothing: Floats
    """(K,): what inputs are divided by before they are rounded."""
    scale: float
    """Step of the rounded inputs."""
    zero_point: int
    """The byte that stands for 0."""
    weight: NDArray[np.int8]
    """(K, N)"""
    weight_scale: Floats
    """(N,)"""
    giants: NDArray[np.int64]
    """(g,): channels that the integers leave out, most often none."""
    giant_weight: Floats
    """(g, N): their weights."""


def quantise_linear(weight: Floats, activation: Activation) -> QuantisedLinear:
    """The 8-bit form of `weight` (K, N) with the least error on the recorded inputs."""
    giants = _giants(activation)
    giant_weight = weight[giants]
    weight, activation = _without(giants, weight, activation)
    expected = activation.rows[:N_JUDGED] @ weight
    feedback = len(weight) <= MAX_FEEDBACK_INPUTS
    candidates = [_prepare(weight, activation, exponent) for exponent in EXPONENTS]
    best = min(candidates, key=lambda candidate: candidate.error(activation.rows, expected, feedback))
    if feedback:
        rows = best.round_inputs(activation.rows).astype(np.float64)
        weights = round_with_feedback(best.weight.astype(np.float64), best.weight_scale, rows)
    else:
        weights = np.rint(best.weight / best.weight_scale)
    return QuantisedLinear(
        best.smoothing,
        best.scale,
        best.zero_point,
        weights.astype(np.int8),
        best.weight_scale,
        giants,
        giant_weight,
    )


def round_with_feedback(weight: Doubles, scale: Floats, rows: Doubles) -> Doubles:
    """Integers (K, N) of at most `WEIGHT_LEVEL` such that rows @ (integers * scale) is near rows @ weight.

    Takes inputs in order of falling variance. O(K**3 + K**2 N).
    """
    n_inputs = len(weight)
    correlations = rows.T @ rows
    correlations[np.diag_indices(n_inputs)] += DAMPING * np.trace(correlations) / n_inputs + 1e-12
    order = np.argsort(-np.diag(correlations), kind="stable")
    left = weight[order].copy()
    inverse = np.linalg.inv(correlations[np.ix_(order, order)])
    upper = np.linalg.cholesky((inverse + inverse.T) / 2).T
    integers = np.empty_like(left)
    for start in range(0, n_inputs, BLOCK):
        end = min(n_inputs, start + BLOCK)
        errors = np.empty((end - start, left.shape[1]))
        for index in range(start, end):
            integers[index] = np.clip(np.rint(left[index] / scale), -WEIGHT_LEVEL, WEIGHT_LEVEL)
            errors[index - start] = (left[index] - integers[index] * scale) / upper[index, index]
            left[index + 1 : end] -= np.outer(upper[index, index + 1 : end], errors[index - start])
        left[end:] -= upper[start:end, end:].T @ errors
    result = np.empty_like(integers)
    result[order] = integers
    return result


@dataclass(frozen=True, slots=True)
class _Smoothed:
    """A layer after smoothing, with its scales, its weights not yet rounded."""

    smoothing: Floats
    scale: float
    zero_point: int
    weight: Floats
    weight_scale: Floats

    def round_inputs(self, rows: Floats) -> Floats:
        """The inputs that the integer product will really see, smoothed."""
        rounded = np.rint(rows / self.smoothing / self.scale) + self.zero_point
        result: Floats = (np.clip(rounded, 0, ACTIVATION_LEVELS) - self.zero_point) * np.float32(self.scale)
        return result

    def error(self, rows: Floats, expected: Floats, feedback: bool) -> float:
        """Squared error by rounded inputs plus that by rounded weights, on the first `N_JUDGED` rows."""
        rows = rows[:N_JUDGED]
        by_inputs = np.mean((self.round_inputs(rows) @ self.weight - expected) ** 2)
        rounded = np.rint(self.weight / self.weight_scale) * self.weight_scale
        by_weights = np.mean(((rows / self.smoothing) @ rounded - expected) ** 2)
        return float(by_inputs + by_weights * (FEEDBACK_GAIN if feedback else 1))


def _giants(activation: Activation) -> NDArray[np.int64]:
    largest = np.maximum(activation.high, -activation.low)
    return np.flatnonzero(largest > GIANT * np.percentile(largest, 99, method="lower"))


def _without(giants: NDArray[np.int64], weight: Floats, activation: Activation) -> tuple[Floats, Activation]:
    """The same with these channels silenced."""
    low, high = activation.low.copy(), activation.high.copy()
    weight, rows = weight.copy(), activation.rows.copy()
    low[giants] = high[giants] = 0
    weight[giants] = 0
    rows[:, giants] = 0
    return weight, Activation(low, high, rows)


def _prepare(weight: Floats, activation: Activation, exponent: float) -> _Smoothed:
    largest_input = np.maximum(np.maximum(activation.high, -activation.low), 1e-5)
    largest_weight = np.maximum(np.abs(weight).max(axis=1), 1e-5)
    smoothing = largest_input**exponent / largest_weight ** (1 - exponent)
    smoothing = (smoothing / np.exp(np.log(smoothing).mean())).astype(np.float32)
    low = min(0.0, float((activation.low / smoothing).min()))
    high = max(0.0, float((activation.high / smoothing).max()))
    scale = float(np.float32(max(high - low, 1e-8) / ACTIVATION_LEVELS))
    smoothed = weight * smoothing[:, None]
    largest = np.abs(smoothed).max(axis=0)
    weight_scale = np.where(largest > 0, largest / WEIGHT_LEVEL, 1).astype(np.float32)
    return _Smoothed(smoothing, scale, round(-low / scale), smoothed, weight_scale)
