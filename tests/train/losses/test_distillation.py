"""The distillation loss against a naive loop, and what it is blind to."""

import math

import pytest
import torch
from torch import Tensor

from oasis_train.losses.distillation import distillation_loss


def naive(
    queries: Tensor, codes: Tensor, tq: Tensor, tc: Tensor, temperature: float, teacher: float
) -> float:
    def cosine(a: Tensor, b: Tensor) -> float:
        return float(a @ b / a.norm() / b.norm())

    n, total = len(queries), 0.0
    for turned in (False, True):
        for i in range(n):
            ours, theirs = [], []
            for j in range(n):
                a, b = (j, i) if turned else (i, j)
                ours.append(math.exp(cosine(queries[a], codes[b]) / temperature))
                theirs.append(math.exp(cosine(tq[a], tc[b]) / teacher))
            for r, p in zip(ours, theirs, strict=True):
                p, r = p / sum(theirs), r / sum(ours)
                total += p * math.log(p / r)
    return total / (2 * n)


def test_value_is_that_of_the_naive_loop_and_gradients_are_right() -> None:
    torch.manual_seed(3)
    queries, codes = (torch.randn(5, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    tq, tc = (torch.randn(5, 7, dtype=torch.float64) for _ in range(2))
    loss = distillation_loss(queries, codes, tq, tc, temperature=0.3, teacher_temperature=0.2)
    expected = naive(queries.detach(), codes.detach(), tq, tc, 0.3, 0.2)
    assert loss.item() == pytest.approx(expected, rel=1e-6)  # the teacher's cosines are float32
    assert torch.autograd.gradcheck(
        lambda q, c: distillation_loss(q, c, tq, tc, temperature=0.3), (queries, codes)
    )


def test_scale_of_vectors_and_dimensions_do_not_matter() -> None:
    torch.manual_seed(4)
    queries, codes = torch.randn(6, 4), torch.randn(6, 4)
    wide = torch.nn.functional.pad(queries, (0, 3)) * 5, torch.nn.functional.pad(codes, (0, 3)) * 2
    assert distillation_loss(queries, codes, *wide).item() == pytest.approx(0, abs=1e-5)


def test_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match="one shape"):
        distillation_loss(torch.ones(2, 3), torch.ones(3, 3), torch.ones(2, 3), torch.ones(2, 3))
    with pytest.raises(ValueError, match="3 rows for 2"):
        distillation_loss(torch.ones(2, 3), torch.ones(2, 3), torch.ones(3, 3), torch.ones(3, 3))
