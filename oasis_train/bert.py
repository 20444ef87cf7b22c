"""A BERT sentence encoder from a sentence-transformers folder, in plain torch: the local teacher.

Covers what all-MiniLM-L6-v2 needs and no more: uncased WordPiece, absolute positions, mean pooling, unit
length. Inference only. Other architectures are refused by name rather than run wrongly.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import embedding, gelu, layer_norm, linear, scaled_dot_product_attention

from oasis_search.encoder.protocol import Vectors
from oasis_search.errors import ModelFolderError

_PIECES = re.compile(r"\w+|[^\w\s]", re.UNICODE)
MAX_WORD_CHARACTERS = 100
"""BERT's own limit: longer words are unknown."""


class BertTeacher:
    """Sentences to unit-length vectors."""

    def __init__(self, folder: Path, *, max_tokens: int = 128) -> None:
        """Read config.json, vocab.txt and model.safetensors of `folder`."""
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            words = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
            weights = load_file(folder / "model.safetensors")
        except OSError as error:
            raise ModelFolderError(
                f"{folder} is not a sentence-transformers folder of a BERT model ({error}). "
                "Name the folder that holds config.json, vocab.txt and model.safetensors."
            ) from error
        if config.get("model_type") != "bert":
            raise ModelFolderError(
                f"{folder} holds a {config.get('model_type')} model; a teacher must be bert."
            )
        self._weights = {name.removeprefix("bert."): tensor for name, tensor in weights.items()}
        self._n_layers = int(config["num_hidden_layers"])
        self._n_heads = int(config["num_attention_heads"])
        self._epsilon = float(config["layer_norm_eps"])
        self._max_tokens = max_tokens
        self._ids = {word: index for index, word in enumerate(words)}
        self._word_ids = lru_cache(maxsize=1 << 17)(self._split_word)
        self.dim = int(config["hidden_size"])

    def encode(self, texts: Sequence[str], *, batch: int = 256) -> Vectors:
        """(len(texts), dim) float32 of length 1; texts of like length share a batch."""
        tokens = [self.tokenise(text) for text in texts]
        order = sorted(range(len(texts)), key=lambda index: len(tokens[index]))
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(order), batch):
                chosen = order[start : start + batch]
                vectors[chosen] = self._forward([tokens[index] for index in chosen]).numpy()
        return vectors

    def tokenise(self, text: str) -> list[int]:
        """WordPiece ids with [CLS] and [SEP], cut at the maximal length."""
        text = unicodedata.normalize("NFD", text.lower())
        text = "".join(c for c in text if unicodedata.category(c) != "Mn").replace("_", " _ ")
        ids = [piece for word in _PIECES.findall(text) for piece in self._word_ids(word)]
        return [self._ids["[CLS]"], *ids[: self._max_tokens - 2], self._ids["[SEP]"]]

    def _split_word(self, word: str) -> tuple[int, ...]:
        pieces: list[int] = []
        start = 0
        while start < len(word) and len(word) <= MAX_WORD_CHARACTERS:
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                piece = self._ids.get(prefix + word[start:end])
                if piece is not None:
                    pieces.append(piece)
                    start = end
                    break
            else:
                break
        return tuple(pieces) if start == len(word) else (self._ids["[UNK]"],)

    def _forward(self, token_lists: list[list[int]]) -> Tensor:
        length = max(map(len, token_lists))
        ids = torch.zeros(len(token_lists), length, dtype=torch.long)
        mask = torch.zeros(len(token_lists), length, dtype=torch.bool)
        for row, tokens in enumerate(token_lists):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = True
        w = self._weights
        states = embedding(ids, w["embeddings.word_embeddings.weight"])
        states = states + w["embeddings.position_embeddings.weight"][:length]
        states = self._norm(states + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for layer in range(self._n_layers):
            states = self._layer(states, mask, f"encoder.layer.{layer}.")
        pooled = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return torch.nn.functional.normalize(pooled, dim=1)

    def _layer(self, states: Tensor, mask: Tensor, prefix: str) -> Tensor:
        n, length, dim = states.shape

        def heads(name: str) -> Tensor:
            projected = self._linear(states, f"{prefix}attention.self.{name}")
            return projected.view(n, length, self._n_heads, dim // self._n_heads).transpose(1, 2)

        attended = scaled_dot_product_attention(
            heads("query"), heads("key"), heads("value"), attn_mask=mask[:, None, None, :]
        )
        attended = attended.transpose(1, 2).reshape(n, length, dim)
        attended = self._linear(attended, f"{prefix}attention.output.dense")
        states = self._norm(states + attended, f"{prefix}attention.output.LayerNorm")
        inner = gelu(self._linear(states, f"{prefix}intermediate.dense"))
        return self._norm(states + self._linear(inner, f"{prefix}output.dense"), f"{prefix}output.LayerNorm")

    def _linear(self, states: Tensor, name: str) -> Tensor:
        return linear(states, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, states: Tensor, name: str) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return layer_norm(states, weight.shape, weight, bias, self._epsilon)
