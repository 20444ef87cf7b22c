"""A cached step against the plain step, on a small BERT with dropout."""

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor
from transformers import BertConfig, BertModel

from oasis_train.losses import oasis_loss
from oasis_train.training.gradient_cache import cached_step

if TYPE_CHECKING:
    from collections.abc import Iterator

N = 10


@pytest.fixture
def model() -> BertModel:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.2,
    )  # fmt: skip
    made: BertModel = BertModel(config, add_pooling_layer=False).train()
    return made


def chunks_of(size: int) -> tuple[list[Tensor], list[Tensor]]:
    queries, codes = torch.randint(50, (2, N, 7), generator=torch.Generator().manual_seed(1))
    return list(torch.split(queries, size)), list(torch.split(codes, size))


def encoder(model: BertModel) -> Callable[[Tensor], Tensor]:
    def encode(ids: Tensor) -> Tensor:
        states: Tensor = model(input_ids=ids).last_hidden_state
        return states.mean(dim=1)

    return encode


def loss_of(queries: Tensor, codes: Tensor) -> Tensor:
    return oasis_loss(queries, codes, torch.linspace(0, 0.9, N), torch.arange(N) % 3 > 0).total


def gradients(model: BertModel) -> Tensor:
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def plain_step(model: BertModel, size: int) -> tuple[float, Tensor]:
    torch.manual_seed(7)
    model.zero_grad()
    queries, codes = (torch.cat([encoder(model)(chunk) for chunk in side]) for side in chunks_of(size))
    value = loss_of(queries, codes)
    value.backward()  # type: ignore[no-untyped-call]
    return value.item(), gradients(model)


def run_cached(model: BertModel, size: int) -> tuple[float, Tensor]:
    torch.manual_seed(7)
    model.zero_grad()
    value = cached_step(encoder(model), *chunks_of(size), loss_of)
    return value.item(), gradients(model)


@pytest.mark.parametrize("size", [1, 3, N])
def test_cached_gradients_are_those_of_the_plain_step_with_the_same_dropout(
    model: BertModel, size: int
) -> None:
    found, expected = run_cached(model, size), plain_step(model, size)
    assert found[0] == expected[0]
    torch.testing.assert_close(found[1], expected[1], rtol=0, atol=1e-5)


def test_without_dropout_the_size_of_chunks_does_not_matter(model: BertModel) -> None:
    model.train(False)
    torch.testing.assert_close(run_cached(model, 3)[1], plain_step(model, N)[1], rtol=0, atol=1e-5)


def test_the_random_state_afterwards_is_that_of_the_plain_step(model: BertModel) -> None:
    run_cached(model, 3)
    after = torch.get_rng_state()
    plain_step(model, 3)
    assert after.equal(torch.get_rng_state())


def test_autocast_around_the_step_gives_the_gradients_of_the_plain_step_under_it(model: BertModel) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = run_cached(model, 3)[1]
        torch.clear_autocast_cache()
        expected = plain_step(model, 3)[1]
    torch.testing.assert_close(found, expected, rtol=0, atol=0.01 * float(expected.abs().max()))


def test_gradients_add_up_over_steps_as_after_backward(model: BertModel) -> None:
    once = run_cached(model, 5)[1]
    torch.manual_seed(7)
    cached_step(encoder(model), *chunks_of(5), loss_of)
    torch.testing.assert_close(gradients(model), 2 * once)


def test_a_scaled_backward_scales_every_gradient(model: BertModel) -> None:
    expected = run_cached(model, 5)[1] * 8

    def backward(scalar: Tensor) -> None:
        (scalar * 8).backward()  # type: ignore[no-untyped-call]

    torch.manual_seed(7)
    model.zero_grad()
    cached_step(encoder(model), *chunks_of(5), loss_of, backward=backward)
    torch.testing.assert_close(gradients(model), expected)


def test_only_the_last_chunk_runs_outside_no_sync(model: BertModel) -> None:
    is_inside, seen = False, []

    @contextmanager
    def no_sync() -> "Iterator[None]":
        nonlocal is_inside
        is_inside = True
        yield
        is_inside = False

    def encode(ids: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            seen.append(is_inside)
        return encoder(model)(ids)

    make: Callable[[], AbstractContextManager[None]] = no_sync
    cached_step(encode, *chunks_of(5), loss_of, no_sync=make)
    assert seen == [True, True, True, False]


def test_no_graph_outlives_its_chunk(model: BertModel) -> None:
    """At most one chunk's activations are alive, however many chunks there are."""
    alive, most = 0, 0

    class Activation(torch.autograd.Function):
        @staticmethod
        def forward(ctx: torch.autograd.function.FunctionCtx, vectors: Tensor) -> Tensor:
            return vectors.clone()

        @staticmethod
        def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> Tensor:
            nonlocal alive
            alive -= 1
            return gradient

    def encode(ids: Tensor) -> Tensor:
        nonlocal alive, most
        if torch.is_grad_enabled():
            alive += 1
            most = max(most, alive)
        vectors: Tensor = Activation.apply(encoder(model)(ids))  # type: ignore[no-untyped-call]
        return vectors

    cached_step(encode, *chunks_of(1), loss_of)
    assert (alive, most) == (0, 1)


def test_a_step_without_codes_is_refused(model: BertModel) -> None:
    with pytest.raises(ValueError, match="at least one chunk"):
        cached_step(encoder(model), chunks_of(5)[0], [], loss_of)
