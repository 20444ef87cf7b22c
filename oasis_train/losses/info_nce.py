"""InfoNCE: draw each pair together against the rest of its batch (the paper's in-batch loss)."""

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
