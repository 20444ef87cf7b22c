"""Two real processes over gloo against one process on the joined batch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from oasis_train.losses import InBatch, gather_rows, gather_vectors, rank_group
from tests.train.losses.two_processes import (
    FIRST_OF_SECOND,
    N_ROWS,
    build_batch,
    build_loss,
    build_model,
    plain_step,
)

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Tensor]]:
    """Loss and gradients in every mode, of each of two processes."""
    folder = tmp_path_factory.mktemp("gloo")
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.train.losses.two_processes", str(rank), "2",
             str(folder / "store"), str(folder / f"{rank}.pt")],
            cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    try:
        for process in processes:
            _, stderr = process.communicate(timeout=120)
            assert process.returncode == 0, stderr
    finally:
        for process in processes:
            process.kill()
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


def joined(form: InBatch, rows: slice = slice(None)) -> Tensor:
    batch = {name: column[rows] for name, column in build_batch().items()}
    return plain_step(build_model(), batch, build_loss(batch, form))


@pytest.mark.parametrize("form", ["info-nce", "hard-weighted"])
def test_two_processes_give_the_loss_and_gradient_of_one_on_the_joined_batch(
    outcomes: list[dict[str, Tensor]], form: InBatch
) -> None:
    for found in outcomes:
        torch.testing.assert_close(found[form], joined(form), rtol=0, atol=1e-12)


def test_cached_chunks_in_two_processes_give_the_same_gradient_too(outcomes: list[dict[str, Tensor]]) -> None:
    for found in outcomes:
        torch.testing.assert_close(found["cached"], joined("info-nce"), rtol=0, atol=1e-12)


def test_without_gradient_the_joined_gradient_is_divided_by_the_number_of_processes(
    outcomes: list[dict[str, Tensor]],
) -> None:
    expected = joined("info-nce")
    expected[1:] /= 2
    for found in outcomes:
        torch.testing.assert_close(found["no gradient"], expected, rtol=0, atol=1e-12)


def test_each_group_has_a_loss_of_its_own_and_gradients_are_averaged(
    outcomes: list[dict[str, Tensor]],
) -> None:
    first, second = (
        joined("info-nce", rows) for rows in (slice(FIRST_OF_SECOND), slice(FIRST_OF_SECOND, N_ROWS))
    )
    for found, own in zip(outcomes, (first, second), strict=True):
        gradients = (first[1:] + second[1:]) / 2
        torch.testing.assert_close(
            found["groups of one"], torch.cat((own[:1], gradients)), rtol=0, atol=1e-12
        )


def test_one_process_alone_gathers_its_own_rows() -> None:
    vectors = torch.eye(3, requires_grad=True)
    assert rank_group(8) is None
    assert gather_vectors(vectors) is vectors
    assert gather_rows(vectors).tolist() == vectors.tolist()
    assert not gather_rows(vectors).requires_grad
