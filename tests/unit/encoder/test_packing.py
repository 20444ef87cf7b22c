"""Arrays of a batch: padding, pooling weights and costs."""

import numpy as np
import pytest

from oasis_search.encoder.modules import Pooling
from oasis_search.encoder.packing import TextPacker

IDS = ([5, 6, 7, 8], [9], [5, 4])


@pytest.mark.parametrize(
    ("pooling", "skip", "expected"),
    [
        ("mean", 0, [[0.25] * 4, [1, 0, 0, 0], [0.5, 0.5, 0, 0]]),
        ("mean", 1, [[0, 1 / 3, 1 / 3, 1 / 3], [0, 0, 0, 0], [0, 1, 0, 0]]),
        ("cls", 0, [[1, 0, 0, 0]] * 3),
        ("cls", 1, [[0, 1, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]]),
        ("lasttoken", 1, [[0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0]]),
    ],
)
def test_pooling_weights_select_what_the_pooling_says(
    pooling: Pooling, skip: int, expected: list[list[float]]
) -> None:
    packer = TextPacker(pooling, pad_id=3)
    texts = [packer.prepare(ids) for ids in IDS]
    arrays = packer.pack(texts, skip=skip)
    assert arrays["ids"].tolist() == [[5, 6, 7, 8], [9, 3, 3, 3], [5, 4, 3, 3]]
    assert arrays["mask"].tolist() == [[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0]]
    np.testing.assert_allclose(arrays["pool"], expected, rtol=1e-6)
    assert set(arrays) == {"ids", "mask", "pool"}
    assert [packer.cost(text) for text in texts] == [4, 1, 2]


def test_cost_is_the_mean_number_of_tokens_over_the_layers() -> None:
    punctuation = np.array([False, True, False])
    packer = TextPacker("mean", 0, merge_layers=[1, 4], n_layers=6, punctuation=punctuation)
    text = packer.prepare([2, 1, 1, 1, 0, 0])  # 6 tokens, then 4, then 3
    assert text.sizes == (6, 4, 3)
    assert packer.cost(text) == 4  # (1 * 6 + 3 * 4 + 2 * 3) / 6
    arrays = packer.pack([text, packer.prepare([2])])
    assert arrays["merge_1"].shape == (2, 4, 6)
    assert arrays["merge_2"].shape == (2, 3, 4)
    np.testing.assert_allclose(arrays["pool"].sum(axis=1), 1, rtol=1e-6)
