"""InfoNCE against a naive loop, sentence-transformers' own, and finite differences."""

import math

import pytest
import torch
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from torch import Tensor

from oasis_train.losses import info_nce_loss


def _naive_info_nce(queries: Tensor, codes: Tensor, temperature: float, mask: Tensor) -> float:
    def cosine(a: Tensor, b: Tensor) -> float:
        return float(a @ b / (a.norm() * b.norm()))

    n, total = len(queries), 0.0
    for i in range(n):
        allowed = [j for j in range(n) if j == i or not mask[i, j]]
        forward = sum(math.exp(cosine(queries[i], codes[j]) / temperature) for j in allowed)
        allowed = [j for j in range(n) if j == i or not mask[j, i]]
        backward = sum(math.exp(cosine(queries[j], codes[i]) / temperature) for j in allowed)
        total += math.log(forward) + math.log(backward) - 2 * cosine(queries[i], codes[i]) / temperature
    return total / (2 * n)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_info_nce_equals_the_loop_over_all_pairs(n: int) -> None:
    generator = torch.Generator().manual_seed(n)
    queries = torch.randn(n, 5, generator=generator, dtype=torch.float64)
    codes = torch.randn(n, 5, generator=generator, dtype=torch.float64)
    mask = torch.rand(n, n, generator=generator) < 0.3
    for chosen in (mask, torch.zeros_like(mask)):
        expected = _naive_info_nce(queries, codes, 0.2, chosen)
        loss = info_nce_loss(queries, codes, temperature=0.2, mask=chosen)
        assert loss.item() == pytest.approx(expected, abs=1e-9)


def test_masked_pairs_get_no_gradient() -> None:
    queries = torch.eye(2)
    codes = torch.tensor([[1.0, 0.2], [0.3, 1.0]], requires_grad=True)
    info_nce_loss(queries, codes, mask=torch.ones(2, 2, dtype=torch.bool)).backward()  # type: ignore[no-untyped-call]
    assert codes.grad is not None
    assert codes.grad.abs().max().item() == 0.0


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"\[2, 3\]"):
        info_nce_loss(torch.zeros(2, 3), torch.zeros(3, 3))
    with pytest.raises(ValueError, match="mask must be"):
        info_nce_loss(torch.zeros(2, 3), torch.zeros(2, 3), mask=torch.zeros(2, dtype=torch.bool))
    with pytest.raises(ValueError, match="is_anchor must be"):
        info_nce_loss(torch.zeros(2, 3), torch.zeros(2, 3), is_anchor=torch.ones(3, dtype=torch.bool))


def test_info_nce_equals_that_of_sentence_transformers() -> None:
    theirs = MultipleNegativesRankingLoss(
        None,  # type: ignore[arg-type]
        scale=20.0,
        directions=("query_to_doc", "doc_to_query"),
        partition_mode="per_direction",
    )
    queries, codes = torch.randn(2, 12, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = theirs.compute_loss_from_embeddings([queries, codes], torch.empty(0))
    assert info_nce_loss(queries, codes).item() == pytest.approx(expected.item(), abs=1e-9)


def test_rows_that_are_no_anchors_stay_negatives_of_the_others() -> None:
    queries, codes = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    is_anchor = torch.tensor([True, False, True, False])
    scores = torch.nn.functional.normalize(queries) @ torch.nn.functional.normalize(codes).T / 0.05
    rows = [scores[i].exp().sum().log() + scores[:, i].exp().sum().log() - 2 * scores[i, i] for i in (0, 2)]
    expected = float(sum(rows)) / 4
    assert info_nce_loss(queries, codes, is_anchor=is_anchor).item() == pytest.approx(expected, abs=1e-9)


def test_without_anchors_info_nce_is_zero_with_zero_gradient() -> None:
    queries = torch.eye(3, requires_grad=True)
    loss = info_nce_loss(queries, torch.eye(3), is_anchor=torch.zeros(3, dtype=torch.bool))
    (gradient,) = torch.autograd.grad(loss, queries)
    assert loss.item() == 0.0
    assert gradient.abs().max().item() == 0.0


def test_info_nce_gradient_agrees_with_finite_differences() -> None:
    queries, codes = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    mask = torch.rand(4, 4, generator=torch.Generator().manual_seed(4)) < 0.3
    is_anchor = torch.tensor([True, True, False, True])
    assert torch.autograd.gradcheck(
        lambda q, c: info_nce_loss(q, c, temperature=0.5, mask=mask, is_anchor=is_anchor),
        (queries.requires_grad_(), codes.requires_grad_()),
    )


def test_info_nce_under_autocast_loses_no_precision() -> None:
    queries, codes = torch.randn(2, 9, 16, generator=torch.Generator().manual_seed(5))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = info_nce_loss(queries, codes)
    assert loss.item() == info_nce_loss(queries, codes).item()
