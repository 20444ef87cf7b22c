"""CoSENT against a naive loop, the square form, sentence-transformers' own, and finite differences."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sentence_transformers.sentence_transformer.losses import CoSENTLoss
from torch import Tensor

from oasis_train.losses import cosent_loss


def _naive_cosent(scores: list[float], labels: list[float], scale: float) -> float:
    total = 1.0
    for score_i, label_i in zip(scores, labels, strict=True):
        for score_j, label_j in zip(scores, labels, strict=True):
            if label_i > label_j:
                total += math.exp(scale * (score_j - score_i))
    return math.log(total)


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


def _square_cosent(scores: Tensor, labels: Tensor, scale: float) -> Tensor:
    differences = (scores[:, None] - scores[None, :]) * scale
    differences = differences[labels[:, None] < labels[None, :]]
    return torch.logsumexp(torch.cat((differences.new_zeros(1), differences)), dim=0)


def _value_and_gradient(loss: Callable[[Tensor], Tensor], scores: Tensor) -> Tensor:
    scores = scores.detach().requires_grad_()
    value = loss(scores)
    return torch.cat((value.detach().reshape(1), *torch.autograd.grad(value, scores)))


def _random_batch(n: int, n_labels: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(n)
    scores = torch.rand(n, generator=generator, dtype=dtype) * 2 - 1
    return scores, torch.randint(n_labels, (n,), generator=generator) / n_labels


@pytest.mark.parametrize("scale", [0.1, 20.0, 1e3])
@pytest.mark.parametrize("n_labels", [2, 40, 10**9])
def test_cosent_has_value_and_gradient_of_the_square_form(scale: float, n_labels: int) -> None:
    scores, labels = _random_batch(500, n_labels)
    found = _value_and_gradient(lambda s: cosent_loss(s, labels, scale=scale), scores)
    expected = _value_and_gradient(lambda s: _square_cosent(s, labels, scale), scores)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("scale", [0.1, 20.0, 1e3])
def test_cosent_in_float32_stays_near_float64(scale: float) -> None:
    scores, labels = _random_batch(2000, 10**9, torch.float32)
    found = _value_and_gradient(lambda s: cosent_loss(s, labels, scale=scale), scores)
    exact = _value_and_gradient(lambda s: cosent_loss(s, labels, scale=scale), scores.double())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), exact, rtol=max(1e-5, scale * 1e-6), atol=scale * 1e-6)


def test_cosent_is_finite_at_any_scale() -> None:
    scores = torch.tensor([-1.0, 1.0, 1.0, -1.0])
    found = _value_and_gradient(lambda s: cosent_loss(s, torch.arange(4.0), scale=1e30), scores)
    assert found.isfinite().all()


def test_cosent_equals_that_of_sentence_transformers() -> None:
    theirs = CoSENTLoss(None, scale=20.0)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(1)
    queries, codes = torch.randn(2, 50, 8, generator=generator, dtype=torch.float64)
    labels = torch.rand(50, generator=generator)
    scores = torch.cosine_similarity(queries, codes)
    expected = theirs.compute_loss_from_embeddings([queries, codes], labels)
    assert cosent_loss(scores, labels).item() == pytest.approx(expected.item(), abs=1e-9)


def test_cosent_under_autocast_is_computed_in_float32() -> None:
    scores, labels = _random_batch(64, 10, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = cosent_loss(scores, labels)
    assert loss.dtype == torch.float32
    assert loss.item() == cosent_loss(scores, labels).item()


@pytest.mark.parametrize("n", [0, 1])
def test_cosent_of_too_few_rows_is_zero_with_zero_gradient(n: int) -> None:
    found = _value_and_gradient(lambda s: cosent_loss(s, torch.ones(n)), torch.ones(n))
    assert found.tolist() == [0.0] * (n + 1)


def test_cosent_of_a_label_that_is_no_number_is_none_either() -> None:
    assert math.isnan(cosent_loss(torch.ones(3), torch.tensor([0.1, math.nan, 0.2])).item())


def test_cosent_does_not_depend_on_the_order_of_rows() -> None:
    scores, labels = _random_batch(100, 7)
    order = torch.randperm(100, generator=torch.Generator().manual_seed(0))
    found = _value_and_gradient(lambda s: cosent_loss(s, labels[order]), scores[order])
    expected = _value_and_gradient(lambda s: cosent_loss(s, labels), scores)
    torch.testing.assert_close(found[1:], expected[1:][order], rtol=0, atol=1e-12)


def test_cosent_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match=r"both be \(n,\)"):
        cosent_loss(torch.zeros(2), torch.zeros(3))
