"""Gradient caching: any batch size in the memory of one chunk, with the gradients of the whole batch.

A contrastive loss needs all vectors of a batch at once, but only the encoder's activations are large. So each
chunk is encoded without a graph, the loss on all vectors gives the gradient of every vector, and each chunk
is encoded again, with a graph, to carry its vectors' gradients into the parameters. Both passes draw the same
random numbers, so that dropout is the same. The price is one more forward pass. Reference: Gao et al. 2021
(arXiv 2101.06983).

Knows no model, tokenizer or optimiser: the caller zeroes, clips and steps.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import torch
from torch import Tensor

from oasis_train.losses.cosine import at_least_float32
from oasis_train.training.memory import give_back_freed

Chunk = TypeVar("Chunk")

TRIM_EVERY = 8
"""Chunks after which freed memory goes back to the system: each costs some 0.1 s on a CPU."""


def cached_step(
    encode: Callable[[Chunk], Tensor],
    query_chunks: Sequence[Chunk],
    code_chunks: Sequence[Chunk],
    loss: Callable[[Tensor, Tensor], Tensor],
    *,
    backward: Callable[[Tensor], object] = torch.Tensor.backward,
    no_sync: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Tensor:
    """Add to each parameter's gradient that of loss(query vectors, code vectors); return the loss, detached.

    `encode` maps a chunk to its vectors (n, d); its parameters are the ones that are trained. All query
    chunks are encoded before all code chunks, as a plain step over the same chunks would, and the random
    state after the step is the plain step's. `loss` sees the vectors of this process in order and may gather
    those of others (`gather_vectors`). Autocast may be on around the step or inside `encode`.

    `backward` takes a scalar, one per chunk, in place of `Tensor.backward`: `accelerator.backward` scales and
    divides it as it does a loss. With DDP pass its `no_sync`: all chunks but the last run inside it, so that
    processes exchange gradients once; each process needs at least one chunk.
    """
    chunks = [*query_chunks, *code_chunks]
    if not query_chunks or not code_chunks:
        raise ValueError("A step needs at least one chunk of queries and one of codes.")
    states, vectors = [], []
    with torch.no_grad():
        for place, chunk in enumerate(chunks):
            states.append(_RandomState())
            vectors.append(encode(chunk))
            if place % TRIM_EVERY == TRIM_EVERY - 1:
                give_back_freed()
    torch.clear_autocast_cache()  # Its half-precision weights know no graph.
    after = _RandomState()

    # In full precision: a loss scaler acts in the second pass only, too late for small gradients in float16.
    leaves = [at_least_float32(vector.detach()).requires_grad_() for vector in vectors]
    value = loss(torch.cat(leaves[: len(query_chunks)]), torch.cat(leaves[len(query_chunks) :]))
    gradients = torch.autograd.grad(value, leaves)

    for place, (chunk, state, gradient) in enumerate(zip(chunks, states, gradients, strict=True)):
        is_last = place == len(chunks) - 1
        with nullcontext() if is_last else no_sync():
            state.restore()
            # The gradient of this sum by the chunk's vectors is `gradient`.
            backward((encode(chunk).to(gradient.dtype) * gradient).sum())
        if place % TRIM_EVERY == TRIM_EVERY - 1:
            give_back_freed()
    after.restore()
    return value.detach()


class _RandomState:
    """Where the random number generators of the CPU and of the current accelerator stand."""

    def __init__(self) -> None:
        self._cpu = torch.get_rng_state()
        device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        self._module = None if device is None else torch.get_device_module(device)
        self._accelerator = None if self._module is None else self._module.get_rng_state()

    def restore(self) -> None:
        torch.set_rng_state(self._cpu)
        if self._module is not None:
            self._module.set_rng_state(self._accelerator)
