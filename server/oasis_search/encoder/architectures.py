"""The transformer architectures whose vectors are known to be right, and why another is refused.

A list, not "whatever transformers can load": each entry is tested against sentence-transformers, and for
each it is known whether a token sees the ones after it. That decides how padding is kept out of vectors.
Deliberately reads no weights and imports neither torch nor transformers.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oasis_search.encoder.json_files import positive_integer
from oasis_search.errors import ModelFolderError

CAUSAL = frozenset({"llama", "mistral", "phi3", "qwen2", "qwen3", "starcoder2"})
"""Values of `model_type` where a token sees only itself and what is before it."""

BIDIRECTIONAL = frozenset(
    {
        "albert",
        "bert",
        "camembert",
        "deberta-v2",
        "distilbert",
        "electra",
        "modernbert",
        "mpnet",
        "roberta",
        "xlm-roberta",
    }
)
"""Values of `model_type` where every token sees all of the text."""

_POSITIONS_AFTER_PADDING = frozenset({"camembert", "mpnet", "roberta", "xlm-roberta"})
"""Architectures that number tokens from `pad_token_id + 1`, so that fewer positions are left for text."""


def check_architecture(config: Mapping[str, Any], path: Path) -> str:
    """The `model_type` of a `config.json`; ModelFolderError when such a model cannot be honoured."""
    model_type = config.get("model_type")
    auto_map = config.get("auto_map") or {}
    if "AutoModel" in auto_map or "AutoConfig" in auto_map:
        raise ModelFolderError(
            f'{path} asks for code from the model\'s author ("auto_map"), and such code is never run. '
            "Choose a model that plain transformers can compute, or serve this one at an endpoint."
        )
    if model_type not in CAUSAL | BIDIRECTIONAL:
        raise ModelFolderError(
            f"{path} names the architecture {model_type!r}, which this version cannot honour. It knows "
            f"{', '.join(sorted(CAUSAL | BIDIRECTIONAL))}. Serve the model at an endpoint instead."
        )
    if model_type in CAUSAL and config.get("is_causal") is False:
        raise ModelFolderError(
            f'{path} says "is_causal": false, but {model_type} is computed with causal attention only. '
            "Serve the model at an endpoint instead."
        )
    return str(model_type)


def position_limit(config: dict[str, Any], path: Path) -> int:
    """How many tokens of a text the model has positions for."""
    limit = positive_integer(config, "max_position_embeddings", path)
    if config["model_type"] in _POSITIONS_AFTER_PADDING:
        limit -= int(config.get("pad_token_id") or 1) + 1
    return limit


def hidden_size(config: dict[str, Any], path: Path) -> int:
    """Length of the model's token vectors."""
    return positive_integer(config, "dim" if config["model_type"] == "distilbert" else "hidden_size", path)
