"""The paper's loss: an in-batch loss for right pairs, and CoSENT for the order of all."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from oasis_train.losses.cosent import cosent_loss
from oasis_train.losses.cosine import pair_cosines
from oasis_train.losses.hard_weighted import hard_weighted_in_batch_loss
from oasis_train.losses.info_nce import info_nce_loss
from oasis_train.losses.masks import all_texts_mask, in_batch_mask

InBatch = Literal["info-nce", "hard-weighted"]
"""The paper's in-batch loss, or its authors'."""


@dataclass(frozen=True, slots=True)
class OasisLoss:
    """One batch's loss and its two parts, each a scalar tensor."""

    total: Tensor
    """Weighted sum of the parts."""
    in_batch: Tensor
    """Before its weight."""
    cosent: Tensor
    """Before its weight."""
    distillation: Tensor | None = None
    """Before its weight; None where no teacher ranks the batch."""

    def detach(self) -> "OasisLoss":
        """The same values without the graph that computed them."""
        taught = None if self.distillation is None else self.distillation.detach()
        return OasisLoss(self.total.detach(), self.in_batch.detach(), self.cosent.detach(), taught)

    def with_distillation(self, loss: Tensor, weight: float) -> "OasisLoss":
        """The same with weight * `loss` added (`distillation_loss` of the same batch)."""
        return OasisLoss(self.total + weight * loss, self.in_batch, self.cosent, loss)


def oasis_loss(
    query_vectors: Tensor,
    code_vectors: Tensor,
    labels: Tensor,
    is_gt: Tensor,
    *,
    in_batch: InBatch = "info-nce",
    weights: tuple[float, float] = (0.98, 0.02),
    temperature: float = 0.05,
    scale: float = 20.0,
    query_keys: Tensor | None = None,
    code_keys: Tensor | None = None,
) -> OasisLoss:
    """weights[0] * in-batch loss + weights[1] * CoSENT over the rows of one (gathered) batch.

    `query_vectors` and `code_vectors` are (n, d), a row each for a docstring and a code, right or wrong.
    `labels` (n,) are the refined teacher similarities; right pairs keep theirs, they are not set to 1. CoSENT
    orders the cosines of all n rows by them, whichever docstring they belong to. In the in-batch loss only
    rows with `is_gt` (n,) are anchors; the texts of the others are negatives. With `query_keys` and
    `code_keys` (n,) integers (equal for equal texts, both or neither), texts that belong together are not
    drawn apart (`in_batch_mask`, `all_texts_mask`).

    The default weights are the authors', published with their in-batch form "hard-weighted", whose value is
    about a seventh of that of "info-nce" at the start; so they do not transfer. Reference: the paper's
    section on training; parts: `info_nce_loss`, `hard_weighted_in_batch_loss`, `cosent_loss`.

    >>> eye, labels = torch.eye(2), torch.tensor([0.7, 0.6])
    >>> loss = oasis_loss(eye, eye, labels, torch.tensor([True, True]))
    >>> round(loss.cosent.item(), 4), round(loss.total.item(), 4)
    (0.6931, 0.0139)
    """
    if (query_keys is None) != (code_keys is None):
        raise ValueError("query_keys and code_keys go together: pass both or neither.")
    right = is_gt.to(torch.bool)
    function, mask_of = _FORMS[in_batch]
    mask = None
    if query_keys is not None and code_keys is not None:
        mask = mask_of(query_keys, code_keys, is_gt=right)
    contrast = function(query_vectors, code_vectors, temperature=temperature, is_anchor=right, mask=mask)
    order = cosent_loss(pair_cosines(query_vectors, code_vectors), labels, scale=scale)
    return OasisLoss(weights[0] * contrast + weights[1] * order, contrast, order)


_FORMS = {
    "info-nce": (info_nce_loss, in_batch_mask),
    "hard-weighted": (hard_weighted_in_batch_loss, all_texts_mask),
}
