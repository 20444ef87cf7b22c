"""Hard-negative weighting against a naive loop, finite differences, and the authors' figure."""

import math

import pytest
import torch
from torch import Tensor

from oasis_train.losses import all_texts_mask, hard_weighted_in_batch_loss


def _naive(queries: Tensor, codes: Tensor, temperature: float, is_anchor: list[bool], mask: Tensor) -> float:
    n = len(queries)
    texts = [*queries, *codes]

    def score(a: int, b: int) -> float:
        return float(texts[a] @ texts[b] / (texts[a].norm() * texts[b].norm())) / temperature

    losses = []
    for row in range(n):
        for text, partner in ((row, row + n), (row + n, row)):
            if not is_anchor[row]:
                continue
            others = [k for k in range(2 * n) if k not in (text, partner) and not mask[text, k]]
            whole = sum(math.exp(score(text, k)) for k in others)
            negatives = sum(math.exp(score(text, k)) ** 2 / whole for k in others)
            positive = math.exp(score(text, partner))
            losses.append(-math.log(positive / (positive + negatives)))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_hard_weighting_equals_the_loop_over_all_texts(n: int) -> None:
    generator = torch.Generator().manual_seed(n)
    queries, codes = torch.randn(2, n, 5, generator=generator, dtype=torch.float64)
    mask = torch.rand(2 * n, 2 * n, generator=generator) < 0.3
    is_anchor = [i % 3 != 1 for i in range(n)]
    for chosen in (mask, torch.zeros_like(mask)):
        loss = hard_weighted_in_batch_loss(
            queries, codes, temperature=0.2, is_anchor=torch.tensor(is_anchor), mask=chosen
        )
        assert loss.item() == pytest.approx(_naive(queries, codes, 0.2, is_anchor, chosen), abs=1e-9)


def test_random_directions_cost_what_the_authors_saw_at_the_start() -> None:
    queries, codes = torch.randn(2, 640, 1536, generator=torch.Generator().manual_seed(0))
    assert round(hard_weighted_in_batch_loss(queries, codes).item(), 1) == 0.9


def test_hard_weighting_gradient_agrees_with_finite_differences() -> None:
    queries, codes = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    mask = all_texts_mask(torch.tensor([1, 2, 1, 3]), torch.tensor([1, 2, 3, 2]))
    is_anchor = torch.tensor([True, True, False, True])
    assert torch.autograd.gradcheck(
        lambda q, c: hard_weighted_in_batch_loss(q, c, temperature=0.5, mask=mask, is_anchor=is_anchor),
        (queries.requires_grad_(), codes.requires_grad_()),
    )


@pytest.mark.parametrize("is_anchor", [[True, True], [False, False]])
def test_texts_without_negatives_or_anchors_cost_nothing(is_anchor: list[bool]) -> None:
    queries = torch.eye(2, requires_grad=True)
    loss = hard_weighted_in_batch_loss(
        queries, torch.eye(2), is_anchor=torch.tensor(is_anchor), mask=torch.ones(4, 4, dtype=torch.bool)
    )
    (gradient,) = torch.autograd.grad(loss, queries)
    assert loss.item() == 0.0
    assert gradient.abs().max().item() == 0.0


def test_a_nearer_negative_costs_more_than_two_farther_ones() -> None:
    query, code = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([1.0, 0.1, 0.0])
    near, far = torch.tensor([0.9, 0.5, 0.0]), torch.tensor([0.0, 0.1, 1.0])

    def loss(*negatives: Tensor) -> float:
        others = torch.stack(negatives)
        queries, codes = torch.cat((query[None], others)), torch.cat((code[None], others))
        is_anchor = torch.arange(len(queries)) == 0
        return hard_weighted_in_batch_loss(queries, codes, is_anchor=is_anchor).item()

    assert loss(near, far, far) == pytest.approx(loss(near), rel=1e-2)
    assert loss(near, far, far) > 100 * loss(far, far)


def test_hard_weighting_names_wrong_shapes() -> None:
    with pytest.raises(ValueError, match=r"\[2, 3\]"):
        hard_weighted_in_batch_loss(torch.zeros(2, 3), torch.zeros(3, 3))
    with pytest.raises(ValueError, match="mask must be"):
        hard_weighted_in_batch_loss(torch.zeros(2, 3), torch.zeros(2, 3), mask=torch.zeros(2, 2))
