"""The network that is trained: a transformer, pooled as the server pools it, to vectors of length 1.

Texts are padded on the right, as the server pads them (oasis_search.encoder.transformer says why that gives
what left padding gives). Code that comes with a model is never run, nothing is downloaded, no logits are
ever computed.
"""

import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import normalize

from oasis_search.encoder.architectures import CAUSAL
from oasis_search.encoder.base_model import quiet_transformers
from oasis_search.encoder.layout import Layout
from oasis_search.encoder.pooling import pool
from oasis_search.encoder.tokenizer import load_tokenizer
from oasis_search.errors import EncoderError
from oasis_train.errors import TrainingError
from oasis_train.training.config import TrainConfig

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class TextEncoder(nn.Module):
    """(n, tokens) ids -> (n, dim) float32 of length 1."""

    def __init__(self, model: Any, layout: Layout) -> None:  # noqa: ANN401 - a PreTrainedModel or PeftModel
        """Use `load_backbone`."""
        super().__init__()
        self.model = model
        self._no_split_modules = getattr(model, "_no_split_modules", None)  # what FSDP shards by
        self._is_causal = layout.architecture in CAUSAL
        self._pooling = layout.pooling
        self.pad_id = int(model.config.pad_token_id or 0)
        """What stands after the end of a text; no vector depends on it."""

    def forward(self, input_ids: Tensor, lengths: Tensor) -> Tensor:
        """Vectors of right-padded texts; `lengths` (n,) count the tokens of each, at least 1."""
        options: dict[str, Any] = {"use_cache": False} if self._is_causal else {}
        if not self._is_causal and bool((lengths < input_ids.shape[1]).any()):
            places = torch.arange(input_ids.shape[1], device=input_ids.device)
            options["attention_mask"] = (places < lengths[:, None]).long()
        hidden = self.model(input_ids=input_ids, **options).last_hidden_state
        return normalize(pool(hidden, lengths, 0, self._pooling), dim=1)


def load_backbone(folder: Path, layout: Layout, config: TrainConfig) -> TextEncoder:
    """The network on the CPU in float32, with start weights from `folder` or random ones by the seed.

    The same each time. Raises TrainingError when `folder` holds no such model.
    """
    from transformers import AutoConfig, AutoModel

    model: Any
    with quiet_transformers(), torch.random.fork_rng():
        torch.manual_seed(config.seed)  # also for layers that the folder has no weights of, such as poolers
        try:
            settings = AutoConfig.from_pretrained(folder, local_files_only=True)
            if not config.dropout:
                _without_dropout(settings)
            if config.init == "random":
                model = AutoModel.from_config(settings, trust_remote_code=False)  # type: ignore[no-untyped-call]
            else:
                model, report = AutoModel.from_pretrained(
                    folder,
                    config=settings,
                    dtype=torch.float32,
                    local_files_only=True,
                    trust_remote_code=False,
                    use_safetensors=True,
                    output_loading_info=True,
                )
                _check_weights(folder, report)
        except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
            raise TrainingError(
                f"The backbone {folder} cannot be loaded: {error}. Copy or download its folder again."
            ) from error
    model.float()
    if config.gradient_checkpointing:
        enable = getattr(model, "activation_checkpointing_enable", model.gradient_checkpointing_enable)
        enable({"use_reentrant": False})
    if config.lora_rank:
        model = _with_lora(model, config)
    else:
        for name, parameter in model.named_parameters():
            if ".pooler." in f".{name}":
                parameter.requires_grad_(False)  # BERT's own pooler is used by no pooling
    return TextEncoder(model, layout)


def _without_dropout(settings: Any) -> None:  # noqa: ANN401 - a PretrainedConfig
    for name, value in settings.to_dict().items():
        if isinstance(value, float) and re.search(r"dropout|_pdrop$", name):
            setattr(settings, name, 0.0)


def merged(encoder: TextEncoder) -> Any:  # noqa: ANN401 - a PreTrainedModel
    """The plain transformer of a trained network, with a low-rank change added into its weights."""
    model: Any = encoder.model
    return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model


def pad(texts: Sequence[NDArray[np.int32]], pad_id: int) -> tuple[Tensor, Tensor]:
    """(n, longest) ids, padded on the right, and (n,) lengths."""
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    ids = np.full((len(texts), int(lengths.max())), pad_id, dtype=np.int64)
    for row, text in zip(ids, texts, strict=True):
        row[: len(text)] = text
    return torch.from_numpy(ids), torch.from_numpy(lengths)


def _with_lora(model: Any, config: TrainConfig) -> Any:  # noqa: ANN401 - a PreTrainedModel, a PeftModel
    from peft import LoraConfig, get_peft_model

    has_pooler = any("pooler" in name for name, _ in model.named_modules())
    options = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=config.lora_dropout,
        target_modules="all-linear",
        exclude_modules=r".*pooler.*" if has_pooler else None,
        task_type="FEATURE_EXTRACTION",
    )
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        if config.gradient_checkpointing:
            model.enable_input_require_grads()
        with warnings.catch_warnings():  # peft asks transformers by names that those are giving up
            warnings.simplefilter("ignore", FutureWarning)
            return get_peft_model(model, options)


def training_tokenizer(layout: Layout, encoder: TextEncoder, config: TrainConfig) -> "Tokenizer":
    """The tokenizer that the server will use, cutting texts at the lengths of training."""
    rows = encoder.model.get_input_embeddings().num_embeddings
    try:
        return load_tokenizer(replace(layout, max_length=min(config.max_tokens, layout.max_length)), rows)
    except EncoderError as error:
        raise TrainingError(f"The backbone cannot be used: {error}") from error


def _check_weights(folder: Path, report: dict[str, Any]) -> None:
    missing = sorted(name for name in report["missing_keys"] if "pooler." not in name)
    if missing:
        raise TrainingError(
            f"The weights in {folder} lack {len(missing)} tensors, e.g. {missing[0]}, which would start "
            "at random. Copy or download the folder again."
        )
