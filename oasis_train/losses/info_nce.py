"""InfoNCE: draw each pair together against the rest of its batch (the paper's in-batch loss)."""

import torch
from torch import Tensor

from oasis_train.losses.cosine import cosines


def info_nce_loss(
    queries: Tensor,
    codes: Tensor,
    *,
    temperature: float = 0.05,
    mask: Tensor | None = None,
    is_anchor: Tensor | None = None,
) -> Tensor:
    """Symmetric InfoNCE over in-batch negatives.

    With s_ij = cos(q_i, c_j) / temperature the loss is the mean over i of

        ( logsumexp_j s_ij - s_ii + logsumexp_j s_ji - s_ii ) / 2

    where `queries` and `codes` are (n, d), rows i of both belonging together; they need not be normalised.
    `mask` (n, n) is True where (i, j) must not count as a negative, for instance the same documentation
    twice (`in_batch_mask`); its diagonal is ignored. `is_anchor` (n,) is False for rows whose query and code
    do not belong together: they are left out of the mean, and their texts stay negatives of all other rows.
    Without any anchor the loss is 0. Computed in float32 or better under any autocast. Reference: van den
    Oord et al. 2018. Siblings: `hard_weighted_in_batch_loss`, which compares all texts with all;
    `cosent_loss`, which takes labels.

    >>> eye = torch.eye(3)
    >>> round(info_nce_loss(eye, eye, temperature=1.0).item(), 4)
    0.5514
    >>> round(info_nce_loss(eye, eye, temperature=1.0, mask=torch.ones(3, 3, dtype=torch.bool)).item(), 4)
    0.0
    """
    if queries.shape != codes.shape or queries.ndim != 2:
        raise ValueError(f"queries and codes must both be (n, d), not {queries.shape} and {codes.shape}.")
    scores = cosines(queries, codes) / temperature  # (n, n)
    if mask is not None:
        if mask.shape != scores.shape:
            raise ValueError(f"mask must be {tuple(scores.shape)}, not {tuple(mask.shape)}.")
        diagonal = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
        scores = scores.masked_fill(mask & ~diagonal, float("-inf"))
    forward = torch.logsumexp(scores, dim=1) - scores.diagonal()  # (n,)
    backward = torch.logsumexp(scores, dim=0) - scores.diagonal()
    return mean_over_anchors((forward + backward) / 2, is_anchor)


def mean_over_anchors(losses: Tensor, is_anchor: Tensor | None) -> Tensor:
    """Mean of `losses` (n,) where `is_anchor` (n,) is True, of all when it is None; 0 where that is none."""
    if is_anchor is not None:
        if is_anchor.shape != losses.shape:
            raise ValueError(f"is_anchor must be {tuple(losses.shape)}, not {tuple(is_anchor.shape)}.")
        losses = losses[is_anchor.bool()]
    return losses.sum() / max(len(losses), 1)
