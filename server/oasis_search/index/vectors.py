"""Vectors as they are stored and kept in memory: eight bits a number, one scale a row, one sign bit a number.

Rows are quantised once, when they are encoded; every later use (exact or pruned search, disk, merge) sees the
same numbers, so results do not depend on how a vector was reached.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class VectorColumn:
    """`n` quantised vectors of length `d`: row i is `codes[i] * scales[i]`."""

    codes: NDArray[np.int8]
    """(n, d)"""
    scales: NDArray[np.float32]
    """(n,) 0 where there is no vector."""

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.codes.shape[1])

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.scales)

    def take(self, rows: NDArray[np.intp] | slice) -> "VectorColumn":
        """The chosen rows."""
        return VectorColumn(self.codes[rows], self.scales[rows])

    def dequantised(self) -> NDArray[np.float32]:
        """(n, d) float32."""
        return self.codes.astype(np.float32) * self.scales[:, None]


def quantise(vectors: NDArray[np.float32]) -> VectorColumn:
    """Symmetric eight-bit rows of `vectors` (n, d); the largest magnitude of a row becomes 127.

    Cosines change by less than 0.005 for d >= 64. Rows that are zero or not finite get scale 0.
    """
    peaks = np.abs(vectors).max(axis=1, initial=0.0)
    usable = np.isfinite(peaks) & (peaks > 0)
    scales = np.where(usable, peaks / 127, 0).astype(np.float32)
    divisors = np.where(usable, scales, 1).astype(np.float32)
    codes = np.where(usable[:, None], np.rint(vectors / divisors[:, None]), 0).astype(np.int8)
    return VectorColumn(codes, scales)


def concatenate(columns: Sequence[VectorColumn]) -> VectorColumn:
    """One column with the rows of all, in order."""
    return VectorColumn(
        np.concatenate([column.codes for column in columns]),
        np.concatenate([column.scales for column in columns]),
    )


def missing(n: int, dim: int) -> VectorColumn:
    """`n` rows without a vector."""
    return VectorColumn(np.zeros((n, dim), np.int8), np.zeros(n, np.float32))


def to_bytes(column: VectorColumn) -> bytes:
    """Byte form: the scales, then the codes; `from_bytes` needs to know the number of rows."""
    return column.scales.tobytes() + column.codes.tobytes()


def from_bytes(blob: bytes, n: int) -> VectorColumn:
    """The column of `n` rows in `blob`; raises ValueError when the length does not fit."""
    scales = np.frombuffer(blob, np.float32, n)
    codes = np.frombuffer(blob, np.int8, offset=4 * n)
    return VectorColumn(codes.reshape(n, -1) if n else codes.reshape(0, 0), scales)


def sign_bits(codes: NDArray[np.int8]) -> NDArray[np.uint64]:
    """(ceil(d / 64), n) words of the signs of (n, d) codes, column by column for fast scans."""
    n, dim = codes.shape
    packed = np.packbits(codes > 0, axis=1)
    width = -(-dim // 64) * 8
    padded = np.zeros((n, width), np.uint8)
    padded[:, : packed.shape[1]] = packed
    return np.ascontiguousarray(padded.view(np.uint64).T)
