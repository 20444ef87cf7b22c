"""Model folders with random weights, laid out as the published ones: for tests and benchmarks.

Tiny by default, with real tokenizers: byte-level BPE named as Qwen2's and DeepSeek's (a Llama) are, and
WordPiece, all trained on modules of the standard library. The weights are large enough for every token
and every position to show in a vector.
"""

import inspect
import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

QUERY_PROMPT = (
    "Instruct: Given a code search query, retrieve relevant code snippet that answer the query\nQuery: "
)
"""Of OASIS, byte for byte."""

CAUSAL: Mapping[str, dict[str, Any]] = {
    "qwen2": {},
    "qwen3": {"head_dim": 8},
    "llama": {},
    "mistral": {"sliding_window": 16},
    "phi3": {},
    "starcoder2": {"sliding_window": 16},
}
"""`model_type` -> what its configuration needs besides the sizes."""

BIDIRECTIONAL: Mapping[str, dict[str, Any]] = {
    "albert": {"embedding_size": 16},
    "bert": {},
    "camembert": {"pad_token_id": 1},
    "deberta-v2": {
        "relative_attention": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_biased_input": False,
        "max_relative_positions": 64,
    },
    "distilbert": {},
    "electra": {"embedding_size": 16},
    "modernbert": {"local_attention": 16},
    "mpnet": {"pad_token_id": 1},
    "roberta": {"pad_token_id": 1},
    "xlm-roberta": {"pad_token_id": 1},
}

_BYTE_LEVEL_TOKENS = {
    "qwen": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
    "deepseek": ["<\uff5cbegin\u2581of\u2581sentence\uff5c>", "<\uff5cend\u2581of\u2581sentence\uff5c>"],
}
_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
"""How the tokenizer of Qwen2 splits text before BPE."""


def write_checkpoint(
    folder: Path,
    architecture: str = "qwen2",
    *,
    pooling: str | Mapping[str, Any] = "lasttoken",
    normalise: bool = False,
    dense: Sequence[tuple[int, str, bool]] = (),
    prompts: Mapping[str, str] | None = None,
    max_seq_length: int | None = 8192,
    dtype: str = "float32",
    tokenizer: str | None = None,
    **config: Any,  # noqa: ANN401 - values of config.json
) -> Path:
    """A sentence-transformers folder of a random model; returns `folder`, which is created.

    `pooling` is a mode or the whole of 1_Pooling/config.json, `dense` lists (width, activation, bias).
    """
    folder.mkdir(parents=True)
    size = write_tokenizer(folder, tokenizer or default_tokenizer(architecture))
    hidden = write_model(folder, architecture, size, dtype=dtype, **config)
    write_modules(folder, hidden, pooling=pooling, normalise=normalise, dense=dense, prompts=prompts)
    if max_seq_length is not None:
        settings = {"max_seq_length": max_seq_length, "do_lower_case": False}
        write_json(folder / "sentence_bert_config.json", settings)
    return folder


