"""The losses against naive loops, hand-worked numbers, and finite differences."""

import math

import pytest
import torch  # noqa: TID253 - the trainer's own tests
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch import Tensor  # noqa: TID253 - as above

from oasis_train.losses import cosent_loss, info_nce_loss


def _naive_cosent(scores: list[float], labels: list[float], scale: float) -> float:
    total = 1.0
    for score_i, label_i in zip(scores, labels, strict=True):
        for score_j, label_j in zip(scores, labels, strict=True):
            if label_i > label_j:
                total += math.exp(scale * (score_j - score_i))
    return math.log(total)


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


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.floats(-1, 1), st.integers(0, 4)), min_size=1, max_size=20))
@example([(0.0, 0), (0.0, 1), (1.0, 0)])
def test_cosent_equals_the_loop_over_all_pairs_with_ties_excluded(rows: list[tuple[float, int]]) -> None:
    scores = [score for score, _ in rows]
    labels = [label / 4 for _, label in rows]
    loss = cosent_loss(torch.tensor(scores, dtype=torch.float64), torch.tensor(labels), scale=20.0)
    assert loss.item() == pytest.approx(_naive_cosent(scores, labels, 20.0), abs=1e-9)


def test_cosent_gradient_agrees_with_finite_differences() -> None:
    generator = torch.Generator().manual_seed(3)
    scores = torch.rand(9, dtype=torch.float64, generator=generator, requires_grad=True)
    labels = torch.tensor([0.1, 0.1, 0.7, 0.3, 0.9, 0.3, 0.3, 0.5, 0.0])
    assert torch.autograd.gradcheck(lambda s: cosent_loss(s, labels, scale=5.0), (scores,))


def test_cosent_of_equal_labels_is_zero_and_still_has_a_gradient() -> None:
    scores = torch.tensor([0.3, 0.1], requires_grad=True)
    cosent_loss(scores, torch.ones(2)).backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    assert scores.grad.tolist() == [0.0, 0.0]


def test_cosent_in_half_precision_is_computed_in_full() -> None:
    scores = torch.tensor([0.5, 0.25, -0.5], dtype=torch.bfloat16)
    loss = cosent_loss(scores, torch.tensor([0.0, 0.5, 1.0]))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(_naive_cosent([0.5, 0.25, -0.5], [0.0, 0.5, 1.0], 20.0), rel=1e-5)


def test_cosent_of_many_pairs_needs_no_square_matrix() -> None:
    n = 200_000  # a 200,000 x 200,000 matrix would take 160 GB
    labels = torch.linspace(0, 1, n)
    assert cosent_loss(labels, labels).item() > math.log(n)


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
    with pytest.raises(ValueError, match=r"both be \(n,\)"):
        cosent_loss(torch.zeros(2), torch.zeros(3))
