"""The BERT family as an ONNX graph: bert, roberta, xlm-roberta, camembert, electra and distilbert.

Post-norm encoders with learned absolute positions. Sums and norms are separate nodes on purpose: the fused
SkipLayerNormalization of onnxruntime takes a number at a time on a CPU, eight times as long as the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from oasis_search.errors import ModelFolderError
from oasis_train.onnx.graph import CONTRIB, Array, GraphWriter
from oasis_train.onnx.products import GELU, Products

ARCHITECTURES = frozenset({"bert", "camembert", "distilbert", "electra", "roberta", "xlm-roberta"})

_FIRST_POSITION_AFTER_PADDING = frozenset({"camembert", "roberta", "xlm-roberta"})


@dataclass(frozen=True, slots=True)
class _Names:
    """What the tensors of a layer are called."""

    layer: str
    query: str
    key: str
    value: str
    output: str
    output_norm: str
    inner: str
    outer: str
    outer_norm: str


_BERT = _Names(
    "encoder.layer.{}.",
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "attention.output.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
)
_DISTILBERT = _Names(
    "transformer.layer.{}.",
    "attention.q_lin",
    "attention.k_lin",
    "attention.v_lin",
    "attention.out_lin",
    "sa_layer_norm",
    "ffn.lin1",
    "ffn.lin2",
    "output_layer_norm",
)


def write_bert(
    graph: GraphWriter, config: Mapping[str, Any], weights: Mapping[str, Array], products: Products
) -> str:
    """Write the nodes from the inputs `ids` and `mask`, both (B, S) int32, to token vectors (B, S, H).

    Returns the name of the token vectors; raises ModelFolderError for a variant that is not known.
    """
    distil = config["model_type"] == "distilbert"
    names = _DISTILBERT if distil else _BERT
    epsilon = 1e-12 if distil else float(config["layer_norm_eps"])
    activation = str(config["activation" if distil else "hidden_act"])
    _check(config, weights, activation)

    def norm(value: str, name: str) -> str:
        scale, shift = (graph.constant(weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        return graph.op("LayerNormalization", value, scale, shift, epsilon=epsilon)

    value = norm(_embed(graph, config, weights, products), "embeddings.LayerNorm")
    for index in range(int(config["n_layers" if distil else "num_hidden_layers"])):
        prefix = names.layer.format(index)
        joined = products.linear(
            graph, value, [prefix + name for name in (names.query, names.key, names.value)]
        )
        query, key, content = graph.ops("Split", joined, n_outputs=3, axis=-1, num_outputs=3)
        attended = graph.op(
            "MultiHeadAttention",
            *(query, key, content, "", "mask"),
            domain=CONTRIB,
            num_heads=int(config["n_heads" if distil else "num_attention_heads"]),
        )
        attended = products.linear(graph, attended, [prefix + names.output])
        value = norm(graph.op("Add", attended, value), prefix + names.output_norm)
        inner = products.linear(graph, value, [prefix + names.inner])
        inner = products.gelu(graph, inner) if activation in GELU else _activate(graph, inner, activation)
        outer = products.linear(graph, inner, [prefix + names.outer])
        value = norm(graph.op("Add", outer, value), prefix + names.outer_norm)
    return value


def _embed(
    graph: GraphWriter, config: Mapping[str, Any], weights: Mapping[str, Array], products: Products
) -> str:
    """The sum of word, position and type vectors, (B, S, H)."""
    table = weights["embeddings.position_embeddings.weight"]
    if "embeddings.token_type_embeddings.weight" in weights:
        table = table + weights["embeddings.token_type_embeddings.weight"][0]
    words = products.embedding(graph, "ids", weights["embeddings.word_embeddings.weight"])
    positions = graph.constant(table, "positions")
    if config["model_type"] in _FIRST_POSITION_AFTER_PADDING:
        return graph.op(
            "Add", words, graph.op("Gather", positions, _places(graph, int(config["pad_token_id"])))
        )
    zero = graph.integers(0)
    length = graph.op("Shape", "ids", start=1, end=2)
    return graph.op("Add", words, graph.op("Slice", positions, zero, length, zero))


def _places(graph: GraphWriter, pad_id: int) -> str:
    """Numbers of tokens from `pad_id + 1`, (B, S); the padding token has `pad_id` wherever it stands."""
    from onnx import TensorProto

    pad = graph.constant(np.array(pad_id, dtype=np.int32))
    real = graph.op("Cast", graph.op("Not", graph.op("Equal", "ids", pad)), to=TensorProto.INT32)
    count = graph.op("CumSum", real, graph.constant(np.array(1, dtype=np.int64)))
    return graph.op("Add", graph.op("Mul", count, real), pad)


def _activate(graph: GraphWriter, value: str, activation: str) -> str:
    if activation == "relu":
        return graph.op("Relu", value)
    return graph.op("FastGelu", value, domain=CONTRIB)


def _check(config: Mapping[str, Any], weights: Mapping[str, Array], activation: str) -> None:
    kind = config.get("position_embedding_type") or "absolute"
    if kind != "absolute":
        raise ModelFolderError(f"Positions of kind {kind!r} cannot be exported. Serve the model by torch.")
    if activation not in (*GELU, "relu", "gelu_new", "gelu_pytorch_tanh", "gelu_fast"):
        raise ModelFolderError(f"The activation {activation!r} cannot be exported. Serve the model by torch.")
    if "embeddings_project.weight" in weights:
        raise ModelFolderError(
            "Embeddings of another width than the layers cannot be exported. Serve the model by torch."
        )
