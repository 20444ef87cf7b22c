"""Bring the rows of all processes together, in the order of their ranks, so that a batch is one batch.

Without torch.distributed, or before it is initialised, everything here returns its argument: the same
training step runs in one process and in many. Processes may hold different numbers of rows.
"""

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable


def rank_group(n_ranks: int) -> "dist.ProcessGroup | None":
    """The group of `n_ranks` neighbours (0 to n_ranks - 1, and so on) that the calling process belongs to.

    Every process must call this, once, with the same number, which divides the number of processes. None, the
    group of all, where there is no more than one group. The authors gather 8 ranks of 32.
    """
    if not _is_distributed() or n_ranks >= dist.get_world_size():
        return None
    n_all = dist.get_world_size()
    if n_ranks < 1 or n_all % n_ranks:
        raise ValueError(f"Groups of {n_ranks} ranks do not divide {n_all} processes; choose a divisor.")
    own: dist.ProcessGroup | None = None
    for first in range(0, n_all, n_ranks):
        group = dist.new_group(list(range(first, first + n_ranks)))
        if first <= dist.get_rank() < first + n_ranks:
            own = group
    return own


def gather_rows(rows: Tensor, *, group: "dist.ProcessGroup | None" = None) -> Tensor:
    """Rows (n, ...) of all processes of `group`, joined by rank, without gradient; for labels and keys.

    Two collectives: the numbers of rows, then the rows, padded to the most.
    """
    if not _is_distributed():
        return rows.detach()
    return torch.cat(_gather(rows.detach(), group))


def gather_vectors(
    vectors: Tensor, *, with_gradient: bool = True, group: "dist.ProcessGroup | None" = None
) -> Tensor:
    """Vectors (n, d) of all processes of `group`, joined by rank, through which a loss can be differentiated.

    With gradient, a process receives the sum over the group of what each process's loss says about its rows.
    When all compute the same loss on the joined batch, that is the group's size times the loss's gradient;
    DDP then averages over processes, so that parameters get exactly the gradient of one process on the joined
    batch (with several groups, of the mean of their losses).

    Without gradient, only this process's own rows carry any, from its own loss, as the authors train: after
    DDP's average, parameters get the gradient of the joined batch divided by the size of the group. Its
    backward pass needs no collective.

    >>> gather_vectors(torch.eye(2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    if not _is_distributed():
        return vectors
    if with_gradient:
        gathered: Tensor = _GatherWithGradient.apply(vectors, group)  # type: ignore[no-untyped-call]
        return gathered
    parts = _gather(vectors.detach(), group)
    parts[dist.get_rank(group)] = vectors
    return torch.cat(parts)


class _GatherWithGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, vectors: Tensor, group: "dist.ProcessGroup | None") -> Tensor:
        parts = _gather(vectors, group)
        rank = dist.get_rank(group)
        first = sum(map(len, parts[:rank]))
        ctx.group, ctx.own = group, slice(first, first + len(vectors))  # type: ignore[attr-defined]
        return torch.cat(parts)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total, group=ctx.group)  # type: ignore[attr-defined]
        return total[ctx.own], None  # type: ignore[attr-defined]


def _gather(rows: Tensor, group: "dist.ProcessGroup | None") -> list[Tensor]:
    """Every process's rows, own ones included, on this device."""
    n_processes = dist.get_world_size(group)
    counts = [torch.zeros(1, dtype=torch.long, device=rows.device) for _ in range(n_processes)]
    dist.all_gather(counts, torch.tensor([len(rows)], device=rows.device), group=group)
    n_rows = [int(count) for count in counts]
    padded = rows.new_zeros((max(n_rows), *rows.shape[1:]))
    padded[: len(rows)] = rows
    parts = [torch.empty_like(padded) for _ in range(n_processes)]
    dist.all_gather(parts, padded, group=group)
    return [part[:n] for part, n in zip(parts, n_rows, strict=True)]


def _is_distributed() -> bool:
    return dist.is_available() and dist.is_initialized()
