"""Token ids to the arrays that an ONNX encoder takes: padded ids, which of them count, how they are pooled.

Pooling is a weighted sum of token vectors, with the weights made here: one graph serves mean, first and last
token. Padding is on the right, where no causal model looks and every other model has a mask.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oasis_search.encoder.modules import Pooling

Ids = NDArray[np.int32]


def pack(
    texts: Sequence[Ids], pooling: Pooling, *, skip: int = 0, pad_id: int = 0
) -> dict[str, NDArray[Any]]:
    """The inputs of a graph by name, each (n, longest), for texts of at least one token each.

    `ids` and `mask` (1 for a token, 0 for padding) are int32; a row of `pool` (float32) sums to 1, or is all
    zeros. `skip` leading tokens of each text are its prompt, left out of the pooling; a text of nothing else
    pools to its first token (cls) or to zeros (mean).
    """
    lengths = np.array([len(text) for text in texts])
    position = np.arange(lengths.max())
    is_token = position < lengths[:, None]
    ids = np.full(is_token.shape, pad_id, dtype=np.int32)
    ids[is_token] = np.concatenate(texts)
    if pooling == "lasttoken":
        pooled = position == lengths[:, None] - 1
    elif pooling == "cls":
        pooled = position == np.where(lengths > skip, skip, 0)[:, None]
    else:
        pooled = is_token & (position >= skip)
    pool = pooled / np.maximum(pooled.sum(axis=1, keepdims=True), 1)
    return {"ids": ids, "mask": is_token.astype(np.int32), "pool": pool.astype(np.float32)}
