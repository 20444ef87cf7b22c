"""Losses of the paper as pure functions of tensors; nothing here knows a model or a trainer.

`info_nce_loss` draws each pair together against the rest of its batch. `cosent_loss` orders all pairs of a
batch by a graded label instead of by right and wrong. The paper adds the two.
"""

import torch
from torch import Tensor


def info_nce_loss(
    queries: Tensor, codes: Tensor, *, temperature: float = 0.05, mask: Tensor | None = None
) -> Tensor:
    """Symmetric InfoNCE over in-batch negatives.

    With s_ij = cos(q_i, c_j) / temperature the loss is the mean over i of

        ( logsumexp_j s_ij - s_ii + logsumexp_j s_ji - s_ii ) / 2

    where `queries` and `codes` are (n, d), rows i of both belonging together; they need not be normalised.
    `mask` (n, n) is True where (i, j) must not count as a negative, for instance the same documentation
    twice; its diagonal is ignored. Reference: van den Oord et al. 2018; sibling: `cosent_loss`, which takes
    labels.

    >>> eye = torch.eye(3)
    >>> round(info_nce_loss(eye, eye, temperature=1.0).item(), 4)
    0.5514
    >>> round(info_nce_loss(eye, eye, temperature=1.0, mask=torch.ones(3, 3, dtype=torch.bool)).item(), 4)
    0.0
    """
    if queries.shape != codes.shape or queries.ndim != 2:
        raise ValueError(f"queries and codes must both be (n, d), not {queries.shape} and {codes.shape}.")
    queries = torch.nn.functional.normalize(queries, dim=1)
    codes = torch.nn.functional.normalize(codes, dim=1)
    scores = queries @ codes.T / temperature  # (n, n)
    if mask is not None:
        if mask.shape != scores.shape:
            raise ValueError(f"mask must be {tuple(scores.shape)}, not {tuple(mask.shape)}.")
        diagonal = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
        scores = scores.masked_fill(mask & ~diagonal, float("-inf"))
    targets = torch.arange(len(scores), device=scores.device)
    forward = torch.nn.functional.cross_entropy(scores, targets)
    backward = torch.nn.functional.cross_entropy(scores.T, targets)
    return (forward + backward) / 2


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
