"""Hard-negative weighting: in-batch negatives count the more, the nearer they are (the authors' form)."""

import torch
from torch import Tensor

from oasis_train.losses.cosine import cosines
from oasis_train.losses.info_nce import mean_over_anchors


def hard_weighted_in_batch_loss(
    queries: Tensor,
    codes: Tensor,
    *,
    temperature: float = 0.05,
    is_anchor: Tensor | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Contrast over all 2n texts of a batch, each negative weighted by its softmax among the negatives.

    With s the cosines of all 2n texts (queries, then codes) over `temperature`, a a text, p the other text of
    its row, and N(a) all texts but these two and those that `mask` excludes, the loss is the mean over a of

        -log( exp(s_ap) / (exp(s_ap) + sum_k w_ak exp(s_ak)) ),    w_ak = exp(s_ak) / sum_j exp(s_aj),

    both sums over N(a). `queries` and `codes` are (n, d) and need not be normalised. `is_anchor` (n,) is
    False for rows whose texts do not belong together: neither is an a, both stay in all N. `mask` (2n, 2n) is
    True where k must not count as a negative of a (`all_texts_mask`); pairs of a row and the diagonal are
    ignored in it. A text without any negative, and a batch without any anchor, costs 0. Computed in float32
    or better under any autocast.

    The weights sum to 1 (CodeSage, arXiv 2402.01935), not to the number of negatives (Robinson et al. 2021),
    and carry gradient. The authors did not publish the normalisation; their values at random initialisation
    did: 640 pairs of random directions in 1536 dimensions cost 0.94 here, 7.5 with weights that sum to the
    number of negatives, and 7.3 without weights; reported were 0.9 with and 7.3 without. So the value is far
    below that of `info_nce_loss`, its sibling, and a weight beside CoSENT does not carry over.

    >>> eye = torch.eye(3)
    >>> round(hard_weighted_in_batch_loss(eye, eye, temperature=1.0).item(), 4)
    0.3133
    """
    if queries.shape != codes.shape or queries.ndim != 2:
        raise ValueError(f"queries and codes must both be (n, d), not {queries.shape} and {codes.shape}.")
    n = len(queries)
    texts = torch.cat((queries, codes))
    scores = cosines(texts, texts) / temperature  # (2n, 2n)
    positives = torch.cat((scores.diagonal(n), scores.diagonal(-n)))  # (2n,)
    places = torch.arange(n, device=scores.device).repeat(2)
    excluded = places[:, None] == places[None, :]  # itself and its partner
    if mask is not None:
        if mask.shape != scores.shape:
            raise ValueError(f"mask must be {tuple(scores.shape)}, not {tuple(mask.shape)}.")
        excluded = excluded | mask.bool()
    lonely = excluded.all(dim=1)  # (2n,)
    # Left with its other scores for now: a row of -inf alone would have no gradient but not-a-numbers.
    scores = scores.masked_fill(excluded & ~lonely[:, None], float("-inf"))
    negatives = torch.logsumexp(2 * scores, dim=1) - torch.logsumexp(scores, dim=1)  # log sum_k w exp(s)
    surplus = negatives - positives
    losses = torch.logaddexp(surplus, torch.zeros_like(surplus)).masked_fill(lonely, 0.0)
    return mean_over_anchors(losses.reshape(2, n).mean(dim=0), is_anchor)
