"""Where a table starts: random rows, or a teacher's vectors of single words, shortened by PCA and weighted.

A sentence encoder's vectors of single words carry what it knows about people's words into a table that no
amount of code documentation would teach (in the manner of model2vec).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oasis_search.encoder import load
from oasis_search.encoder.protocol import Vectors

PCA_WORDS = 20_000
"""The most frequent words decide the directions that are kept."""

FLOOR = 0.02
"""Least weight of a frequent word: training may raise it again."""


@dataclass(frozen=True, slots=True)
class InitialConfig:
    """Vocabulary and where its vectors start."""

    vocabulary: int = 48_000
    """Words at most; 256 bytes each on disk."""
    min_count: int = 4
    """Rarer words are read in pieces."""
    teacher: str = ""
    """Model (folder, name, `package:NAME`) whose vectors of single words are the start; random without."""
    smoothing: float = 1e-3
    """a of SIF's a / (a + p): how steeply frequent words start below rare ones."""


def initial_table(
    vocabulary: Sequence[str], counts: NDArray[np.int64], dim: int, config: InitialConfig, seed: int
) -> Vectors:
    """(words, dim) where training starts; `counts` are the words' occurrences, most frequent first."""
    if not config.teacher:
        table = random_table(len(vocabulary), dim, seed)
    else:
        table = reduce_vectors(load(config.teacher).encode(vocabulary, role="query"), dim)
    table *= frequency_weights(counts, config.smoothing)[:, None]
    return table


def random_table(n_words: int, dim: int, seed: int) -> Vectors:
    """Rows of length 1 in random directions."""
    rows = np.random.default_rng(seed).normal(size=(n_words, dim))
    table: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return table


def reduce_vectors(vectors: Vectors, dim: int) -> Vectors:
    """(words, dim) main components of `vectors` (words in order of frequency), rows of length 1.

    With fewer dimensions to choose from than `dim`, the rest are zeros.
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0)
    _, _, directions = np.linalg.svd(centred[:PCA_WORDS], full_matrices=False)
    reduced = centred @ directions[:dim].T
    norms = np.linalg.norm(reduced, axis=1, keepdims=True)
    reduced = np.divide(reduced, norms, out=np.zeros_like(reduced), where=norms > 0)
    return np.pad(reduced, ((0, 0), (0, dim - reduced.shape[1]))).astype(np.float32)


def frequency_weights(counts: NDArray[np.int64], smoothing: float) -> NDArray[np.float32]:
    """Weight a / (a + p) of every word with share p of all occurrences (SIF, Arora 2017), plus a floor."""
    shares = counts / counts.sum()
    weights: NDArray[np.float32] = (smoothing / (smoothing + shares) + FLOOR).astype(np.float32)
    return weights
