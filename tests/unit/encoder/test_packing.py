"""Arrays of a batch: padding and pooling weights."""

import numpy as np
import pytest

from oasis_search.encoder.modules import Pooling
from oasis_search.encoder.packing import pack

TEXTS = [np.array(ids, dtype=np.int32) for ids in ([5, 6, 7, 8], [9], [5, 4])]


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
    arrays = pack(TEXTS, pooling, skip=skip, pad_id=3)
    assert arrays["ids"].tolist() == [[5, 6, 7, 8], [9, 3, 3, 3], [5, 4, 3, 3]]
    assert arrays["mask"].tolist() == [[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0]]
    np.testing.assert_allclose(arrays["pool"], expected, rtol=1e-6)
