"""One query, one snapshot, a list of hits: the whole of search, without any I/O."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from oasis_search.encoder.protocol import Encoder
from oasis_search.errors import Cancelled
from oasis_search.index.snapshot import Snapshot
from oasis_search.search import explain, signals
from oasis_search.search.analysis import analyse
from oasis_search.search.filters import allowed_units
from oasis_search.search.fusion import Candidates, gather
from oasis_search.search.query import Hit, Query
from oasis_search.search.weights import WEIGHTS, Weights


def search(
    snapshot: Snapshot,
    query: Query,
    encoder: Encoder | None,
    *,
    cancelled: Callable[[], bool] = lambda: False,
    weights: Weights = WEIGHTS,
) -> list[Hit]:
    """Hits of a query, best first, at most `query.limit`; empty when nothing can be asked or found.

    Without an encoder, or where its vectors are missing, the lexical ranking stands alone. Raises Cancelled when
    `cancelled` turns true, SettingError for a glob that cannot be read.
    """
    analysis = analyse(query.text)
    if not analysis.body or not snapshot.n_units or query.limit < 1:
        return []
    allowed = allowed_units(snapshot, query.filter)
    candidates = gather(snapshot, analysis, encoder, allowed, weights, cancelled)
    if not len(candidates.units):
        return []
    if cancelled():
        raise Cancelled("The search was cancelled.")
    verdict = signals.judge(snapshot, analysis, candidates, weights)
    rows, scores = _select(snapshot, candidates, verdict, weights, query.limit)
    return explain.hits(snapshot, analysis, candidates, verdict, rows, scores)


def _select(
    snapshot: Snapshot, candidates: Candidates, verdict: signals.Verdict, weights: Weights, limit: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Rows of the candidates to show with their final scores, best first.

    Of the pieces of one long unit the best stands for all. Every further hit of a file is worth less, so that
    other files come early.
    """
    files = verdict.files.of_candidate
    starts = _starts(snapshot, candidates.units)
    places = np.argsort(np.argsort(verdict.files.paths))[files]
    order = np.lexsort((starts[:, 0], places, -np.round(verdict.scores, 6)))
    order = order[_first_of_each(np.stack([files[order], starts[order, 1]]))]
    scores = verdict.scores[order] * np.float32(weights.saturation) ** _earlier_alike(files[order])
    again = np.lexsort((np.arange(len(order)), -np.round(scores, 6)))[:limit]
    return order[again], scores[again]


def _starts(snapshot: Snapshot, units: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n, 2) start byte of each unit, and what its pieces share: where their name starts, else the same byte."""
    result = np.zeros((len(units), 2), np.int64)
    owners = np.searchsorted(snapshot.offsets, units, side="right") - 1
    for at in np.unique(owners).tolist():
        segment, chosen = snapshot.segments[at], owners == at
        rows = units[chosen] - snapshot.offsets[at]
        result[chosen, 0] = segment.spans[rows, 0]
        pieces = segment.parts[rows] > 0
        result[chosen, 1] = np.where(pieces, -1 - segment.name_spans[rows, 0].astype(np.int64), segment.spans[rows, 0])
    return result


def _first_of_each(keys: NDArray[np.int64]) -> NDArray[np.intp]:
    """Ascending positions at which a column of `keys` stands for the first time."""
    _, first = np.unique(keys, axis=1, return_index=True)
    return np.sort(first)


def _earlier_alike(groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """How often the value at each position stood before it."""
    order = np.argsort(groups, kind="stable")
    borders = np.flatnonzero(np.diff(groups[order], prepend=-1))
    counts = np.arange(len(groups)) - np.repeat(borders, np.diff(borders, append=len(groups)))
    result = np.empty(len(groups), np.intp)
    result[order] = counts
    return result
