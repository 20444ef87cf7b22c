"""One step's loss and gradient: at once, or chunk by chunk with cached gradients; on one device or many.

Texts go through the network in groups of like length, docstrings and codes alike, so that little of a group
is padding. Every process computes the loss of the gathered batch.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from oasis_search.encoder.batches import token_batches
from oasis_train.losses import (
    OasisLoss,
    distillation_loss,
    gather_rows,
    gather_vectors,
    oasis_loss,
    rank_group,
)
from oasis_train.training.backbone import pad
from oasis_train.training.config import TrainConfig
from oasis_train.training.data import Batch
from oasis_train.training.gradient_cache import cached_step
from oasis_train.training.taught import TaughtRows

if TYPE_CHECKING:
    import torch.distributed as dist

MAX_PADDING = {"cpu": 256, "cuda": 8192}
"""Tokens of padding for which another pass through the network costs less (one process only)."""

MAX_TOKENS_PER_THREAD = 2048
"""Tokens of a pass on a CPU, per thread: with two threads 4,096 are a tenth faster than 2,048 or 8,192."""


@dataclass(frozen=True, slots=True)
class TaughtTarget:
    """A teacher's vectors of the rows that it saw, gathered."""

    rows: Tensor
    """(k,) their numbers in the gathered batch."""
    queries: Tensor
    """(k, e)"""
    codes: Tensor


@dataclass(frozen=True, slots=True)
class Target:
    """What the loss needs of a batch beside its vectors, on the device, gathered."""

    labels: Tensor
    is_gt: Tensor
    query_keys: Tensor
    code_groups: Tensor
    taught: TaughtTarget | None


