"""An encoder without a model: every word has a fixed pseudo-random vector. For tests and as a control.

Texts that share words are near, all others nearly orthogonal. The same on every machine and in every version
of Python and numpy, since the vectors are bits of BLAKE2.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from oasis_search.encoder.protocol import Role, Vectors
from oasis_search.syntax.words import identifiers, split_identifier


class HashingEncoder:
    """Bag of words, each a vector of +1 and -1 drawn from its hash."""

    def __init__(self, dim: int = 64) -> None:
        """`dim` is at most 512, the bits of one hash."""
        if not 0 < dim <= 512:
            raise ValueError(f"dim must be from 1 to 512, not {dim}.")
        self._dim = dim
        self._words: dict[str, Vectors] = {}

    @property
    def name(self) -> str:
        """`hashing`."""
        return "hashing"

    @property
    def fingerprint(self) -> str:
        """Differs per dim only."""
        return f"hashing-1-{self._dim}"

    @property
    def place(self) -> str:
        """Where it computes."""
        return "CPU, numpy"

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._dim

    def encode(self, texts: Sequence[str], role: Role = "code") -> Vectors:
        """(len(texts), dim) float32 of length 1; both roles are alike."""
        return self.encode_counts([Counter(identifiers(text)) for text in texts], role)

    def encode_counts(self, bags: Sequence[Mapping[str, int]], role: Role = "code") -> Vectors:
        """The same vectors from counts of identifiers."""
        vectors = np.zeros((len(bags), self._dim), dtype=np.float32)
        for row, bag in zip(vectors, bags, strict=True):
            words: Counter[str] = Counter()
            for identifier, count in bag.items():
                for word in split_identifier(identifier):
                    words[word] += count
            for word in sorted(words):
                row += self._word_vector(word) * np.float32(np.sqrt(words[word]))
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.divide(vectors, norms, out=vectors, where=norms > 0)
        return vectors

    def _word_vector(self, word: str) -> Vectors:
        vector = self._words.get(word)
        if vector is None:
            digest = np.frombuffer(hashlib.blake2b(word.encode()).digest(), dtype=np.uint8)
            vector = np.unpackbits(digest)[: self._dim].astype(np.float32) * 2 - 1
            self._words[word] = vector
        return vector
