"""What every encoder is: text in, unit-length float32 vectors out."""

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Role = Literal["query", "code"]
"""A question in words, or code; models may put another prompt before each."""

Vectors = NDArray[np.float32]


class Encoder(Protocol):
    """Turns texts into vectors that can be compared by inner product."""

    @property
    def name(self) -> str:
        """What a user calls it, e.g. `static`."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever any vector could change: vectors of two fingerprints are never mixed."""
        ...

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    @property
    def place(self) -> str:
        """Where it computes, in one phrase for people: `CPU, numpy`, `sends text to https://host/v1`."""
        ...

    def encode(self, texts: Sequence[str], role: Role = "code") -> Vectors:
        """(len(texts), dim) float32, each row of length 1 (all zeros for a text without a known token)."""
        ...