class Stepper:
    """Adds a batch's gradient to the parameters of a network."""

    def __init__(
        self,
        network: Any,  # noqa: ANN401
        accelerator: Any,  # noqa: ANN401
        pad_id: int,
        config: TrainConfig,
        taught: TaughtRows | None = None,
    ) -> None:
        """`network` is what `accelerator.prepare` made of a TextEncoder."""
        self._taught = taught
        self._network = network
        self._accelerator = accelerator
        self._device: torch.device = accelerator.device
        self._pad_id = pad_id
        self._config = config
        self._group: dist.ProcessGroup | None = (
            rank_group(config.gather_ranks) if config.gather_ranks else None
        )

    def gradient(self, batch: Batch, check: Callable[[OasisLoss], None]) -> OasisLoss:
        """The loss of the gathered batch, detached; `check` sees it before anything flows back."""
        target = self._target(batch)
        asked = _distinct(batch.queries, batch.query_keys, self._accelerator.num_processes)
        named = _distinct(batch.codes, batch.code_keys, self._accelerator.num_processes)
        if not 0 < self._config.chunk < len(batch.queries):
            vectors = self._encode_all([*asked.texts, *named.texts])
            n = len(asked.texts)
            loss = self._loss(vectors[:n][asked.rows], vectors[n:][named.rows], target)
            check(loss.detach())
            self._accelerator.backward(loss.total)
            return loss.detach()
        queries, codes = (_by_length(distinct.texts, self._config.chunk) for distinct in (asked, named))
        found: list[OasisLoss] = []

        def of_sorted(query_vectors: Tensor, code_vectors: Tensor) -> Tensor:
            loss = self._loss(
                _restored(query_vectors, queries)[asked.rows],
                _restored(code_vectors, codes)[named.rows],
                target,
            )
            found.append(loss.detach())
            check(found[-1])
            return loss.total

        cached_step(
            self._encode,
            [[asked.texts[row] for row in rows] for rows in queries],
            [[named.texts[row] for row in rows] for rows in codes],
            of_sorted,
            backward=self._accelerator.backward,
            no_sync=lambda: self._accelerator.no_sync(self._network),
        )
        return found[0]

    def autocast(self) -> AbstractContextManager[object]:
        """bfloat16 for matrix products, if the run has it and accelerate does not see to it already."""
        if not self._config.bf16 or self._accelerator.mixed_precision == "bf16":
            return nullcontext()
        return torch.autocast(self._device.type, dtype=torch.bfloat16)

    def _loss(self, query_vectors: Tensor, code_vectors: Tensor, target: Target) -> OasisLoss:
        gathered = [
            gather_vectors(vectors, with_gradient=self._config.gather_gradient, group=self._group)
            for vectors in (query_vectors, code_vectors)
        ]
        loss = oasis_loss(
            gathered[0],
            gathered[1],
            target.labels,
            target.is_gt,
            in_batch=self._config.in_batch,
            weights=(self._config.in_batch_weight, self._config.cosent_weight),
            temperature=self._config.temperature,
            scale=1.0 / self._config.temperature,
            query_keys=target.query_keys,
            code_keys=target.code_groups,
        )
        taught = target.taught
        if taught is None or len(taught.rows) < 2:
            return loss
        distilled = distillation_loss(
            gathered[0][taught.rows],
            gathered[1][taught.rows],
            taught.queries,
            taught.codes,
            temperature=self._config.temperature,
            teacher_temperature=self._config.teacher_temperature,
        )
        return loss.with_distillation(distilled, self._config.distillation)

    def _taught_target(self, batch: Batch) -> TaughtTarget | None:
        if self._taught is None:
            return None
        found = self._taught.vectors(batch.rows)
        queries, codes, is_known = (
            gather_rows(torch.from_numpy(values).to(self._device), group=self._group)
            for values in (found.queries, found.codes, found.is_known)
        )
        rows = torch.nonzero(is_known).flatten()
        return TaughtTarget(rows, queries[rows], codes[rows])

    def _target(self, batch: Batch) -> Target:
        labels, is_gt, query_keys, code_groups = (
            gather_rows(torch.from_numpy(values).to(self._device), group=self._group)
            for values in (batch.labels, batch.is_gt, batch.query_keys, batch.code_groups)
        )
        return Target(labels, is_gt, query_keys, code_groups, self._taught_target(batch))

    def _encode_all(self, texts: Sequence[NDArray[np.int32]]) -> Tensor:
        """Vectors of all texts in their order. With several processes the same number of passes in each."""
        if self._accelerator.num_processes == 1:
            on_cpu = self._device.type == "cpu"
            groups = token_batches(
                [len(text) for text in texts],
                max_tokens=MAX_TOKENS_PER_THREAD * torch.get_num_threads()
                if on_cpu
                else max(1, sum(map(len, texts))) * 2,
                max_texts=len(texts),
                max_padding=MAX_PADDING["cpu" if on_cpu else "cuda"],
            )
        else:
            groups = _by_length(texts, -(-len(texts) // 2))
        return _restored(torch.cat([self._encode([texts[row] for row in group]) for group in groups]), groups)

    def _encode(self, texts: Sequence[NDArray[np.int32]]) -> Tensor:
        ids, lengths = pad(texts, self._pad_id)
        with self.autocast():
            vectors: Tensor = self._network(ids.to(self._device), lengths.to(self._device))
        return vectors


@dataclass(frozen=True, slots=True)
class _Distinct:
    """Texts to encode, and which of them each row of the batch has."""

    texts: list[NDArray[np.int32]]
    rows: Tensor
    """(n,)"""


def _distinct(texts: list[NDArray[np.int32]], keys: NDArray[np.int64], processes: int) -> _Distinct:
    """Every text once. Of several processes each encodes as many as the others, so all, equal or not."""
    if processes > 1:
        return _Distinct(texts, torch.arange(len(texts)))
    _, first, rows = np.unique(keys, return_index=True, return_inverse=True)
    places = np.argsort(np.argsort(first))  # in the order of the batch, whatever the keys are
    return _Distinct([texts[row] for row in np.sort(first)], torch.from_numpy(places[rows]))


def _by_length(texts: Sequence[NDArray[np.int32]], size: int) -> list[list[int]]:
    """Rows of `texts`, the longest first, in groups of `size`."""
    order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
    return [order[start : start + size] for start in range(0, len(order), size)]


def _restored(vectors: Tensor, groups: Sequence[Sequence[int]]) -> Tensor:
    """Rows of `vectors`, which are in the order of `groups`, in the order of their numbers."""
    order = torch.tensor([row for group in groups for row in group], device=vectors.device)
    return vectors[torch.argsort(order)]
