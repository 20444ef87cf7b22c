"""Qwen2, Qwen3, Llama and Mistral as an ONNX graph, without cache and without logits.

Pre-norm decoders with rotary positions, grouped heads and a gated inner layer. Texts are padded on the right,
so the causal mask alone keeps padding out of every real token.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from oasis_search.errors import ModelFolderError
from oasis_train.onnx.graph import CONTRIB, Array, GraphWriter
from oasis_train.onnx.products import Products

ARCHITECTURES = frozenset({"llama", "mistral", "qwen2", "qwen3"})

_MASKED = -1e9
"""Added to the score of a token that may not be seen."""


def write_decoder(
    graph: GraphWriter,
    config: Mapping[str, Any],
    weights: Mapping[str, Array],
    products: Products,
    max_length: int,
) -> str:
    """Write the nodes from the input `ids` (B, S) int32, S at most `max_length`, to token vectors (B, S, H).

    Returns the name of the token vectors; raises ModelFolderError for a variant that is not known.
    """
    _check(config)
    epsilon = float(config["rms_norm_eps"])
    heads = _Heads(graph, config, weights, max_length)
    value = products.embedding(graph, "ids", weights["embed_tokens.weight"])
    for index in range(int(config["num_hidden_layers"])):
        prefix = f"layers.{index}."
        normed = _norm(graph, value, weights[f"{prefix}input_layernorm.weight"], epsilon)
        attended = heads.attend(graph, normed, f"{prefix}self_attn.", products)
        attended = products.linear(graph, attended, [f"{prefix}self_attn.o_proj"])
        value = graph.op("Add", value, attended)
        normed = _norm(graph, value, weights[f"{prefix}post_attention_layernorm.weight"], epsilon)
        joined = products.linear(graph, normed, [f"{prefix}mlp.gate_proj", f"{prefix}mlp.up_proj"])
        gate, up = graph.ops("Split", joined, n_outputs=2, axis=-1, num_outputs=2)
        gated = graph.op("Mul", graph.op("Mul", gate, graph.op("Sigmoid", gate)), up)
        value = graph.op("Add", value, products.linear(graph, gated, [f"{prefix}mlp.down_proj"]))
    return _norm(graph, value, weights["norm.weight"], epsilon)


class _Heads:
    """Causal attention with rotary positions."""

    def __init__(
        self, graph: GraphWriter, config: Mapping[str, Any], weights: Mapping[str, Array], max_length: int
    ) -> None:
        self._weights = weights
        self._epsilon = float(config["rms_norm_eps"])
        self._n_heads = int(config["num_attention_heads"])
        self._n_key_heads = int(config.get("num_key_value_heads") or self._n_heads)
        self._width = int(config.get("head_dim") or config["hidden_size"] // self._n_heads)
        self._length = graph.op("Shape", "ids", start=1, end=2)
        self._cosines, self._sines = self._write_rotation(graph, config, max_length)
        self._mask = self._write_mask(graph)

    def attend(self, graph: GraphWriter, value: str, prefix: str, products: Products) -> str:
        """Token vectors (B, S, H) -> what each head saw, side by side."""
        names = [f"{prefix}{part}_proj" for part in ("q", "k", "v")]
        joined = products.linear(graph, value, names)
        widths = [heads * self._width for heads in (self._n_heads, self._n_key_heads, self._n_key_heads)]
        query, key, content = graph.ops("Split", joined, graph.integers(*widths), n_outputs=3, axis=-1)
        query = self._rotate(graph, self._split(graph, query, self._n_heads, f"{prefix}q_norm"))
        key = self._rotate(graph, self._split(graph, key, self._n_key_heads, f"{prefix}k_norm"))
        content = self._split(graph, content, self._n_key_heads, "")
        key, content = self._repeat(graph, key), self._repeat(graph, content)
        scores = graph.op(
            "FusedMatMul", query, key, domain=CONTRIB, transB=1, alpha=float(self._width) ** -0.5
        )
        shares = graph.op("Softmax", graph.op("Add", scores, self._mask), axis=-1)
        seen = graph.op("Transpose", graph.op("MatMul", shares, content), perm=[0, 2, 1, 3])
        return graph.op("Reshape", seen, graph.integers(0, 0, widths[0]))

    def _split(self, graph: GraphWriter, value: str, n_heads: int, norm: str) -> str:
        """(B, S, heads * width) -> (B, heads, S, width), normed per head where the model has such norms."""
        value = graph.op("Reshape", value, graph.integers(0, 0, n_heads, self._width))
        if f"{norm}.weight" in self._weights:
            value = _norm(graph, value, self._weights[f"{norm}.weight"], self._epsilon)
        return graph.op("Transpose", value, perm=[0, 2, 1, 3])

    def _rotate(self, graph: GraphWriter, value: str) -> str:
        """Turn each pair (i, i + width / 2) by the angle of its position."""
        first, second = graph.ops("Split", value, n_outputs=2, axis=-1, num_outputs=2)
        turned = graph.op("Concat", graph.op("Neg", second), first, axis=-1)
        return graph.op("Add", graph.op("Mul", value, self._cosines), graph.op("Mul", turned, self._sines))

    def _repeat(self, graph: GraphWriter, value: str) -> str:
        """Give every query head its key head: (B, key heads, S, width) -> (B, heads, S, width)."""
        times = self._n_heads // self._n_key_heads
        if times == 1:
            return value
        chosen = np.repeat(np.arange(self._n_key_heads), times)
        return graph.op("Gather", value, graph.constant(chosen, "key_heads"), axis=1)

    def _write_rotation(
        self, graph: GraphWriter, config: Mapping[str, Any], max_length: int
    ) -> tuple[str, str]:
        base = float((config.get("rope_parameters") or config).get("rope_theta") or 10000.0)
        frequency = base ** (-np.arange(0, self._width, 2, dtype=np.float64) / self._width)
        angles = np.arange(max_length)[:, None] * np.concatenate([frequency, frequency])[None]
        tables = {"cosines": np.cos(angles), "sines": np.sin(angles)}
        zero = graph.integers(0)
        cosines, sines = (
            graph.op("Slice", graph.constant(table.astype(np.float32), name), zero, self._length, zero)
            for name, table in tables.items()
        )
        return cosines, sines

    def _write_mask(self, graph: GraphWriter) -> str:
        """(S, S): 0 where a token may look, very negative above the diagonal."""
        from onnx.helper import make_tensor

        square = graph.op("Concat", self._length, self._length, axis=0)
        full = graph.op("ConstantOfShape", square, value=make_tensor("value", 1, [1], [_MASKED]))
        return graph.op("Trilu", full, graph.constant(np.array(1, dtype=np.int64)), upper=1)


def _norm(graph: GraphWriter, value: str, weight: Array, epsilon: float) -> str:
    """Root mean square norm over the last axis."""
    return graph.op(
        "SimplifiedLayerNormalization", value, graph.constant(weight), axis=-1, epsilon=epsilon, stash_type=1
    )


def _check(config: Mapping[str, Any]) -> None:
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = rope.get("rope_type") or rope.get("type") or "default"
    windowed = config.get("sliding_window") and config.get("use_sliding_window", True)
    for found, what in (
        (kind != "default", f"Rotary positions of kind {kind!r}"),
        (config.get("hidden_act") != "silu", f"The activation {config.get('hidden_act')!r}"),
        (windowed, "Attention in a sliding window"),
    ):
        if found:
            raise ModelFolderError(f"{what} cannot be exported. Serve the model by torch.")
