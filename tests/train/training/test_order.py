import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from oasis_train.training.order import epoch_order


@given(
    n_rows=st.integers(1, 300),
    batch=st.integers(1, 40),
    seed=st.integers(0, 2**31),
    epoch=st.integers(0, 20),
    share=st.floats(0, 1),
    n_groups=st.integers(0, 9),
)
def test_an_epoch_has_each_row_at_most_once_and_leaves_out_less_than_a_batch(
    n_rows: int, batch: int, seed: int, epoch: int, share: float, n_groups: int
) -> None:
    groups = np.arange(n_rows) % n_groups if n_groups else None
    order = epoch_order(n_rows, batch, seed=seed, epoch=epoch, groups=groups, share=share)
    assert len(order) == n_rows // batch * batch
    assert len(set(order.tolist())) == len(order)
    assert len(order) == 0 or order.max() < n_rows
    again = epoch_order(n_rows, batch, seed=seed, epoch=epoch, groups=groups, share=share)
    assert (order == again).all()


def test_seed_and_epoch_change_the_order() -> None:
    orders = [epoch_order(500, 10, seed=s, epoch=e).tolist() for s, e in ((1, 0), (1, 1), (2, 0))]
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_half_of_a_batch_comes_from_one_repository() -> None:
    groups = np.repeat(np.arange(5), 200)
    order = epoch_order(1000, 20, seed=1, epoch=0, groups=groups, share=0.5)
    batches = groups[order].reshape(-1, 20)
    one_repository = [len(set(batch[10:].tolist())) == 1 for batch in batches]
    assert sum(one_repository) >= len(batches) - 5  # where one repository ends, the next begins
    mixed = [len(set(batch[:10].tolist())) for batch in batches]
    assert np.mean(mixed) > 3
    later = groups[epoch_order(1000, 20, seed=1, epoch=0, groups=groups)].reshape(-1, 20)[:, -1]
    assert len(set(later[:15].tolist())) > 1


def test_clusters_stay_together_but_for_the_edges_of_batches() -> None:
    clusters = np.arange(1000) // 5
    order = epoch_order(
        1000, 100, seed=1, epoch=0, groups=np.arange(1000) // 50, share=0.5, clusters=clusters
    )
    parts = order.reshape(-1, 50)  # the mixed and the grouped part of every batch
    split = sum(len(set(clusters[part].tolist())) - 10 for part in parts)
    assert split <= 2
    assert len(set(order.tolist())) == 1000
    assert order.tolist() != sorted(order.tolist())
