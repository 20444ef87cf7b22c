"""The whole loss is the sum of its parts on the rows and texts that the paper names."""

import doctest
import importlib

import pytest
import torch

from oasis_train.losses import (
    InBatch,
    all_texts_mask,
    cosent_loss,
    hard_weighted_in_batch_loss,
    in_batch_mask,
    info_nce_loss,
    oasis_loss,
)


@pytest.mark.parametrize(
    "name", ["combined", "cosent", "cosine", "gather", "hard_weighted", "info_nce", "masks"]
)
def test_examples_in_docstrings_hold(name: str) -> None:
    found = doctest.testmod(importlib.import_module(f"oasis_train.losses.{name}"))
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("form", ["info-nce", "hard-weighted"])
def test_the_loss_is_the_weighted_sum_of_its_parts(form: InBatch) -> None:
    generator = torch.Generator().manual_seed(1)
    queries, codes = torch.randn(2, 6, 4, generator=generator, dtype=torch.float64)
    labels = torch.rand(6, generator=generator)
    right = torch.tensor([True, False, True, True, False, True])
    query_keys, code_keys = torch.tensor([1, 1, 2, 3, 3, 4]), torch.tensor([1, 2, 2, 3, 1, 3])
    loss = oasis_loss(
        queries, codes, labels, right, in_batch=form, weights=(0.7, 0.3), temperature=0.1, scale=10.0,
        query_keys=query_keys, code_keys=code_keys,
    )  # fmt: skip
    function, mask_of = {
        "info-nce": (info_nce_loss, in_batch_mask),
        "hard-weighted": (hard_weighted_in_batch_loss, all_texts_mask),
    }[form]
    mask = mask_of(query_keys, code_keys, is_gt=right)
    in_batch = function(queries, codes, temperature=0.1, is_anchor=right, mask=mask)
    cosent = cosent_loss(torch.cosine_similarity(queries, codes), labels, scale=10.0)
    assert loss.in_batch.item() == pytest.approx(in_batch.item(), abs=1e-12)
    assert loss.cosent.item() == pytest.approx(cosent.item(), abs=1e-12)
    assert loss.total.item() == pytest.approx(0.7 * in_batch.item() + 0.3 * cosent.item(), abs=1e-12)


@pytest.mark.parametrize("form", ["info-nce", "hard-weighted"])
def test_the_whole_gradient_agrees_with_finite_differences(form: InBatch) -> None:
    generator = torch.Generator().manual_seed(2)
    queries, codes = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    labels, right = torch.rand(5, generator=generator), torch.tensor([True, False, True, False, True])
    assert torch.autograd.gradcheck(
        lambda q, c: oasis_loss(q, c, labels, right, in_batch=form, temperature=0.5, scale=2.0).total,
        (queries.requires_grad_(), codes.requires_grad_()),
    )


@pytest.mark.parametrize("form", ["info-nce", "hard-weighted"])
def test_half_precision_vectors_give_a_full_precision_loss_and_their_own_gradient(form: InBatch) -> None:
    generator = torch.Generator().manual_seed(3)
    queries, codes = torch.randn(2, 5, 8, generator=generator).bfloat16()
    queries.requires_grad_()
    loss = oasis_loss(queries, codes, torch.arange(5) / 5, torch.ones(5, dtype=torch.bool), in_batch=form)
    (gradient,) = torch.autograd.grad(loss.total, queries)
    assert loss.total.dtype == torch.float32
    assert gradient.dtype == torch.bfloat16


def test_without_right_pairs_only_the_order_is_learnt() -> None:
    wrong = torch.zeros(4, dtype=torch.bool)
    loss = oasis_loss(torch.eye(4), torch.eye(4), torch.arange(4) / 4, wrong)
    assert loss.in_batch.item() == 0.0
    assert loss.total.item() == pytest.approx(0.02 * loss.cosent.item())


def test_keys_of_one_kind_alone_are_refused() -> None:
    with pytest.raises(ValueError, match="pass both or neither"):
        oasis_loss(torch.eye(2), torch.eye(2), torch.zeros(2), torch.ones(2), query_keys=torch.arange(2))
