"""A sentence-transformers folder to a model folder of kind `onnx`, in float32 or in 8 bits.

Weights come from the served torch encoder and the tokenizer from the served loader, so what is exported is
what is served. Deliberately trains nothing, and downloads nothing.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from oasis_search.encoder.folder import MANIFEST_NAME, Manifest, record_files, write_manifest
from oasis_search.encoder.layout import DenseLayer, Layout
from oasis_search.encoder.onnx import GRAPH_NAME, OUTPUT, TOKENIZER_NAME, WEIGHTS_NAME
from oasis_search.encoder.tokenizer import load_tokenizer
from oasis_search.encoder.transformer import TransformerEncoder, load_transformer
from oasis_search.errors import ModelFolderError
from oasis_train.onnx import bert, decoder
from oasis_train.onnx.calibration import calibration_texts, record_activations
from oasis_train.onnx.graph import Array, GraphWriter, save_model
from oasis_train.onnx.products import Float32Products, Int8Products, Products

if TYPE_CHECKING:
    import onnx

Precision = Literal["float32", "int8"]

_LICENCES = {"apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-3-clause": "BSD-3-Clause"}
"""As model cards write them -> as SPDX does."""


def export_onnx(
    source: Path,
    out: Path,
    *,
    precision: Precision = "float32",
    name: str = "",
    calibrate: Path | None = None,
) -> Manifest:
    """Write the model of the sentence-transformers folder `source` to `out` and return its manifest.

    For int8, activations are measured on code under `calibrate` (the Python standard library by default).
    Raises ModelFolderError, with the reason, for a model that cannot be exported.
    """
    encoder = load_transformer(source, device="cpu")
    layout = encoder.layout
    config = encoder.module.config.to_dict()
    if layout.architecture not in bert.ARCHITECTURES | decoder.ARCHITECTURES:
        known = ", ".join(sorted(bert.ARCHITECTURES | decoder.ARCHITECTURES))
        raise ModelFolderError(
            f"{source} holds a model of architecture {layout.architecture!r}, which cannot be exported; "
            f"{known} can. Serve it by torch instead: it loads as it is."
        )
    weights = {key: tensor.float().numpy() for key, tensor in encoder.module.state_dict().items()}
    texts = calibration_texts(calibrate) if precision == "int8" else []
    products: Products = (
        Int8Products(weights, record_activations(encoder, texts))
        if precision == "int8"
        else Float32Products(weights)
    )
    model = build_model(layout, config, weights, products)
    out.mkdir(parents=True, exist_ok=True)
    (out / MANIFEST_NAME).unlink(missing_ok=True)  # until the rest is there, `out` is no model folder
    save_model(model, out / GRAPH_NAME, WEIGHTS_NAME)
    vocab_size = int(config["vocab_size"])
    load_tokenizer(layout, vocab_size).save(str(out / TOKENIZER_NAME))
    manifest = Manifest(
        kind="onnx",
        name=name or encoder.name,
        dim=layout.dim,
        files=record_files(out, [GRAPH_NAME, WEIGHTS_NAME, TOKENIZER_NAME]),
        prompts=layout.prompts,
        options={
            "precision": precision,
            "pooling": layout.pooling,
            "include_prompt": layout.include_prompt,
            "max_length": layout.max_length,
            "vocab_size": vocab_size,
            "pad_id": int(config.get("pad_token_id") or 0),
        },
        licence=_licence(source),
        training=_provenance(encoder, texts),
    )
    write_manifest(out, manifest)
    return manifest


def build_model(
    layout: Layout, config: dict[str, Any], weights: dict[str, Array], products: Products
) -> "onnx.ModelProto":
    """The graph from ids (B, S), mask (B, S) and pooling weights (B, S) to vectors (B, dim) of length 1."""
    from onnx import TensorProto
    from onnx.helper import make_tensor_value_info

    graph = GraphWriter()
    takes_mask = layout.architecture in bert.ARCHITECTURES
    if takes_mask:
        tokens = bert.write_bert(graph, config, weights, products)
    else:
        tokens = decoder.write_decoder(graph, config, weights, products, layout.max_length)
    row = graph.op("Unsqueeze", "pool", graph.integers(1))
    vector = graph.op("Squeeze", graph.op("MatMul", row, tokens), graph.integers(1))
    for layer in layout.dense:
        vector = _write_dense(graph, layer, vector)
    if layout.truncate_dim is not None:
        bounds = (graph.integers(0), graph.integers(layout.truncate_dim), graph.integers(1))
        vector = graph.op("Slice", vector, *bounds)
    graph.rename(graph.op("LpNormalization", vector, p=2, axis=-1), OUTPUT)
    shape = ["texts", "tokens"]
    inputs = [make_tensor_value_info("ids", TensorProto.INT32, shape)]
    if takes_mask:
        inputs.append(make_tensor_value_info("mask", TensorProto.INT32, shape))
    inputs.append(make_tensor_value_info("pool", TensorProto.FLOAT, shape))
    output = make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["texts", layout.dim])
    return graph.model(inputs, [output])


def _write_dense(graph: GraphWriter, layer: DenseLayer, vector: str) -> str:
    """A Dense module, always in float32: it runs once per text."""
    from safetensors.numpy import load_file

    from oasis_search.encoder.weights import WEIGHTS_NAME as DENSE_NAME

    tensors = load_file(layer.folder / DENSE_NAME)
    value = graph.op("MatMul", vector, graph.constant(tensors["linear.weight"].T))
    if layer.bias:
        value = graph.op("Add", value, graph.constant(tensors["linear.bias"]))
    match layer.activation:
        case "Identity":
            return value
        case "SiLU":
            return graph.op("Mul", value, graph.op("Sigmoid", value))
        case "GELU":
            return graph.op("Gelu", value)
        case "ReLU":
            return graph.op("Relu", value)
        case other:  # Sigmoid and Tanh have the same names here and there
            return graph.op(other, value)


def _provenance(encoder: TransformerEncoder, texts: Sequence[str]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "exported_from": encoder.name,
        "source_fingerprint": encoder.fingerprint,
        "versions": {package: version(package) for package in ("onnx", "torch", "transformers", "numpy")},
    }
    if texts:
        digest = hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest()
        facts["calibration"] = {"texts": len(texts), "sha256": digest}
    return facts


def _licence(source: Path) -> str:
    """What the head of the model card says, "" if it says nothing."""
    card = source / "README.md"
    head = card.read_text(encoding="utf-8", errors="replace")[:20_000] if card.is_file() else ""
    match = re.match(r"---\n.*?^license:\s*(\S+)\s*$.*?^---$", head, re.DOTALL | re.MULTILINE)
    return _LICENCES.get(match[1], match[1]) if match else ""
