"""OASIS-1.5B and 1.3B, and any other sentence-transformers folder, through transformers and torch.

Texts are padded on the right, whatever side the tokenizer names. With causal attention no token sees the
padding after it, so no mask is needed, positions start at 0, and the last real token has exactly the vector
that left padding with right positions gives it: padding cannot change a vector. Models that see in both
directions get a mask. Only the base model is loaded, so no logits are ever computed; code that comes with a
model is never run, and nothing is downloaded.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from oasis_search.encoder.architectures import CAUSAL
from oasis_search.encoder.base_model import BaseModel, load_base_model
from oasis_search.encoder.batches import token_batches
from oasis_search.encoder.content_hash import content_hash
from oasis_search.encoder.device import Device, choose_device
from oasis_search.encoder.hub import model_name
from oasis_search.encoder.layout import Layout, read_layout
from oasis_search.encoder.pooling import Head
from oasis_search.encoder.prompts import prompt_length
from oasis_search.encoder.protocol import Role, Vectors
from oasis_search.encoder.tokenizer import CONFIG_NAME, TOKENIZER_NAME, load_tokenizer
from oasis_search.encoder.weights import Weights, read_weights
from oasis_search.errors import EncoderError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ALGORITHM = 1
"""Raised when the same folder would give other vectors than before."""

MAX_TOKENS = {"cpu": 1024, "mps": 8192, "cuda": 32768}
"""Padded tokens that go through the model at once."""

MAX_PADDING = {"cpu": 128, "mps": 1024, "cuda": 4096}
"""Padding in it at most. On two AVX2 cores a batch costs what 100 tokens cost, beside those it has."""

MAX_TEXTS = 256


class TransformerEncoder:
    """A loaded transformer; `encode` may be called by several threads and serves one at a time."""

    def __init__(
        self,
        layout: Layout,
        model: BaseModel,
        tokenizer: "Tokenizer",
        device: Device,
        fingerprint: str,
    ) -> None:
        """Use `load_transformer`."""
        self._layout = layout
        self._model = model.module
        self._tokenizer = tokenizer
        self._device = device
        self._fingerprint = fingerprint
        self._head = Head(layout, device.kind)
        self._pad_id = model.pad_id
        self._skip = {
            role: prompt_length(tokenizer, layout.prompts[role], included=layout.include_prompt)
            for role in ("query", "code")
        }
        self._lock = Lock()

    @property
    def name(self) -> str:
        """The name on the hub if the folder lies in the hub's cache, else the name of the folder."""
        return model_name(self._layout.folder)

    @property
    def fingerprint(self) -> str:
        """Depends on the content of the folder, `truncate_dim` and the type of numbers; not on the device."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._layout.dim

    @property
    def place(self) -> str:
        """Where it computes, e.g. `CPU, float32, 2 threads`."""
        return self._device.place

    @property
    def module(self) -> Any:  # noqa: ANN401 - a PreTrainedModel, which importing would cost a second
        """The model itself, for whoever exports it; runs its base model only."""
        return self._model

    @property
    def layout(self) -> Layout:
        """What the folder says about its vectors."""
        return self._layout

    def encode(self, texts: Sequence[str], role: Role = "code") -> Vectors:
        """(len(texts), dim) float32, each row of length 1; zeros for a text without a token.

        Raises EncoderError when the model gives no numbers or the device has too little memory.
        """
        import torch

        prompt = self._layout.prompts[role]
        with self._lock, torch.inference_mode():
            encodings = self._tokenizer.encode_batch_fast([prompt + text for text in texts])
            tokens = [encoding.ids for encoding in encodings]
            vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
            kind = self._device.kind.partition(":")[0]
            batches = token_batches(
                [len(ids) for ids in tokens],
                max_tokens=MAX_TOKENS[kind],
                max_texts=MAX_TEXTS,
                max_padding=MAX_PADDING[kind],
            )
            for batch in batches:
                known = [index for index in batch if tokens[index]]
                if known:
                    vectors[known] = self._encode_tokens([tokens[index] for index in known], role)
        return vectors

    def _encode_tokens(self, texts: list[list[int]], role: Role) -> Vectors:
        """(n, dim) for the token ids of n texts, none empty, the longest first."""
        import torch

        kind = self._device.kind
        longest = len(texts[0])
        padded = [ids + [self._pad_id] * (longest - len(ids)) for ids in texts]
        lengths = torch.tensor([len(ids) for ids in texts], device=kind)
        options: dict[str, Any] = {"input_ids": torch.tensor(padded, device=kind)}
        if self._layout.architecture in CAUSAL:
            options["use_cache"] = False
        elif len(texts[-1]) < longest:
            options["attention_mask"] = (torch.arange(longest, device=kind) < lengths[:, None]).long()
        try:
            hidden = self._model(**options).last_hidden_state
            vectors: Vectors = self._head.vectors(hidden, lengths, self._skip[role]).cpu().numpy()
        except torch.OutOfMemoryError as error:
            raise EncoderError(
                f"{self.name} has too little memory on {self.place} for {len(texts)} texts of {longest} "
                'tokens. Close what else uses it, or set the device to "cpu".'
            ) from error
        if not np.isfinite(vectors).all():
            raise EncoderError(
                f"{self.name} gave vectors that are not numbers on {self.place}. Its weights are damaged or "
                "do not suit this device: download the folder again, or choose another device."
            )
        return vectors


def load_transformer(
    folder: Path, *, device: str = "auto", threads: int = 0, truncate_dim: int | None = None
) -> TransformerEncoder:
    """The encoder of a sentence-transformers folder, its vectors cut to `truncate_dim` components if given.

    `device` is `auto` (CUDA, else MPS, else CPU) or a device of torch; `threads` of 0 leaves torch's own
    choice. Weights of a large model on a CPU are mapped, not read: the folder must not change while the
    encoder lives (replace it by renaming).

    Raises ModelFolderError when the folder cannot be honoured, EncoderError when torch, transformers or the
    device is missing.
    """
    layout = read_layout(folder, truncate_dim=truncate_dim)
    weights = read_weights(layout.transformer)
    try:
        import torch
        import transformers  # noqa: F401 - asked for here, so that the error names the remedy
    except ImportError as error:
        raise EncoderError(
            f"{folder} needs torch and transformers ({error}). Install them with "
            'pip install "oasis-code-search[torch]".'
        ) from error
    if threads > 0:
        torch.set_num_threads(threads)
    chosen = choose_device(device, weights.dtype, threads=threads)
    model = load_base_model(layout, weights, chosen)
    tokenizer = load_tokenizer(layout, model.vocab_size)
    return TransformerEncoder(layout, model, tokenizer, chosen, _fingerprint(layout, weights, chosen))


def _fingerprint(layout: Layout, weights: Weights, device: Device) -> str:
    """32 hexadecimal digits of all that vectors depend on; the same wherever a copy of the folder lies."""
    tokenizer_files = [layout.transformer / TOKENIZER_NAME, layout.transformer / CONFIG_NAME]
    facts = {
        "algorithm": ALGORITHM,
        "dtype": device.dtype,
        "weights": [content_hash(path) for path in weights.files],
        "config": content_hash(layout.transformer / "config.json"),
        "tokenizer": [content_hash(path) for path in tokenizer_files if path.is_file()],
        "pooling": [layout.pooling, layout.include_prompt],
        "dense": [
            [layer.activation, *(content_hash(path) for path in read_weights(layer.folder).files)]
            for layer in layout.dense
        ],
        "prompts": dict(layout.prompts),
        "text": [layout.max_length, layout.lower_case],
        "truncate_dim": layout.truncate_dim,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]
