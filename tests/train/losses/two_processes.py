"""One of several processes that train on one batch over gloo; run by `test_gather.py`.

    python -m tests.train.losses.two_processes RANK N_PROCESSES STORE OUT

Also the model and the batch, which the test runs in one process. Leaves a file with the gradients of every
mode.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from oasis_train.losses import InBatch, gather_rows, gather_vectors, oasis_loss, rank_group
from oasis_train.training.gradient_cache import cached_step

N_ROWS = 8
FIRST_OF_SECOND = 5
"""Uneven on purpose: rank 0 has rows 0-4, rank 1 rows 5-7."""


def build_model() -> nn.Module:
    """The same weights in every process."""
    torch.manual_seed(11)
    return nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 4)).double()


def build_batch() -> dict[str, Tensor]:
    """Features of queries and codes, labels, rights, and keys with a docstring and a code twice."""
    generator = torch.Generator().manual_seed(12)
    return {
        "queries": torch.randn(N_ROWS, 6, generator=generator, dtype=torch.float64),
        "codes": torch.randn(N_ROWS, 6, generator=generator, dtype=torch.float64),
        "labels": torch.rand(N_ROWS, generator=generator, dtype=torch.float64),
        "is_gt": torch.tensor([True, True, False, True, True, True, False, True]),
        "query_keys": torch.tensor([1, 2, 1, 4, 5, 2, 7, 8]),
        "code_keys": torch.tensor([1, 2, 3, 4, 5, 6, 4, 8]),
    }


def build_loss(
    batch: dict[str, Tensor],
    in_batch: InBatch,
    *,
    with_gradient: bool = True,
    group: dist.ProcessGroup | None = None,
) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss of vectors that this process encoded, over all processes of the group."""
    facts = {
        name: gather_rows(batch[name], group=group) for name in ("labels", "is_gt", "query_keys", "code_keys")
    }

    def loss(queries: Tensor, codes: Tensor) -> Tensor:
        queries = gather_vectors(queries, with_gradient=with_gradient, group=group)
        codes = gather_vectors(codes, with_gradient=with_gradient, group=group)
        return oasis_loss(
            queries, codes, facts["labels"], facts["is_gt"], in_batch=in_batch,
            query_keys=facts["query_keys"], code_keys=facts["code_keys"],
        ).total  # fmt: skip

    return loss


def plain_step(
    model: nn.Module, batch: dict[str, Tensor], loss: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """Loss and all parameters' gradients, one after the other."""
    model.zero_grad()
    vectors = model(torch.cat((batch["queries"], batch["codes"])))
    value = loss(*vectors.chunk(2))
    value.backward()  # type: ignore[no-untyped-call]
    return outcome(model, value)


def outcome(model: nn.Module, value: Tensor) -> Tensor:
    """Loss and gradients as one vector."""
    gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    return torch.cat([value.detach().reshape(1), *gradients])


def main(rank: int, n_processes: int, store: Path, out: Path) -> None:
    """Train in every mode and write what came out."""
    dist.init_process_group("gloo", init_method=store.as_uri(), rank=rank, world_size=n_processes)
    rows = slice(0, FIRST_OF_SECOND) if rank == 0 else slice(FIRST_OF_SECOND, N_ROWS)
    batch = {name: column[rows] for name, column in build_batch().items()}
    model = DistributedDataParallel(build_model())
    alone = rank_group(1)
    found = {
        "info-nce": plain_step(model, batch, build_loss(batch, "info-nce")),
        "hard-weighted": plain_step(model, batch, build_loss(batch, "hard-weighted")),
        "no gradient": plain_step(model, batch, build_loss(batch, "info-nce", with_gradient=False)),
        "groups of one": plain_step(model, batch, build_loss(batch, "info-nce", group=alone)),
    }
    model.zero_grad()
    queries, codes = torch.split(batch["queries"], 2), torch.split(batch["codes"], 2)
    value = cached_step(model, queries, codes, build_loss(batch, "info-nce"), no_sync=model.no_sync)
    found["cached"] = outcome(model, value)
    torch.save(found, out)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
