"""The network in training as an encoder, to be evaluated as the finished model will be.

Texts are cut at the lengths of training. With several processes each evaluates everything: a sharded network
needs all of them, and none has to wait for another's figures.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from oasis_search.encoder.batches import token_batches
from oasis_search.encoder.layout import Layout
from oasis_search.encoder.protocol import Role, Vectors
from oasis_train.evaluation.evaluate import evaluate
from oasis_train.evaluation.suites import Pool, Suite
from oasis_train.training.backbone import pad

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAX_TOKENS = 16_384
"""Padded tokens that go through the network at once."""

MAX_TEXTS = 256


class EncoderInTraining:
    """Implements `oasis_search.encoder.Encoder`."""

    name = "in training"
    fingerprint = ""
    place = "where it is trained"

    def __init__(
        self,
        network: Any,  # noqa: ANN401 - a TextEncoder, perhaps wrapped by accelerate
        tokenizer: "Tokenizer",
        layout: Layout,
        pad_id: int,
        device: torch.device,
    ) -> None:
        """`network` maps ids and lengths to vectors."""
        self._network = network
        self._tokenizer = tokenizer
        self._layout = layout
        self._pad_id = pad_id
        self._device = device

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._layout.dim

    def encode(self, texts: Sequence[str], role: Role = "code") -> Vectors:
        """(len(texts), dim) float32 of length 1; zeros for a text without a token."""
        prompt = self._layout.prompts[role]
        encodings = self._tokenizer.encode_batch_fast([prompt + text for text in texts])
        tokens = [np.array(encoding.ids, dtype=np.int32) for encoding in encodings]
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        batches = token_batches(
            [len(ids) for ids in tokens], max_tokens=MAX_TOKENS, max_texts=MAX_TEXTS, max_padding=1024
        )
        was_training = self._network.training
        self._network.eval()
        try:
            with torch.no_grad():
                for batch in batches:
                    known = [index for index in batch if len(tokens[index])]
                    if known:
                        ids, lengths = pad([tokens[index] for index in known], self._pad_id)
                        found = self._network(ids.to(self._device), lengths.to(self._device))
                        vectors[known] = found.float().cpu().numpy()
        finally:
            self._network.train(was_training)
        return vectors


def dev_suite(sample: Sequence[tuple[str, str, str]]) -> Suite | None:
    """A suite that ranks the code of held-out functions by their docstrings; None without any."""
    if not sample:
        return None
    names, texts, codes = zip(*sample, strict=True)
    gains: tuple[Mapping[str, float], ...] = tuple({name: 1.0} for name in names)
    pool = Pool("all", names, codes, texts, gains, (None,) * len(names))
    return Suite("dev", "nl2code", "MRR@1000", (pool,))


def evaluate_all(encoder: EncoderInTraining, suites: Sequence[Suite]) -> dict[str, float]:
    """The figure of each suite, in percent, by its name."""
    return {suite.name: evaluate(encoder, suite).value for suite in suites}
