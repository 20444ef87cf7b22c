"""Candidates of a query and their fused score: reciprocal ranks of the lexical and of the dense ranking.

rrf(u) = share / (K + rank_dense(u)) + (1 - share) / (K + rank_lexical(u)), as in Cormack et al. 2009; a unit
that a ranking does not hold gets nothing from it. Equal scores share a rank: nothing depends on their order.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oasis_search.encoder.protocol import Encoder
from oasis_search.index.dense import best, nearest, promising
from oasis_search.index.lexical import FLAT_BM25, FieldQuery, bm25_scores, units_with
from oasis_search.index.snapshot import Snapshot
from oasis_search.search.analysis import Analysis
from oasis_search.search.weights import Weights

K = 20
"""Damps how much the first ranks differ; 60 in the paper, whose rankings are longer."""

LEXICAL_CANDIDATES = 200
DENSE_CANDIDATES = 200
"""Units that each ranking hands on."""

COMMON_SHARE = 0.5
"""Words in more of the units are skipped, such as `self` in Python: they cost most and tell least."""

MOST_POSTINGS = 50_000
"""The same in a large workspace, by number: it bounds the time of a query (548k units: 29 ms before)."""

DEFINITION_CANDIDATES = 200
"""Definitions of one name that are considered whatever their text says; a name with more is no clue."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Columns over `c` units that may become hits, ascending unit numbers."""

    units: NDArray[np.int64]
    lexical: NDArray[np.float32]
    """BM25 over text, name and path; 0 where no term stands."""
    cosine: NDArray[np.float32]
    """Similarity to the query; 0 where it was not among the nearest."""
    fused: NDArray[np.float32]
    """1 for the best, 0 for a unit that neither ranking holds."""


def gather(
    snapshot: Snapshot,
    analysis: Analysis,
    encoder: Encoder | None,
    allowed: NDArray[np.bool_] | None,
    weights: Weights,
    cancelled: Callable[[], bool],
) -> Candidates:
    """The candidates of a query."""
    lexical_scores = _lexical_scores(snapshot, analysis, weights, cancelled)
    if allowed is not None:
        lexical_scores *= allowed
    found = promising(lexical_scores, LEXICAL_CANDIDATES)
    lexical_units, lexical = best(snapshot, found, lexical_scores[found], LEXICAL_CANDIDATES)
    dense_units, cosines = np.zeros(0, np.int64), np.zeros(0, np.float32)
    if encoder is not None:
        vector = encoder.encode([analysis.text], role="query")[0]
        if vector.any():
            dense_units, cosines = nearest(
                snapshot, encoder.fingerprint, vector, DENSE_CANDIDATES, allowed=allowed, cancelled=cancelled
            )
    defined = [units_with(snapshot, symbol.term) for symbol in analysis.symbols]
    defined = [units for units in defined if len(units) <= DEFINITION_CANDIDATES]
    if allowed is not None:
        defined = [units[allowed[units]] for units in defined]
    units = np.unique(np.concatenate([lexical_units, dense_units, *defined]))
    fused = np.zeros(len(units), np.float32)
    fused[np.searchsorted(units, dense_units)] += np.float32(weights.dense_share) / (K + ranks(cosines))
    fused[np.searchsorted(units, lexical_units)] += np.float32(1 - weights.dense_share) / (K + ranks(lexical))
    cosine = np.zeros(len(units), np.float32)
    cosine[np.searchsorted(units, dense_units)] = cosines
    peak = fused.max(initial=0.0)
    return Candidates(units, lexical_scores[units], cosine, fused / peak if peak else fused)


def ranks(descending: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rank of each of descending scores from 1; scores equal to 1e-5 share the first rank of theirs."""
    rounded = np.round(descending, 5)
    return (np.searchsorted(-rounded, -rounded, side="left") + 1).astype(np.float32)


def _lexical_scores(
    snapshot: Snapshot, analysis: Analysis, weights: Weights, cancelled: Callable[[], bool]
) -> NDArray[np.float32]:
    common_share = min(COMMON_SHARE, MOST_POSTINGS / max(1, snapshot.n_units))
    name = {term: weights.name_field * share for term, share in analysis.name.items()}
    path = {term: weights.path_field * share for term, share in analysis.path.items()}
    return bm25_scores(
        snapshot,
        FieldQuery(analysis.body, common_share=common_share),
        FieldQuery(name, FLAT_BM25),
        FieldQuery(path, FLAT_BM25),
        cancelled=cancelled,
    )
