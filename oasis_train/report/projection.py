"""Queries and targets of a trained encoder in two dimensions, by multidimensional scaling as in the paper.

Distances are those of unit vectors, sqrt(2 - 2 cosine). The run's own held-out functions are drawn: their
docstrings are the queries, their codes the targets.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oasis_search.encoder import Encoder
from oasis_train.data import Docstring, Function, ShardedTable
from oasis_train.errors import DataError

SAMPLE = 120
SEED = 3407


@dataclass(frozen=True, slots=True)
class Pairs:
    """Queries and the code that answers each."""

    queries: tuple[str, ...]
    codes: tuple[str, ...]


def held_out_pairs(corpus: Path, docstrings: Path, n: int = SAMPLE) -> Pairs:
    """Docstrings and codes of functions of held-out repositories; of all when none is held out."""
    functions = ShardedTable(corpus / "functions", Function)
    wanted = dict(islice(_codes(functions, "dev"), 20 * n)) or dict(islice(_codes(functions, ""), 20 * n))
    found = [
        (row.text, wanted[row.function])
        for row in ShardedTable(docstrings / "docstrings", Docstring)
        if row.function in wanted
    ]
    if not found:
        raise DataError(f"{corpus} holds no function with a docstring in {docstrings}.")
    chosen = np.random.default_rng(SEED).permutation(len(found))[:n]
    queries, codes = zip(*(found[at] for at in sorted(chosen)), strict=True)
    return Pairs(queries, codes)


def project(encoder: Encoder, pairs: Pairs) -> NDArray[np.float64]:
    """(2n, 2) points, queries first; the same each time."""
    queries = encoder.encode(pairs.queries, role="query")
    codes = encoder.encode(pairs.codes, role="code")
    return scale(np.concatenate([queries, codes]).astype(np.float64))


def scale(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2) points whose distances are as near to those of the (n, dim) `vectors` as possible."""
    import inspect

    from sklearn.manifold import MDS

    distances = np.sqrt(np.maximum(0, 2 - 2 * vectors @ vectors.T))
    np.fill_diagonal(distances, 0)
    known = inspect.signature(MDS).parameters
    metric = {"metric": "precomputed"} if "metric_mds" in known else {"dissimilarity": "precomputed"}
    start = {"init": "random"} if "init" in known else {}
    mds = MDS(2, n_init=1, max_iter=300, random_state=SEED, **metric, **start)
    points: NDArray[np.float64] = mds.fit_transform((distances + distances.T) / 2)
    return points


def _codes(functions: ShardedTable[Function], split: str) -> Iterator[tuple[str, str]]:
    for row in functions:
        if not split or row.split == split:
            yield row.id, row.code
