"""Takes out of a table what only says which language a code is written in.

Codes of one language share their keywords and idioms, so two of them are nearer to each other than to what
does the same in another language. The differences between the languages' mean vectors span a small subspace;
a table without it finds code across languages better and, as questions rarely turn on the language, loses
nothing elsewhere (docs/log.md has the figures).
"""

import numpy as np

from oasis_search.encoder.protocol import Vectors
from oasis_train.static.views import Ints, Views

SAMPLE = 4_000
"""Functions of a language whose mean is taken."""

LEAST = 50
"""A language of fewer functions has no mean worth taking."""


def without_languages(table: Vectors, views: Views, directions: int, seed: int) -> Vectors:
    """`table` (words, dim) without the `directions` in which the means of languages differ most.

    Means are of codes without their own names, each of length 1. With n languages there are at most n - 1
    directions; 0 leaves the table as it is. O(words x dim x directions).
    """
    generator = np.random.default_rng(seed)
    means = []
    for language in range(int(views.language.max(initial=-1)) + 1):
        rows = np.flatnonzero(views.language == language)
        if len(rows) >= LEAST:
            chosen = generator.choice(rows, min(SAMPLE, len(rows)), replace=False)
            means.append(_code_vectors(table, views, chosen).mean(axis=0))
    found = min(directions, len(means) - 1)
    if found < 1:
        return table
    differences = np.array(means) - np.mean(means, axis=0)
    _, _, axes = np.linalg.svd(differences, full_matrices=False)  # (languages, dim), the largest first
    kept = axes[:found]
    changed: Vectors = (table - (table @ kept.T) @ kept).astype(np.float32)
    return changed


def _code_vectors(table: Vectors, views: Views, rows: Ints) -> Vectors:
    """(rows, dim) normalised sums; zeros for codes without words."""
    ids, weights, lengths = views.code_without_name.take(rows)
    owner = np.repeat(np.arange(len(rows)), lengths)
    sums = np.zeros((len(rows), table.shape[1]), dtype=np.float32)
    np.add.at(sums, owner, table[ids] * weights[:, None])
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    vectors: Vectors = np.divide(sums, norms, out=np.zeros_like(sums), where=norms > 0)
    return vectors
