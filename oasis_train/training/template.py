"""The model folder without its weights, written before training: the server reads what training reads.

A sentence-transformers folder (modules.json, 1_Pooling, prompts, tokenizer) is made from the backbone's own
files. Training reads its tokenizer and lengths from there, exactly as the server will read the finished
folder, and the finished folder is this one with weights and a card.
"""

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

from oasis_search.encoder.architectures import CAUSAL, hidden_size, position_limit
from oasis_search.encoder.hub import locate
from oasis_search.encoder.json_files import read_object
from oasis_search.encoder.layout import Layout, read_layout
from oasis_search.encoder.lengths import MAX_LENGTH
from oasis_search.encoder.modules import MODULES_NAME, module_folder, read_modules
from oasis_search.errors import EncoderError
from oasis_train.errors import TrainingError
from oasis_train.training.config import TrainConfig

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "sentencepiece.bpe.model",
    "spiece.model",
)


def locate_backbone(name: str) -> Path:
    """The folder of config.json, weights and tokenizer of a backbone; TrainingError when there is none."""
    try:
        folder = locate(name)
        if (folder / MODULES_NAME).is_file():
            modules = read_modules(folder)
            _check_tail(folder, [module["kind"] for module in modules[2:]])
            folder = module_folder(folder, modules[0])
    except EncoderError as error:
        raise TrainingError(f"The backbone {name!r} cannot be used: {error}") from error
    if not (folder / "config.json").is_file():
        raise TrainingError(
            f"The backbone {folder} has no config.json, so it is no transformers model. Name the folder that "
            "holds config.json, model.safetensors and tokenizer.json."
        )
    return folder


def write_template(folder: Path, backbone: Path, config: TrainConfig) -> Layout:
    """Write everything but the weights to `folder`; returns what the server reads there.

    Raises TrainingError when the server could not honour such a folder, or texts could not be padded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        facts = read_object(backbone / "config.json")
        shutil.copyfile(backbone / "config.json", folder / "config.json")
        _write_tokenizer(folder, backbone, config)
        served = min(config.served_tokens, MAX_LENGTH, position_limit(facts, backbone / "config.json"))
        _write_modules(folder, hidden_size(facts, backbone / "config.json"), served, config)
        layout = read_layout(folder)
    except EncoderError as error:
        raise TrainingError(f"The backbone {backbone} cannot be used: {error}") from error
    except OSError as error:
        raise TrainingError(f"{folder} cannot be written ({error}). Make room; run it again.") from error
    if config.padding_side == "left" and layout.architecture not in CAUSAL:
        raise TrainingError(
            f"padding_side is left, but {layout.architecture} counts positions from the left edge, so "
            'padding there would change vectors. Set it to "right".'
        )
    return layout


def _check_tail(folder: Path, kinds: list[str]) -> None:
    lost = [kind for kind in kinds if kind not in ("Normalize", "Dropout")]
    if lost:
        raise TrainingError(
            f"The backbone {folder} has a {lost[0]} module after its pooling, which training would drop. "
            "Choose another start, or name its transformer's own folder to train without that module."
        )


def _write_tokenizer(folder: Path, backbone: Path, config: TrainConfig) -> None:
    from transformers import AutoTokenizer

    for name in TOKENIZER_FILES:
        if (backbone / name).is_file():
            shutil.copyfile(backbone / name, folder / name)
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(backbone, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"The tokenizer of the backbone {backbone} cannot be read ({error}). Its folder must hold "
            "tokenizer.json."
        ) from error
    if not (folder / "tokenizer.json").is_file():
        tokenizer.save_pretrained(folder)
    changes: dict[str, Any] = {}
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise TrainingError(
                f"The tokenizer of the backbone {backbone} has neither a padding token nor an end-of-text "
                'token to pad with. Set "pad_token" in its tokenizer_config.json.'
            )
        changes["pad_token"] = str(tokenizer.eos_token)
    if config.padding_side:
        changes["padding_side"] = config.padding_side
    if changes:
        path = folder / "tokenizer_config.json"
        _write_json(path, read_object(path, optional=True) | changes)


def _write_modules(folder: Path, hidden: int, served_tokens: int, config: TrainConfig) -> None:
    kinds = {"": "Transformer", "1_Pooling": "Pooling", "2_Normalize": "Normalize"}
    modules = [
        {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for index, (path, kind) in enumerate(kinds.items())
    ]
    _write_json(folder / MODULES_NAME, modules)
    modes = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens", "lasttoken": "lasttoken"}
    pooling = {f"pooling_mode_{flag}": mode == config.pooling for mode, flag in modes.items()}
    (folder / "1_Pooling").mkdir(exist_ok=True)
    _write_json(
        folder / "1_Pooling" / "config.json",
        {"word_embedding_dimension": hidden, **pooling, "include_prompt": True},
    )
    settings = {"max_seq_length": served_tokens, "do_lower_case": False}
    _write_json(folder / "sentence_bert_config.json", settings)
    _write_json(
        folder / "config_sentence_transformers.json",
        {
            "__version__": {"transformers": version("transformers"), "pytorch": version("torch")},
            "prompts": {"query": config.query_prompt, "document": config.code_prompt},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    )


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
