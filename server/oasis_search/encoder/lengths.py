"""How much of a text a sentence-transformers folder lets in, from `sentence_bert_config.json`.

That file also holds arguments for loading the transformer; those that would change vectors are refused.
Reads JSON only.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oasis_search.encoder.json_files import positive_integer, read_object
from oasis_search.errors import ModelFolderError

MAX_LENGTH = 8192
"""Tokens beyond this are cut whatever a model allows: OASIS is evaluated at 8192, and no unit is longer."""

CONFIG_NAMES = tuple(
    f"sentence_{kind}_config.json"
    for kind in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta")
)
"""Names under which versions of sentence-transformers wrote the settings; the first found counts."""

_HARMLESS_ARGUMENTS = frozenset(
    {"attn_implementation", "dtype", "model_max_length", "padding_side", "torch_dtype", "trust_remote_code"}
)
"""Stored arguments that change no vector here (texts are padded our way), or that are never granted."""

_ARGUMENT_KEYS = (
    "config_args",
    "config_kwargs",
    "model_args",
    "model_kwargs",
    "processing_kwargs",
    "processor_kwargs",
    "tokenizer_args",
)

_EXPECTED = {
    "transformer_task": "feature-extraction",
    "module_output_name": "token_embeddings",
    "query_length": None,
    "document_length": None,
    "query_expansion": None,
}
"""Settings that only models of another kind (multi-vector, generating) change."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """What happens to a text before the model sees it."""

    max_length: int
    """Tokens of a text with its prompt and special tokens; what is beyond is cut."""
    lower_case: bool
    """Whether texts are lower-cased whatever the tokenizer does."""


def read_lengths(transformer: Path, position_limit: int) -> Lengths:
    """The settings of a Transformer module whose model has `position_limit` positions for tokens."""
    path = next(
        (transformer / name for name in CONFIG_NAMES if (transformer / name).is_file()),
        transformer / CONFIG_NAMES[0],
    )
    settings = read_object(path, optional=True)
    _check(settings, path)
    limits = [MAX_LENGTH, position_limit]
    if settings.get("max_seq_length") is not None:
        limits.append(positive_integer(settings, "max_seq_length", path))
    else:
        tokenizer_path = transformer / "tokenizer_config.json"
        stored = read_object(tokenizer_path, optional=True).get("model_max_length")
        if isinstance(stored, int | float):  # "no limit" is stored as a huge float
            limits.append(int(min(stored, MAX_LENGTH)))
    return Lengths(min(limits), settings.get("do_lower_case") is True)


def _check(settings: dict[str, Any], path: Path) -> None:
    unusual = [key for key, usual in _EXPECTED.items() if settings.get(key, usual) != usual]
    for key in _ARGUMENT_KEYS:
        unusual += [f"{key}.{name}" for name in set(settings.get(key) or {}) - _HARMLESS_ARGUMENTS]
    modalities = set(settings.get("modality_config") or {"text"})
    unusual += [f"modality_config.{name}" for name in modalities - {"text", "message"}]
    if unusual:
        raise ModelFolderError(
            f"{path} sets {', '.join(sorted(unusual))}, which cannot be honoured. Choose another model, or "
            "serve this one at an endpoint."
        )
