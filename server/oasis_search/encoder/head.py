"""The layer behind a sum of token vectors: one hidden layer whose answer is added to the sum.

A sum can't tell that `class` and `public` around a loop only say which language it is: each word's vector is
the same in every text. A layer that sees the whole sum can take such a part out again, and does so where
training says that it pays. Deliberately one layer: it costs a text some ten microseconds.

Both matrix products are of whole numbers below 2**24 in float32, hence exact in any order: a text's vector
does not depend, not even in its last bit, on what else is encoded with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from oasis_search.encoder.protocol import Role, Vectors

LEVELS = 127
"""Largest whole number of a weight or an input."""

WIDEST = 2**24 // LEVELS**2
"""Terms (1,040) of which a sum of products stays exact in float32."""


@dataclass(frozen=True, slots=True)
class Head:
    """normalise( v + max(0, v @ inner + bias) @ outer ) for vectors v of length 1, in 8 bits."""

    inner: NDArray[np.int8]
    """(dim, hidden)"""
    inner_scales: NDArray[np.float32]
    """(hidden,) what a step of a column of `inner` is worth."""
    bias: NDArray[np.float32]
    """(hidden,)"""
    outer: NDArray[np.int8]
    """(hidden, dim)"""
    outer_scales: NDArray[np.float32]
    """(dim,)"""

    def apply(self, vectors: Vectors) -> Vectors:
        """(n, dim) of length 1 to (n, dim) of length 1; rows of zeros stay zero. O(n x dim x hidden)."""
        steps, sizes = _whole_numbers(vectors)
        hidden = steps @ self.inner.astype(np.float32)  # whole numbers, exact
        hidden = np.maximum(hidden * (sizes * self.inner_scales) + self.bias, 0)
        steps, hidden_sizes = _whole_numbers(hidden)
        added = steps @ self.outer.astype(np.float32)  # exact as well
        found = (vectors + added * (hidden_sizes * self.outer_scales)) * (sizes > 0)
        norms = np.linalg.norm(found, axis=1, keepdims=True)
        result: Vectors = np.divide(found, norms, out=found, where=norms > 0)
        return result


_NAMES = [field.name for field in fields(Head)]


def quantise_head(inner: Vectors, bias: NDArray[np.float32], outer: Vectors) -> Head:
    """The layer of float weights (dim, hidden), (hidden,), (hidden, dim); ValueError when it is too wide."""
    if max(inner.shape) > WIDEST:
        raise ValueError(f"A layer of {inner.shape} sums more than {WIDEST} products, which are not exact.")
    steps, scales = _whole_numbers(inner.T)
    outer_steps, outer_scales = _whole_numbers(outer.T)
    return Head(
        steps.T.astype(np.int8),
        scales[:, 0],
        bias.astype(np.float32),
        outer_steps.T.astype(np.int8),
        outer_scales[:, 0],
    )


def pack_heads(heads: Mapping[Role, Head]) -> dict[str, NDArray[np.int8] | NDArray[np.float32]]:
    """Named arrays of an .npz file."""
    return {f"{role}.{name}": getattr(head, name) for role, head in heads.items() for name in _NAMES}


def unpack_heads(
    arrays: Mapping[str, NDArray[np.generic]], roles: tuple[Role, ...], dim: int
) -> dict[Role, Head]:
    """The inverse of `pack_heads`; raises ValueError with what does not fit."""
    heads: dict[Role, Head] = {}
    for role in roles:
        if missing := [name for name in _NAMES if f"{role}.{name}" not in arrays]:
            raise ValueError(f"no array {role}.{missing[0]}")
        head = Head(**{name: arrays[f"{role}.{name}"] for name in _NAMES})  # type: ignore[arg-type]
        hidden = len(head.bias)
        shapes = {name: getattr(head, name).shape for name in _NAMES}
        fitting = ((dim, hidden), (hidden,), (hidden,), (hidden, dim), (dim,))
        if tuple(shapes.values()) != fitting or max(dim, hidden) > WIDEST:
            raise ValueError(f"{role}: shapes {shapes} do not fit vectors of {dim} numbers")
        heads[role] = head
    return heads


def _whole_numbers(rows: Vectors) -> tuple[Vectors, Vectors]:
    """Whole numbers up to LEVELS (as float32) and the step (n, 1) of each row; a row of zeros has step 0."""
    sizes = np.abs(rows).max(axis=1, keepdims=True) / np.float32(LEVELS)
    steps = np.divide(rows, sizes, out=np.zeros_like(rows), where=sizes > 0)
    return np.rint(steps), sizes.astype(np.float32)
