"""Tokens of a text that have come to say the same are computed once from there on.

A third of the tokens of code is punctuation and half of them repeat an earlier token. After the layers where
they pick up their surroundings, such tokens are merged: their vectors are averaged, the mean counts in
attention and in pooling as often as there were tokens (after ToMe, Bolya et al. 2023, but by token id, which
costs nothing to find). Stage one merges equal punctuation, stage two all equal tokens. What that costs in
quality and gains in speed is in docs/onnx.md. Pure numpy; only for models that see in both directions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]
Groups = NDArray[np.int64]

HIDDEN = -10000.0
"""Added to the score of padding: nothing is left of it after the softmax."""


@dataclass(frozen=True, slots=True)
class MergedText:
    """One text and what becomes of its tokens."""

    ids: Ids
    """(tokens,)"""
    stages: tuple[Groups, ...]
    """Of each stage: the group of every token of the stage before (of the text, for the first)."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many tokens there are at first and after each stage."""
        return (len(self.ids), *(int(groups.max()) + 1 for groups in self.stages))


@dataclass(frozen=True, slots=True)
class StageArrays:
    """One stage for a batch."""

    average: NDArray[np.float32]
    """(n, after, before): each row holds the shares of the tokens in a merged one."""
    bias: NDArray[np.float32]
    """(n, after): logarithm of the number of tokens in each, `HIDDEN` for padding."""


def punctuation_table(vocabulary: Mapping[str, int], special: Sequence[int], size: int) -> NDArray[np.bool_]:
    """(size,): which tokens have neither letter nor digit; special ones are no punctuation."""
    table = np.zeros(size, dtype=np.bool_)
    for token, number in vocabulary.items():
        table[number] = not any(character.isalnum() for character in token.strip("\u0120\u2581"))
    table[list(special)] = False
    return table


def merge_text(ids: Ids, is_punctuation: NDArray[np.bool_]) -> MergedText:
    """Both stages for the ids of one text of at least one token."""
    distinct = len(is_punctuation) + np.arange(len(ids))
    _, first, groups = np.unique(
        np.where(is_punctuation[ids], ids, distinct), return_index=True, return_inverse=True
    )
    _, same = np.unique(ids[first], return_inverse=True)
    return MergedText(ids, (groups, same))


def stage_arrays(texts: Sequence[MergedText]) -> list[StageArrays]:
    """What a graph needs of each stage, padded to the batch."""
    sizes = np.array([text.sizes for text in texts])  # (n, stages + 1)
    counts = np.zeros((len(texts), sizes[:, 0].max()), dtype=np.float32)
    for row, text in zip(counts, texts, strict=True):
        row[: len(text.ids)] = 1
    result = []
    for stage, longest in enumerate(sizes[:, 1:].max(axis=0)):
        average = np.zeros((len(texts), longest, counts.shape[1]), dtype=np.float32)
        for index, text in enumerate(texts):
            before = np.arange(len(text.stages[stage]))
            average[index, text.stages[stage], before] = counts[index, : len(before)]
        counts = average.sum(axis=2)  # (n, longest)
        average /= np.maximum(counts, 1)[:, :, None]
        bias = np.where(counts > 0, np.log(np.maximum(counts, 1)), np.float32(HIDDEN))
        result.append(StageArrays(average, bias.astype(np.float32)))
    return result


def merge_pool(pool: NDArray[np.float32], texts: Sequence[MergedText]) -> NDArray[np.float32]:
    """Pooling weights (n, tokens) of the tokens -> (n, merged) of what they are merged into."""
    merged = np.zeros((len(texts), max(text.sizes[-1] for text in texts)), dtype=np.float32)
    for index, text in enumerate(texts):
        groups = np.arange(len(text.ids))
        for stage in text.stages:
            groups = stage[groups]
        np.add.at(merged[index], groups, pool[index, : len(groups)])
    return merged
