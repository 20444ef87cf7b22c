"""The tokenizer of a transformers folder, from `tokenizer.json` by the tokenizers library alone.

Deliberately not transformers' AutoTokenizer: its version 5 rebuilds the byte-level tokenizers that call
themselves LlamaTokenizer, as OASIS-1.3B's does, and in some releases loses every space on the way. The file
is what the author ran; the few fields of `tokenizer_config.json` that change tokens are applied to it here.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from oasis_search.encoder.json_files import read_object
from oasis_search.encoder.layout import Layout
from oasis_search.errors import ModelFolderError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER_NAME = "tokenizer.json"
CONFIG_NAME = "tokenizer_config.json"

_ADDS_BOS = frozenset({"CodeLlamaTokenizer", "GemmaTokenizer", "LlamaTokenizer"})
"""Classes that put BOS first and EOS last as tokenizer_config.json says, whatever tokenizer.json does."""


def load_tokenizer(layout: Layout, vocab_size: int) -> "Tokenizer":
    """The tokenizer of the folder, cutting texts at `layout.max_length` and padding none.

    Raises ModelFolderError when it is missing or damaged, or has a token for which an embedding table of
    `vocab_size` rows has no row.
    """
    from tokenizers import Tokenizer

    path = layout.transformer / TOKENIZER_NAME
    if not path.is_file():
        raise ModelFolderError(
            f"{path} is missing. Write it once with transformers: AutoTokenizer.from_pretrained(folder)"
            ".save_pretrained(folder)."
        )
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ModelFolderError(
            f"{path} cannot be read ({error}). Copy or download the model folder again."
        ) from error
    token, largest = max(tokenizer.get_vocab().items(), key=lambda item: item[1], default=("", -1))
    if not 0 <= largest < vocab_size:
        raise ModelFolderError(
            f"{path} does not fit the model: its token {token!r} has the number {largest}, but the embedding "
            f"table has {vocab_size} rows. These files belong to different models: copy or download the "
            "folder again."
        )
    config = read_object(layout.transformer / CONFIG_NAME, optional=True)
    _apply_special_tokens(tokenizer, config, path)
    _apply_casing(tokenizer, config, lower_case=layout.lower_case)
    tokenizer.no_padding()
    side = "left" if config.get("truncation_side") == "left" else "right"
    tokenizer.enable_truncation(layout.max_length, direction=side)
    return tokenizer


def _apply_special_tokens(tokenizer: "Tokenizer", config: dict[str, Any], path: Path) -> None:
    from tokenizers.processors import TemplateProcessing

    if str(config.get("tokenizer_class")).removesuffix("Fast") not in _ADDS_BOS:
        return
    before = _token(config, "bos_token") if config.get("add_bos_token", True) else None
    after = _token(config, "eos_token") if config.get("add_eos_token", False) else None
    added = [(token, tokenizer.token_to_id(token)) for token in (before, after) if token is not None]
    unknown = [token for token, number in added if number is None]
    if unknown:
        raise ModelFolderError(
            f"{path} has no token {unknown[0]!r}, which {CONFIG_NAME} wants added to every text. "
            "Copy or download the model folder again."
        )
    template = [token for token in (before, "$A", after) if token is not None]
    tokenizer.post_processor = TemplateProcessing(single=template, special_tokens=added)


def _token(config: dict[str, Any], key: str) -> str | None:
    """A special token, stored as a text or as an object that holds it."""
    stored = config.get(key)
    content = stored.get("content") if isinstance(stored, dict) else stored
    return content if isinstance(content, str) else None


def _apply_casing(tokenizer: "Tokenizer", config: dict[str, Any], *, lower_case: bool) -> None:
    from tokenizers.normalizers import BertNormalizer, Lowercase, Sequence

    normalizer = tokenizer.normalizer
    if isinstance(normalizer, BertNormalizer):
        for key, name in (
            ("do_lower_case", "lowercase"),
            ("strip_accents", "strip_accents"),
            ("tokenize_chinese_chars", "handle_chinese_chars"),
        ):
            if key in config:
                setattr(normalizer, name, config[key])
        tokenizer.normalizer = normalizer
    if lower_case:
        tokenizer.normalizer = Sequence([Lowercase(), normalizer] if normalizer else [Lowercase()])
