"""Token ids to the arrays that an ONNX encoder takes: padded ids, which of them count, how they are pooled.

Pooling is a weighted sum of token vectors, with the weights made here: one graph serves mean, first and last
token. Padding is on the right, where no causal model looks and every other model has a mask.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oasis_search.encoder.merging import MergedText, merge_pool, merge_text, stage_arrays
from oasis_search.encoder.modules import Pooling

Array = NDArray[Any]


class TextPacker:
    """Texts of one model to arrays; keeps nothing between texts."""

    def __init__(
        self,
        pooling: Pooling,
        pad_id: int,
        *,
        merge_layers: Sequence[int] = (),
        n_layers: int = 1,
        punctuation: NDArray[np.bool_] | None = None,
    ) -> None:
        """`merge_layers` are the layers before which tokens are merged, empty for none (see merging.py)."""
        self._pooling = pooling
        self._pad_id = pad_id
        self._punctuation = punctuation if merge_layers else None
        bounds = [0, *merge_layers, n_layers]
        self._shares = np.diff(bounds) / n_layers

    def prepare(self, ids: Sequence[int]) -> MergedText:
        """One text, its tokens grouped if the model merges tokens."""
        array = np.array(ids, dtype=np.int32)
        if self._punctuation is None or not len(array):
            return MergedText(array, ())
        return merge_text(array, self._punctuation)

    def cost(self, text: MergedText) -> int:
        """What a text costs: its number of tokens, on average over the layers."""
        if not text.stages:
            return len(text.ids)
        return int(np.ceil(self._shares @ np.array(text.sizes)))

    def pack(self, texts: Sequence[MergedText], *, skip: int = 0) -> dict[str, Array]:
        """The inputs of a graph by name, for texts of at least one token each.

        `ids` and `mask` (n, longest) int32, `pool` float32 (n, longest, or what it is merged to), and of each
        stage `merge_1` (n, after, before) and `bias_1` (n, after), `merge_2` and `bias_2`. `skip` leading
        tokens of each text are its prompt, left out of the pooling; a text of nothing else pools to its first
        token (cls) or to zeros (mean).
        """
        lengths = np.array([len(text.ids) for text in texts])
        position = np.arange(lengths.max())
        is_token = position < lengths[:, None]
        ids = np.full(is_token.shape, self._pad_id, dtype=np.int32)
        ids[is_token] = np.concatenate([text.ids for text in texts])
        pool = self._pool(lengths, skip)
        arrays: dict[str, Array] = {"ids": ids, "mask": is_token.astype(np.int32), "pool": pool}
        if texts[0].stages:
            arrays["pool"] = merge_pool(pool, texts)
            for number, stage in enumerate(stage_arrays(texts), 1):
                arrays[f"merge_{number}"] = stage.average
                arrays[f"bias_{number}"] = stage.bias
        return arrays

    def _pool(self, lengths: NDArray[np.int64], skip: int) -> NDArray[np.float32]:
        """(n, longest): a row sums to 1, or is all zeros."""
        position = np.arange(lengths.max())
        if self._pooling == "lasttoken":
            pooled = position == lengths[:, None] - 1
        elif self._pooling == "cls":
            pooled = position == np.where(lengths > skip, skip, 0)[:, None]
        else:
            pooled = (position < lengths[:, None]) & (position >= skip)
        pool = pooled / np.maximum(pooled.sum(axis=1, keepdims=True), 1)
        result: NDArray[np.float32] = pool.astype(np.float32)
        return result
