"""Candidates of a query and their fused score: reciprocal ranks of the lexical and of the dense rankings.

rrf(u) = sum over rankings r of share_r / (K + rank_r(u)), as in Cormack et al. 2009; a unit that a ranking
does not hold gets nothing from it. The rankings are the lexical one, the static encoder's, and that one
refined by better encoders (`tiers.refine`). Equal scores share a rank: nothing depends on their order.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oasis_search.encoder.protocol import Encoder
from oasis_search.index.dense import best, cosines_of, nearest, promising
from oasis_search.index.lexical import FLAT_BM25, FieldQuery, bm25_scores, idf_of, matched_shares, units_with
from oasis_search.index.snapshot import Snapshot
from oasis_search.index.tiers import covered
from oasis_search.search.analysis import Analysis
from oasis_search.search.tiers import QueryVector, refill, refine
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

MATCHED = 0.4
"""Share of the question's idf mass: where no unit holds as much, words tell little and a model more."""

MATCHED_LOOKED_AT = 20
"""Lexical candidates among which that unit is sought, the best first."""

MATCHED_TERMS = 32
"""Terms of the question that are looked at."""

DEFINITION_CANDIDATES = 200
"""Definitions of one name that are considered whatever their text says; a name with more is no clue."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Columns over `c` units that may become hits, ascending unit numbers."""

    units: NDArray[np.int64]
    lexical: NDArray[np.float32]
    """BM25 over text, name and path; 0 where no term stands."""
    cosine: NDArray[np.float32]
    """Similarity to the query by the static encoder; 0 where no dense ranking holds the unit."""
    fused: NDArray[np.float32]
    """1 for the best, 0 for a unit that no ranking holds."""
    refined: NDArray[np.int32]
    """Rank by the better encoders from 1; 0 where there is none or the unit is not covered or not near."""
    model_cosine: NDArray[np.float32]
    """Similarity to the query by the best of these encoders; 0 likewise."""


@dataclass(frozen=True, slots=True, eq=False)
class _Near:
    """Units (n,) that a vector is near to, in any order, with their cosines (n,)."""

    units: NDArray[np.int64]
    cosines: NDArray[np.float32]

    def over(self, units: NDArray[np.int64]) -> NDArray[np.float32]:
        """(c,) the cosines of ascending units; 0 for those that it is not near to."""
        result = np.zeros(len(units), np.float32)
        held = np.isin(self.units, units)
        result[np.searchsorted(units, self.units[held])] = self.cosines[held]
        return result


def gather(
    snapshot: Snapshot,
    analysis: Analysis,
    encoder: Encoder | None,
    allowed: NDArray[np.bool_] | None,
    weights: Weights,
    cancelled: Callable[[], bool],
    refined_by: Sequence[QueryVector] = (),
) -> Candidates:
    """The candidates of a query; `refined_by` are the better encoders, the best last."""
    lexical_scores = _lexical_scores(snapshot, analysis, weights, cancelled)
    if allowed is not None:
        lexical_scores *= allowed
    found = promising(lexical_scores, LEXICAL_CANDIDATES)
    lexical_units, lexical = best(snapshot, found, lexical_scores[found], LEXICAL_CANDIDATES)
    dense_units, cosines = np.zeros(0, np.int64), np.zeros(0, np.float32)
    first = _query_vector(encoder, analysis)
    if first is not None:
        dense_units, cosines = nearest(
            snapshot, first.fingerprint, first.vector, DENSE_CANDIDATES, allowed=allowed, cancelled=cancelled
        )
    refined, seen, near = _refined(snapshot, dense_units, refined_by, allowed, cancelled)
    defined = [units_with(snapshot, symbol.term) for symbol in analysis.symbols]
    defined = [units for units in defined if len(units) <= DEFINITION_CANDIDATES]
    if allowed is not None:
        defined = [units[allowed[units]] for units in defined]
    units = np.unique(np.concatenate([lexical_units, dense_units, refined, *defined]))
    places = np.arange(1, len(refined) + 1, dtype=np.int32)
    damped = (
        _damped(units, lexical_units, ranks(lexical)),
        _damped(units, dense_units, ranks(cosines)),
        _damped(units, refined, places.astype(np.float32)),
    )
    fused = _fuse(*damped, weights.dense_share, 0.0)
    if refined_by:
        better = _fuse(*damped, *_shares(snapshot, analysis, lexical_units, weights))
        fused = refill(fused, better, seen[units])
    cosine = np.zeros(len(units), np.float32)
    cosine[np.searchsorted(units, dense_units)] = cosines
    further = np.setdiff1d(refined, dense_units)
    if first is not None and len(further):
        cosine[np.searchsorted(units, further)] = cosines_of(
            snapshot, first.fingerprint, first.vector, further
        )
    by_model = np.zeros(len(units), np.int32)
    by_model[np.searchsorted(units, refined)] = np.where(seen[refined], places, 0) if refined_by else 0
    peak = fused.max(initial=0.0)
    fused = fused / peak if peak else fused
    return Candidates(units, lexical_scores[units], cosine, fused, by_model, near.over(units))


