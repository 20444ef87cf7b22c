"""Takes out of a table what only says which language a code is written in.

Codes of one language share their keywords and idioms, so two of them are nearer to each other than to what
does the same in another language. The differences between the languages' mean vectors span a small subspace;
a table without it finds code across languages better and, as questions rarely turn on the language, loses
nothing elsewhere (docs/log.md has the figures).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from oasis_search.encoder.protocol import Vectors
from oasis_train.static.views import Ints, Views

SAMPLE = 4_000
"""Functions of a language whose mean is taken."""

LEAST = 50
"""A language of fewer functions has no mean worth taking."""

Weights = tuple[Vectors, NDArray[np.float32], Vectors]
"""Of a layer: inner (dim, hidden), bias (hidden,), outer (hidden, dim)."""


def without_languages(table: Vectors, views: Views, directions: int, seed: int) -> Vectors:
    """`table` (words, dim) without the `directions` in which the means of languages differ most.

    0 leaves the table as it is. O(words x dim x directions).
    """
    axes = language_axes(lambda rows: sum_vectors(table, views, rows), views, directions, seed)
    if not len(axes):
        return table
    changed: Vectors = (table - (table @ axes.T) @ axes).astype(np.float32)
    return changed


def language_axes(encode: Callable[[Ints], Vectors], views: Views, directions: int, seed: int) -> Vectors:
    """(n, dim) orthogonal directions in which the languages' means differ most, the largest first.

    `encode` gives the vectors, of length 1, of the codes of some rows. With L languages of `LEAST` functions
    there are at most L - 1 directions.
    """
    generator = np.random.default_rng(seed)
    means = []
    for language in range(int(views.language.max(initial=-1)) + 1):
        rows = np.flatnonzero(views.language == language)
        if len(rows) >= LEAST and directions:
            chosen = generator.choice(rows, min(SAMPLE, len(rows)), replace=False)
            means.append(encode(chosen).mean(axis=0))
    found = min(directions, len(means) - 1)
    if found < 1:
        return np.zeros((0, 0), dtype=np.float32)
    differences = np.array(means) - np.mean(means, axis=0)
    _, _, axes = np.linalg.svd(differences, full_matrices=False)
    kept: Vectors = axes[:found].astype(np.float32)
    return kept


def layer_without(weights: Weights, axes: Vectors) -> Weights:
    """The layer that gives what this one gives, without `axes`: the vector's own part along them as well.

    A unit for either sign of each axis carries that part through the rectifier, and takes it away.
    """
    inner, bias, outer = weights
    if not len(axes):
        return weights
    none = np.zeros(2 * len(axes), dtype=np.float32)
    return (
        np.concatenate([inner, axes.T, -axes.T], axis=1),
        np.concatenate([bias, none]),
        np.concatenate([outer - (outer @ axes.T) @ axes, -axes, axes]),
    )


def sum_vectors(table: Vectors, views: Views, rows: Ints) -> Vectors:
    """(rows, dim) normalised sums of codes without their own names; zeros for codes without words."""
    ids, weights, lengths = views.code_without_name.take(rows)
    owner = np.repeat(np.arange(len(rows)), lengths)
    sums = np.zeros((len(rows), table.shape[1]), dtype=np.float32)
    np.add.at(sums, owner, table[ids] * weights[:, None])
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    vectors: Vectors = np.divide(sums, norms, out=np.zeros_like(sums), where=norms > 0)
    return vectors