def write_modules(
    folder: Path,
    hidden: int,
    *,
    pooling: str | Mapping[str, Any] = "lasttoken",
    normalise: bool = False,
    dense: Sequence[tuple[int, str, bool]] = (),
    prompts: Mapping[str, str] | None = None,
) -> None:
    """All that makes a transformers folder a sentence-transformers folder; see `write_checkpoint`."""
    modules = ["Transformer", "Pooling", *["Dense"] * len(dense), *["Normalize"] * normalise]
    paths = ["" if index == 0 else f"{index}_{kind}" for index, kind in enumerate(modules)]
    entries = [
        {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for index, (kind, path) in enumerate(zip(modules, paths, strict=True))
    ]
    write_json(folder / "modules.json", entries)
    for path in paths[1:]:
        (folder / path).mkdir()
    write_json(folder / "1_Pooling" / "config.json", _pooling_config(pooling, hidden))
    for path, (width, activation, bias) in zip(paths[2:], dense, strict=False):
        _write_dense(folder / path, hidden, width, activation, bias)
        hidden = width
    write_json(
        folder / "config_sentence_transformers.json",
        {
            "__version__": {"sentence_transformers": "3.1.1", "transformers": "4.46.3", "pytorch": "2.5.1"},
            "prompts": {"query": QUERY_PROMPT} if prompts is None else dict(prompts),
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    )


def default_tokenizer(architecture: str) -> str:
    """Which of our tokenizers a checkpoint of this architecture gets."""
    if architecture in BIDIRECTIONAL:
        return "wordpiece"
    return "deepseek" if architecture == "llama" else "qwen"


def write_model(
    folder: Path,
    architecture: str,
    vocab_size: int,
    *,
    dtype: str = "float32",
    **config: Any,  # noqa: ANN401 - values of config.json
) -> int:
    """config.json and model.safetensors of a random base model; returns the length of its token vectors."""
    import torch
    from transformers import AutoConfig, AutoModel

    sizes = {
        "vocab_size": vocab_size,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 512,
        "pad_token_id": 0,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    if architecture in CAUSAL:
        sizes |= {"num_key_value_heads": 2, "max_position_embeddings": 32768, "tie_word_embeddings": True}
    extra = {**CAUSAL, **BIDIRECTIONAL}[architecture]
    settings: Any = AutoConfig.for_model(architecture, **{**sizes, **extra, **config})
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = AutoModel.from_config(settings)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                is_scale = "norm" in name.lower() and name.endswith("weight")
                parameter.normal_(1.0 if is_scale else 0.0, 0.2)
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    return int(settings.hidden_size)


def write_tokenizer(
    folder: Path, kind: str, *, vocab_size: int = 600, texts: Sequence[str] | None = None
) -> int:
    """tokenizer.json and tokenizer_config.json; returns the number of tokens.

    `kind` is `qwen` or `deepseek`, both byte-level (the second calls itself Llama's and adds BOS), or
    `wordpiece`.
    """
    if texts is None:
        texts = [inspect.getsource(module) for module in (inspect, textwrap)]
    tokenizer, config = (
        _train_wordpiece(texts, vocab_size) if kind == "wordpiece" else _train_bytes(texts, kind, vocab_size)
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    write_json(folder / "tokenizer_config.json", config)
    return int(tokenizer.get_vocab_size())


def write_json(path: Path, content: object) -> None:
    """Write a JSON file the way the published folders have them."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False), encoding="utf-8")


def edit_json(path: Path, **changes: Any) -> None:  # noqa: ANN401 - JSON
    """Change fields of a JSON object in a file."""
    write_json(path, json.loads(path.read_text(encoding="utf-8")) | changes)


def _train_bytes(texts: Sequence[str], kind: str, vocab_size: int) -> tuple[Any, dict[str, Any]]:
    from tokenizers import (
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
        trainers,
    )

    special = _BYTE_LEVEL_TOKENS[kind]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    if kind == "qwen":
        tokenizer.normalizer = normalizers.NFC()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    shared = {"model_max_length": 32768, "padding_side": "left", "clean_up_tokenization_spaces": False}
    if kind == "qwen":
        named = {"eos_token": special[0], "pad_token": special[0], "bos_token": None, "add_bos_token": False}
        return tokenizer, {"tokenizer_class": "Qwen2Tokenizer", **shared, **named}
    first = (special[0], tokenizer.token_to_id(special[0]))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{special[0]} $A", pair=f"{special[0]} $A $B", special_tokens=[first]
    )
    named = {"bos_token": special[0], "eos_token": special[1], "pad_token": special[1]}
    adds = {"add_bos_token": True, "add_eos_token": False}
    return tokenizer, {"tokenizer_class": "LlamaTokenizerFast", **shared, **named, **adds}


def _train_wordpiece(texts: Sequence[str], vocab_size: int) -> tuple[Any, dict[str, Any]]:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=vocab_size, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    config = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 512, **names}
    return tokenizer, config | {"mask_token": "[MASK]"}


def _pooling_config(pooling: str | Mapping[str, Any], hidden: int) -> dict[str, Any]:
    if not isinstance(pooling, str):
        return {"word_embedding_dimension": hidden, **pooling}
    flags = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens", "lasttoken": "lasttoken"}
    others = {"mean_sqrt_len": "mean_sqrt_len_tokens", "weightedmean": "weightedmean_tokens"}
    return {
        "word_embedding_dimension": hidden,
        **{f"pooling_mode_{flag}": mode == pooling for mode, flag in (flags | others).items()},
        "include_prompt": True,
    }


def _write_dense(folder: Path, hidden: int, width: int, activation: str, bias: bool) -> None:
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(width)
    tensors = {"linear.weight": torch.randn(width, hidden, generator=generator) * 0.3}
    if bias:
        tensors["linear.bias"] = torch.randn(width, generator=generator) * 0.3
    save_file(tensors, folder / "model.safetensors")
    write_json(
        folder / "config.json",
        {
            "in_features": hidden,
            "out_features": width,
            "bias": bias,
            "activation_function": f"torch.nn.modules.activation.{activation}"
            if activation != "Identity"
            else "torch.nn.modules.linear.Identity",
        },
    )