def _damped(
    units: NDArray[np.int64], ranked: NDArray[np.int64], rank: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(c,) `K` + rank of each of ascending `units`; infinite where the ranking does not hold it."""
    damped = np.full(len(units), np.inf, np.float32)
    damped[np.searchsorted(units, ranked)] = K + rank
    return damped


def _fuse(
    lexical: NDArray[np.float32],
    dense: NDArray[np.float32],
    refined: NDArray[np.float32],
    dense_share: float,
    model_share: float,
) -> NDArray[np.float32]:
    """(c,) sums of reciprocal damped ranks; `model_share` of the dense share is the better encoders'."""
    of_dense, of_model = np.float32(dense_share), np.float32(model_share)
    fused: NDArray[np.float32] = (
        of_dense * (1 - of_model) / dense + of_dense * of_model / refined + (1 - of_dense) / lexical
    )
    return fused


def _shares(
    snapshot: Snapshot,
    analysis: Analysis,
    lexical_units: NDArray[np.int64],
    weights: Weights,
) -> tuple[float, float]:
    """Of the dense ranking in the fusion, and of the better encoders in the dense one."""
    idf = idf_of(snapshot, list(analysis.labels)[:MATCHED_TERMS])
    _, shares = matched_shares(snapshot, idf, lexical_units[:MATCHED_LOOKED_AT])
    if shares.max(initial=0.0) >= MATCHED:
        return weights.dense_share, weights.model_share
    return weights.unmatched_dense_share, weights.unmatched_model_share


def _query_vector(encoder: Encoder | None, analysis: Analysis) -> QueryVector | None:
    """The question as the first tier sees it; None when it knows none of its words."""
    if encoder is None:
        return None
    vector = encoder.encode([analysis.text], role="query")[0]
    return QueryVector(encoder.name, encoder.fingerprint, vector) if vector.any() else None


def _refined(
    snapshot: Snapshot,
    ranking: NDArray[np.int64],
    refined_by: Sequence[QueryVector],
    allowed: NDArray[np.bool_] | None,
    cancelled: Callable[[], bool],
) -> tuple[NDArray[np.int64], NDArray[np.bool_], "_Near"]:
    """The dense ranking after every better encoder, (size,) which units any covers, what the best is near."""
    near = _Near(np.zeros(0, np.int64), np.zeros(0, np.float32))
    seen = np.zeros(snapshot.size if refined_by else 0, bool)
    if not refined_by:
        return ranking[:0], seen, near
    for query in refined_by:
        has = covered(snapshot, query.fingerprint)
        better, cosines = nearest(
            snapshot, query.fingerprint, query.vector, DENSE_CANDIDATES, allowed=allowed, cancelled=cancelled
        )
        ranking = refine(ranking, has, better, DENSE_CANDIDATES)
        seen |= has
        near = _Near(better, cosines)
    return ranking, seen, near


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
