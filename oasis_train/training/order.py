"""In which order rows are trained on: by seed and epoch alone, so that a resume finds its place."""

import numpy as np
from numpy.typing import NDArray


def epoch_order(
    n_rows: int,
    batch: int,
    *,
    seed: int,
    epoch: int,
    groups: NDArray[np.int64] | None = None,
    share: float = 0.5,
    clusters: NDArray[np.int64] | None = None,
) -> NDArray[np.uint32]:
    """The rows of an epoch in order: each row at most once, whole batches only.

    Without `groups` every order is equally likely. With them (n_rows,), the last `share` of every batch is
    rows of one group, as far as groups are that large (small ones are put together, large ones make several
    batches); the others are drawn from all. Rows left over at the end come again in another epoch.
    """
    generator = np.random.default_rng([seed, epoch])
    order = np.arange(n_rows, dtype=np.uint32)
    generator.shuffle(order)
    if clusters is not None:
        rank = generator.permutation(int(clusters.max()) + 1)
        order = order[np.argsort(rank[clusters[order]], kind="stable")]
    n_batches = n_rows // batch
    order = order[: n_batches * batch]
    n_shared = round(share * batch)
    if groups is None or n_shared == 0:
        return order
    n_mixed = batch - n_shared
    mixed, grouped = order[: n_batches * n_mixed], order[n_batches * n_mixed :]
    found, numbers = np.unique(groups[grouped], return_inverse=True)
    shuffled = generator.permutation(len(found))  # or the same small groups would meet in every epoch
    grouped = grouped[np.argsort(shuffled[numbers], kind="stable")]
    blocks = grouped.reshape(n_batches, n_shared)[generator.permutation(n_batches)]
    return np.concatenate([mixed.reshape(n_batches, n_mixed), blocks], axis=1).reshape(-1)
