"""How a linear layer and an embedding table are written into a graph: in float32, or in 8 bits.

Architectures ask for products by name and do not know the precision; a precision does not know architectures.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from oasis_train.onnx.graph import CONTRIB, Array, GraphWriter
from oasis_train.onnx.quantise import Activation, Floats, quantise_linear

GELU = ("gelu", "gelu_python")
"""Names of the exact function; others in config.json are approximations of it."""


class Products(Protocol):
    """One precision."""

    def linear(self, graph: GraphWriter, value: str, names: Sequence[str]) -> str:
        """Outputs of the named layers, which share an input, side by side."""
        ...

    def embedding(self, graph: GraphWriter, ids: str, table: Floats) -> str:
        """Rows of `table` (tokens, H) in float32."""
        ...

    def gelu(self, graph: GraphWriter, value: str) -> str:
        """The exact GELU, as exactly as the precision asks for."""
        ...


class Float32Products:
    """All numbers as they are."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        """`weights` by name, those of layers as torch stores them: (N, K)."""
        self._weights = weights

    def linear(self, graph: GraphWriter, value: str, names: Sequence[str]) -> str:
        """A matrix product, and the bias if there is one."""
        product = graph.op("MatMul", value, graph.constant(stacked_weight(self._weights, names), names[0]))
        bias = stacked_bias(self._weights, names)
        return product if bias is None else graph.op("Add", product, graph.constant(bias))

    def embedding(self, graph: GraphWriter, ids: str, table: Floats) -> str:
        """Rows of the table itself."""
        return graph.op("Gather", graph.constant(table, "embedding"), ids)

    def gelu(self, graph: GraphWriter, value: str) -> str:
        """By the error function."""
        return graph.op("Gelu", value, domain=CONTRIB)


class Int8Products:
    """Bytes wherever a number is stored or multiplied; sums, norms and attention stay in float32."""

    def __init__(self, weights: Mapping[str, Array], activations: Mapping[str, Activation]) -> None:
        """`activations` by the name of the layer; of layers that share an input the first suffices."""
        self._weights = weights
        self._activations = activations

    def linear(self, graph: GraphWriter, value: str, names: Sequence[str]) -> str:
        """Smooth, round, multiply as integers, scale back."""
        layer = quantise_linear(stacked_weight(self._weights, names), self._activations[names[0]])
        bias = stacked_bias(self._weights, names)
        scale = graph.constant(np.array(layer.scale, dtype=np.float32))
        zero = graph.constant(np.array(layer.zero_point, dtype=np.uint8))
        smooth = graph.op("Mul", value, graph.constant((1 / layer.smoothing).astype(np.float32)))
        product = graph.op(
            "MatMulIntegerToFloat",
            graph.op("QuantizeLinear", smooth, scale, zero),
            graph.constant(layer.weight, names[0]),
            scale,
            graph.constant(layer.weight_scale),
            zero,
            graph.constant(np.zeros(len(layer.weight_scale), dtype=np.int8)),
            *(() if bias is None else (graph.constant(bias),)),
            domain=CONTRIB,
        )
        if not len(layer.giants):
            return product
        giants = graph.op("Gather", value, graph.constant(layer.giants), axis=-1)
        apart = graph.op("MatMul", giants, graph.constant(layer.giant_weight))
        return graph.op("Add", product, apart)

    def embedding(self, graph: GraphWriter, ids: str, table: Floats) -> str:
        """Rows of bytes, each with a scale: a quarter of the memory."""
        from onnx import TensorProto

        largest = np.abs(table).max(axis=1, keepdims=True)
        scales = np.where(largest > 0, largest / 127, 1).astype(np.float32)
        rows = np.rint(table / scales).astype(np.int8)
        chosen = graph.op("Gather", graph.constant(rows, "embedding"), ids)
        chosen_scales = graph.op("Gather", graph.constant(scales, "embedding_scales"), ids)
        return graph.op("Mul", graph.op("Cast", chosen, to=TensorProto.FLOAT), chosen_scales)

    def gelu(self, graph: GraphWriter, value: str) -> str:
        """By tanh: off by less than 0.001, and a third faster."""
        return graph.op("FastGelu", value, domain=CONTRIB)


def stacked_weight(weights: Mapping[str, Array], names: Sequence[str]) -> Floats:
    """(K, N): the named layers' weights side by side."""
    return np.concatenate([weights[f"{name}.weight"] for name in names]).T.astype(np.float32)


def stacked_bias(weights: Mapping[str, Array], names: Sequence[str]) -> Floats | None:
    """(N,), or None when no layer has one."""
    if not any(f"{name}.bias" in weights for name in names):
        return None
    parts = [
        weights.get(f"{name}.bias", np.zeros(len(weights[f"{name}.weight"]), dtype=np.float32))
        for name in names
    ]
    return np.concatenate(parts).astype(np.float32)
