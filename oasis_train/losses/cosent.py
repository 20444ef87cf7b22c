"""CoSENT: order all pairs of a batch by a graded label instead of by right and wrong, in O(n log n).

No n x n matrix is built, forward or backward. Second derivatives are not offered.
"""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from oasis_train.losses.cosine import at_least_float32


def cosent_loss(scores: Tensor, labels: Tensor, *, scale: float = 20.0) -> Tensor:
    """CoSENT over all ordered pairs of a batch, exactly, in O(n log n).

        log(1 + sum over (i, j) with label_i > label_j of exp(scale * (score_j - score_i)))

    `scores` (n,) are cosines, `labels` (n,) any numbers, which get no gradient; equal labels form no pair, so
    that a batch of one label costs 0. A padded row cannot be told from a real one: leave it out. The sum is
    not averaged: the loss grows with log n. Always computed in float32 or better, and returned so; a label
    that is not a number makes the loss so too. Reference: Su 2022 (CoSENT); scale 20 is the paper's
    temperature 0.05; the same value as sentence-transformers' `CoSENTLoss`. Sibling: `info_nce_loss`, which
    knows only right and wrong.

    >>> round(cosent_loss(torch.tensor([0.5, 0.4]), torch.tensor([1.0, 0.0]), scale=1.0).item(), 4)
    0.6444
    >>> cosent_loss(torch.tensor([0.5, 0.4]), torch.tensor([1.0, 1.0])).item()
    0.0
    """
    if scores.ndim != 1 or scores.shape != labels.shape:
        raise ValueError(f"scores and labels must both be (n,), not {scores.shape} and {labels.shape}.")
    scaled = at_least_float32(scores) * scale
    if len(scaled) == 0:
        return scaled.sum()
    loss: Tensor = _SortedCosent.apply(scaled, labels)  # type: ignore[no-untyped-call]
    return loss


class _SortedCosent(torch.autograd.Function):
    """The loss on scaled scores x, with items sorted by label.

    Forward, a running log-sum-exp over the items gives for each i all items of smaller labels at once:
        below_i = log sum over j with label_j < label_i of exp(x_j),
        loss = log(1 + sum over i of exp(below_i - x_i)).
    Backward, the same from the other end, above_i = log sum over j with label_j > label_i of exp(-x_j):
        d loss / d x_i = exp(above_i + x_i - loss) - exp(below_i - x_i - loss).
    Neither exponent is above 0, so that nothing overflows at any scale.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, scaled: Tensor, labels: Tensor) -> Tensor:
        labels, order = torch.sort(labels.detach())
        scaled = scaled[order]
        ties = labels[1:] == labels[:-1]
        below = _log_sum_before(scaled, ties)
        total = torch.logsumexp(below - scaled, dim=0)
        # Not softplus, which leaves out the 1 beyond 20.
        loss = torch.logaddexp(total, torch.zeros_like(total))
        loss = torch.where(labels[-1] == labels[-1], loss, torch.nan)  # Not-a-numbers sort last.
        ctx.save_for_backward(scaled, order, ties, below, loss)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
        scaled, order, ties, below, loss = ctx.saved_tensors  # type: ignore[attr-defined]
        above = _log_sum_before(-scaled.flip(0), ties.flip(0)).flip(0)
        by_label = (above + scaled - loss).exp_() - (below - scaled - loss).exp_()
        return torch.empty_like(by_label).index_copy_(0, order, by_label.mul_(gradient)), None


def _log_sum_before(values: Tensor, ties: Tensor) -> Tensor:
    """For each place (n,) the log-sum-exp of all `values` (n,) before its run of equal labels.

    `ties` (n - 1,) is True where a place continues the run of the one before it; the first run gets -inf.
    """
    running = torch.logcumsumexp(values, dim=0)
    places = torch.arange(1, len(values), device=values.device)
    starts = torch.cummax(places.masked_fill(ties, 0), dim=0).values  # (n - 1,) where each later run starts
    before = running[(starts - 1).clamp_(min=0)].masked_fill_(starts == 0, -torch.inf)
    return torch.cat((before.new_full((1,), -torch.inf), before))
