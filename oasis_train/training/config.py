"""What one training run is told; defaults are the paper's and its authors' values where those are known."""

import math
from dataclasses import dataclass, fields
from typing import Any, Literal

from oasis_train.data import config_facts
from oasis_train.errors import TrainingError

QUERY_PROMPT = (
    "Instruct: Given a code search query, retrieve relevant code snippet that answer the query\nQuery: "
)
"""Of OASIS, byte for byte."""

Pooling = Literal["mean", "cls", "lasttoken"]

_NO_OUTCOME = ("checkpoint_every", "keep_checkpoints")
"""Fields that cannot change a weight, so that changing them starts nothing anew."""


_COUNTS = (
    "random_layers",
    "random_hidden",
    "random_vocabulary",
    "max_tokens",
    "served_tokens",
    "batch",
    "epochs",
    "keep_checkpoints",
)


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """The model, its data order, its loss and its optimiser."""

    backbone: str = "Qwen/Qwen2.5-Coder-1.5B"
    """Folder of a transformers or sentence-transformers model, or its name in the hub's local cache; "" with
    `init = "random"` builds a small BERT, its vocabulary learnt from the training texts."""
    init: Literal["weights", "random"] = "weights"
    """`random` takes the configuration of `backbone`, but not its weights."""
    random_layers: int = 2
    """Layers of the small BERT of an empty `backbone`."""
    random_hidden: int = 64
    """Length of its vectors; four heads, inner layers four times as wide."""
    random_vocabulary: int = 4000
    """Tokens of its vocabulary."""
    tokenizer: Literal["backbone", "code", "code-signs"] = "backbone"
    """`code`: one that splits identifiers, drops punctuation and learns words (a BERT's only); `code-signs`
    keeps the punctuation that says something."""
    tokenizer_words: int = 2500
    """Words that these learn at most; never more than the vocabulary has unused entries."""
    pooling: Pooling = "lasttoken"
    """How token vectors become one (paper: the last token)."""
    padding_side: Literal["", "left", "right"] = ""
    """Written into the tokenizer of the model folder; "" keeps the backbone's. Changes no vector here."""
    query_prompt: str = QUERY_PROMPT
    code_prompt: str = ""
    max_tokens: int = 1024
    """Tokens of a text in training, with prompt and special tokens (paper: 1024)."""
    served_tokens: int = 8192
    """Tokens that the finished model reads (paper: 8192); never more than it has positions for."""

    shuffle: Literal["rows", "repository"] = "rows"
    """`rows`: one by one (the authors' way); `repository`: part of every batch from one repository."""
    repository_share: float = 0.5
    """That part, with `shuffle = "repository"`."""
    keep_together: bool = False
    """Whether pairs that share texts come in the same batch, which encodes each text once: with negatives
    drawn in groups (`negatives.form`), order labels then cost no text more. Not the authors' way."""
    batch: int = 2560
    """Pairs of a step, over all devices together (authors: 32 x 80)."""
    epochs: int = 10
    max_steps: int = 0
    """Stop after so many steps; 0 sets no limit."""
    seed: int = 3407

    in_batch: Literal["info-nce", "hard-weighted"] = "hard-weighted"
    """`info-nce` is the paper's text, `hard-weighted` its authors' code, whose weights follow."""
    in_batch_weight: float = 0.98
    cosent_weight: float = 0.02
    temperature: float = 0.05
    """Of both losses."""

    distillation: float = 0.0
    """Weight of ranking each batch as the teacher of the stage `teach` does (the paper has none)."""
    teacher_temperature: float = 0.05
    """How sharply the teacher's ranking is read."""

    optimizer: Literal["adamw", "adafactor"] = "adamw"
    learning_rate: float = 5e-4
    weight_decay: float = 1e-2
    epsilon: float = 1e-3
    """AdamW's (authors: 1e-3, far above the usual 1e-8); adafactor has its own."""
    clip: float = 1.0
    """Greatest norm of the gradient; 0 does not clip."""
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How the rate falls after warm-up (authors: not at all)."""
    warmup: float = 0.0
    """Share of all steps in which the rate rises (authors: none)."""

    chunk: int = 0
    """Pairs that go through the model at once on a device, with cached gradients; 0: the whole batch."""
    gather_ranks: int = 0
    """Neighbouring devices whose pairs meet in one loss; 0: all (authors: 8 of 32)."""
    gather_gradient: bool = True
    """Whether vectors of other devices carry gradient, so that many devices equal one (authors: no)."""
    bf16: bool = True
    """Matrix products in bfloat16; weights, vectors and losses stay float32."""
    gradient_checkpointing: bool = True
    """Compute activations twice instead of keeping them."""
    dropout: bool = True
    """Whether the backbone's own dropout acts in training; without it attention takes its fast path."""
    deterministic: bool = True
    """Deterministic kernels only: with the same seed and devices the same weights, bit for bit."""
    lora_rank: int = 0
    """Rank of the low-rank change that is trained instead of all weights, and merged at the end; 0: none."""
    lora_alpha: int = 32
    lora_dropout: float = 0.0

    eval_every: int = 0
    """Steps between evaluations; 0 evaluates at the end of each epoch only."""
    dev_sample: int = 1000
    """Functions of held-out repositories that the dev evaluation ranks; 0 leaves it out."""
    patience: int = 0
    """Stop after so many evaluations without a better `watch`, and keep the best weights; 0: never."""
    watch: str = "dev"
    """What decides: `dev` or the name of a suite."""
    average_with_start: float = 0.0
    """Share of the start weights in the final ones: (1 - a) * trained + a * start."""

    checkpoint_every: int = 500
    """Steps between checkpoints; 0 writes none."""
    keep_checkpoints: int = 2

    name: str = "oasis"
    """Of the model, in its card."""
    licence: str = "Apache-2.0"
    """SPDX identifier of the trained weights."""
    weights: Literal["float32", "bfloat16"] = "float32"
    """How numbers are stored in the model folder."""

    def __post_init__(self) -> None:
        """Raise TrainingError for a value that no run can have."""
        for name in _COUNTS:
            self._check(name, getattr(self, name) >= 1, "at least 1")
        for name in (
            "max_steps",
            "chunk",
            "lora_rank",
            "eval_every",
            "dev_sample",
            "patience",
            "gather_ranks",
            "tokenizer_words",
        ):
            self._check(name, getattr(self, name) >= 0, "0 or more")
        self._check("checkpoint_every", self.checkpoint_every >= 0, "0 or more")
        for name in ("temperature", "teacher_temperature", "learning_rate", "epsilon"):
            value = getattr(self, name)
            self._check(name, math.isfinite(value) and value > 0, "above 0")
        for name in ("in_batch_weight", "cosent_weight", "distillation", "weight_decay", "clip"):
            value = getattr(self, name)
            self._check(name, math.isfinite(value) and value >= 0, "0 or more")
        for name in ("repository_share", "warmup", "average_with_start"):
            self._check(name, 0 <= getattr(self, name) <= 1, "from 0 to 1")
        self._check("in_batch_weight", self.in_batch_weight + self.cosent_weight > 0, "above 0 for one loss")
        self._check("random_hidden", self.random_hidden % 4 == 0, "a multiple of 4")
        self._check("tokenizer", self.tokenizer == "backbone" or bool(self.backbone), "backbone without one")
        self._check("backbone", bool(self.backbone) or self.init == "random", "set unless init is random")
        for field in fields(self):
            allowed = getattr(field.type, "__args__", ())
            if allowed:
                self._check(field.name, getattr(self, field.name) in allowed, f"one of {allowed}")

    @property
    def facts(self) -> dict[str, Any]:
        """All that decides the outcome, as JSON values."""
        return {name: value for name, value in config_facts(self).items() if name not in _NO_OUTCOME}

    def _check(self, name: str, holds: bool, what: str) -> None:
        if not holds:
            raise TrainingError(
                f"The training setting {name} is {getattr(self, name)!r}; it must be {what}. "
                "Change it in the recipe."
            )
