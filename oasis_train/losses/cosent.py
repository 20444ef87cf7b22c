"""CoSENT: order all pairs of a batch by a graded label instead of by right and wrong, in O(n log n)."""

import torch
from torch import Tensor


def cosent_loss(scores: Tensor, labels: Tensor, *, scale: float = 20.0) -> Tensor:
    """CoSENT over all ordered pairs of a batch, exactly, in O(n log n).

        log(1 + sum over (i, j) with label_i > label_j of exp(scale * (score_j - score_i)))

    `scores` (n,) are cosines, `labels` (n,) any numbers; equal labels form no pair, and the sum is not
    averaged. Always computed in float32 or better. For each label the scores of all smaller labels are one
    running log-sum-exp over the items sorted by label, so that no n x n matrix is built. Reference: Su 2022
    (CoSENT); scale 20 is the paper's temperature 0.05.

    >>> round(cosent_loss(torch.tensor([0.5, 0.4]), torch.tensor([1.0, 0.0]), scale=1.0).item(), 4)
    0.6444
    >>> cosent_loss(torch.tensor([0.5, 0.4]), torch.tensor([1.0, 1.0])).item()
    0.0
    """
    if scores.ndim != 1 or scores.shape != labels.shape:
        raise ValueError(f"scores and labels must both be (n,), not {scores.shape} and {labels.shape}.")
    scores = scores.to(torch.promote_types(scores.dtype, torch.float32)) * scale
    labels, order = torch.sort(labels)
    scores = scores[order]
    running = torch.logcumsumexp(scores, dim=0)  # (n,) over labels up to and including this place
    n_smaller = torch.searchsorted(labels.contiguous(), labels.contiguous(), right=False)  # (n,)
    has_smaller = n_smaller > 0
    if not bool(has_smaller.any()):
        return (scores * 0.0).sum()
    exponents = running[n_smaller[has_smaller] - 1] - scores[has_smaller]
    total = torch.logsumexp(exponents, dim=0)
    # Not softplus, which leaves out the 1 beyond 20.
    return torch.logaddexp(total, torch.zeros_like(total))
