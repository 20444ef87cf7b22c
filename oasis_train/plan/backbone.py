"""The shape of a transformer, and what follows from it: parameters and floating-point operations.

Two families: `decoder` (Qwen2, Qwen3, Llama, Mistral: RMS norms, gated inner layer, rotary positions) and
`bert` (BERT, RoBERTa, XLM-RoBERTa: layer norms, biases, learnt positions, pooler). The head that predicts
words is not counted: an encoder has none.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from oasis_train.errors import RecipeError

Family = Literal["decoder", "bert"]

_DECODERS = ("qwen2", "qwen3", "llama", "mistral")
_BERTS = ("bert", "roberta", "xlm-roberta")


@dataclass(frozen=True, slots=True)
class Backbone:
    """Sizes of a transformer without its head."""

    name: str
    family: Family
    layers: int
    hidden: int
    inner: int
    """Width of the inner layer."""
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    positions: int = 0
    """Learnt position vectors; 0 with rotary ones."""
    types: int = 0
    """Token type vectors."""
    qkv_bias: bool = False
    qk_norm: bool = False

    @property
    def matrices(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of the matrices of one layer."""
        h, q, kv = self.hidden, self.heads * self.head_dim, self.kv_heads * self.head_dim
        inner = [(h, self.inner)] * (2 if self.family == "decoder" else 1) + [(self.inner, h)]
        return [(h, q), (h, kv), (h, kv), (q, h), *inner]

    @property
    def layer_parameters(self) -> int:
        """Parameters of one layer."""
        weights = sum(rows * columns for rows, columns in self.matrices)
        if self.family == "bert":
            return weights + sum(columns for _, columns in self.matrices) + 4 * self.hidden
        biases = (self.heads + 2 * self.kv_heads) * self.head_dim if self.qkv_bias else 0
        return weights + biases + 2 * self.hidden + (2 * self.head_dim if self.qk_norm else 0)

    @property
    def parameters(self) -> int:
        """All parameters."""
        h = self.hidden
        embeddings = (self.vocabulary + self.positions + self.types) * h
        rest = 2 * h + h * h + h if self.family == "bert" else h  # embedding norm and pooler; last norm
        return embeddings + self.layers * self.layer_parameters + rest

    def layer_flops(self, n_tokens: int, length: float) -> float:
        """Operations of one layer forward, over texts of `length` tokens.

        2 per weight and token, and 4 q per token and token that it looks at: queries by keys, shares by
        values (q = heads x head size). A causal model is counted in full, as torch's own counter does.
        """
        weights = sum(rows * columns for rows, columns in self.matrices)
        return n_tokens * (2.0 * weights + 4.0 * self.heads * self.head_dim * length)

    def forward_flops(self, n_texts: int, length: float) -> float:
        """Operations of the whole model forward."""
        pooler = 2.0 * n_texts * self.hidden**2 if self.family == "bert" else 0.0
        return self.layers * self.layer_flops(int(n_texts * length), length) + pooler


KNOWN: Mapping[str, Backbone] = {
    "Qwen/Qwen2.5-Coder-1.5B": Backbone(
        "Qwen/Qwen2.5-Coder-1.5B", "decoder", 28, 1536, 8960, 12, 2, 128, 151_936, qkv_bias=True
    ),
    "Qwen/Qwen2.5-Coder-0.5B": Backbone(
        "Qwen/Qwen2.5-Coder-0.5B", "decoder", 24, 896, 4864, 14, 2, 64, 151_936, qkv_bias=True
    ),
    "deepseek-ai/deepseek-coder-1.3b-base": Backbone(
        "deepseek-ai/deepseek-coder-1.3b-base", "decoder", 24, 2048, 5504, 16, 16, 128, 32_256
    ),
    "sentence-transformers/all-MiniLM-L6-v2": Backbone(
        "sentence-transformers/all-MiniLM-L6-v2", "bert", 6, 384, 1536, 12, 12, 32, 30_522, 512, 2
    ),
}
"""Shapes by hub name, so that a plan needs no download."""


def load_backbone(name: str) -> Backbone:
    """The shape of a known name, of a folder with a config.json, or of a config.json; else RecipeError."""
    if name in KNOWN:
        return KNOWN[name]
    path = Path(name)
    path = path / "config.json" if path.is_dir() else path
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecipeError(
            f"The shape of {name} is not known ({error}). Name a folder with a config.json, or one of "
            f"{', '.join(KNOWN)}."
        ) from error
    return parse_backbone(name, facts)


def parse_backbone(name: str, facts: Mapping[str, Any]) -> Backbone:
    """The shape in a transformers `config.json`; raises RecipeError for a kind that cannot be counted."""
    kind = facts.get("model_type", "")
    if kind not in (*_DECODERS, *_BERTS):
        known = ", ".join((*_DECODERS, *_BERTS))
        raise RecipeError(f"{name} is a {kind or 'model of no kind'}; only {known} can be planned.")
    try:
        hidden, heads = int(facts["hidden_size"]), int(facts["num_attention_heads"])
        is_bert = kind in _BERTS
        return Backbone(
            name=name,
            family="bert" if is_bert else "decoder",
            layers=int(facts["num_hidden_layers"]),
            hidden=hidden,
            inner=int(facts["intermediate_size"]),
            heads=heads,
            kv_heads=heads if is_bert else int(facts.get("num_key_value_heads") or heads),
            head_dim=int(facts.get("head_dim") or hidden // heads),
            vocabulary=int(facts["vocab_size"]),
            positions=int(facts["max_position_embeddings"]) if is_bert else 0,
            types=int(facts["type_vocab_size"]) if is_bert else 0,
            qkv_bias=kind == "qwen2" or bool(facts.get("attention_bias")),
            qk_norm=kind == "qwen3",
        )
    except KeyError as error:
        raise RecipeError(f"The configuration of {name} lacks {error}.") from None
