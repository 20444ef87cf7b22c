"""Functions that occur more than once: the same identifiers in a row, or nearly the same.

Two functions are near-duplicates when the Jaccard similarity of their sets of identifier triples, estimated
by 128 MinHash permutations (datasketch), reaches the threshold. Layout, comments out of the code and
punctuation play no part. The first in order stays. The index keeps about 3.3 KB per function that stays
(measured), nearly all of it datasketch's buckets: 53 million need some 175 GB; a corpus beyond the memory at
hand is built in parts, or without near-duplicates (threshold 0).
"""

import hashlib
import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from datasketch import MinHash, MinHashLSH
from numpy.typing import NDArray

N_PERMUTATIONS = 128
"""The standard error of an estimate at 0.85 is 0.03."""
RUN = 3
"""Identifiers that make one element of a set."""
_WEIGHTS = (0.2, 0.8)
"""Of a needless comparison and of a missed pair, when datasketch chooses its bands. At the threshold 0.85 it
takes 9 bands of 13: of pairs at 0.85, 0.9 and 0.95 then 69 %, 93 % and 99.8 % are compared."""
_KEPT_BITS = 0xFF
"""Of each minimum 8 bits are kept for the estimate (b-bit minwise hashing): a quarter of the memory, and
random agreement of 1/256, which is subtracted."""
_FACTORS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)
_EMPTY = MinHash(num_perm=N_PERMUTATIONS, seed=1, hashfunc=int)

Signature = NDArray[np.uint32]


def word_key(words: Sequence[str]) -> int:
    """A number that functions with the same identifiers in the same order share (64 bits, signed)."""
    digest = hashlib.blake2b(" ".join(words).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def signature(words: Sequence[str]) -> Signature:
    """MinHash of the set of triples of `words`; the same in every process."""
    hashes = np.fromiter(map(_word_hash, words), np.uint64, len(words))
    if len(hashes) >= RUN:  # else the words themselves are the set
        runs = hashes[:-2] * _FACTORS[0] + hashes[1:-1] * _FACTORS[1] + hashes[2:] * _FACTORS[2]
        hashes = runs >> np.uint64(32)
    sketch = _EMPTY.copy()
    sketch.update_batch(np.unique(hashes))
    return np.asarray(sketch.hashvalues, dtype=np.uint32)


class NearDuplicates:
    """The functions seen so far; tells whether another one is nearly one of them."""

    def __init__(self, threshold: float) -> None:
        """`threshold`: Jaccard similarity from which on two functions are near-duplicates."""
        self._threshold = threshold
        self._index = MinHashLSH(threshold=threshold, num_perm=N_PERMUTATIONS, weights=_WEIGHTS)
        self._sketch = _EMPTY.copy()
        self._kept = np.empty((1024, N_PERMUTATIONS), dtype=np.uint8)
        self._n = 0

    def add(self, sketch: Signature) -> bool:
        """Remember a function, unless it is nearly one that is known; whether it was added."""
        self._sketch.hashvalues = sketch
        short = (sketch & _KEPT_BITS).astype(np.uint8)
        if candidates := self._index.query(self._sketch):
            agreement = (self._kept[candidates] == short).mean(axis=1).max()
            chance = 1 / (_KEPT_BITS + 1)
            if (agreement - chance) / (1 - chance) >= self._threshold:
                return False
        if self._n == len(self._kept):
            self._kept = np.concatenate([self._kept, np.empty_like(self._kept)])
        self._kept[self._n] = short
        self._index.insert(self._n, self._sketch, check_duplication=False)
        self._n += 1
        return True


@lru_cache(maxsize=1 << 16)
def _word_hash(word: str) -> int:
    return zlib.crc32(word.encode("utf-8", "surrogatepass"))
