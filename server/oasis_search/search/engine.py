"""One query, one snapshot, a list of hits: the whole of search, without any I/O."""

from collections.abc import Callable, Sequence

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
from oasis_search.search.tiers import QueryVector
from oasis_search.search.weights import WEIGHTS, Weights


def search(
    snapshot: Snapshot,
    query: Query,
    encoder: Encoder | None,
    *,
    refined_by: Sequence[QueryVector] = (),
    cancelled: Callable[[], bool] = lambda: False,
    weights: Weights = WEIGHTS,
) -> list[Hit]:
    """Hits of a query, best first, at most `query.limit`; empty when nothing can be asked or found.

    Without an encoder, or where its vectors are missing, the lexical ranking stands alone. `refined_by` is
    the question as better encoders see it, the best last; they may cover a part of the units. Raises
    Cancelled when `cancelled` turns true, SettingError for a glob that cannot be read.
    """
    analysis = analyse(query.text)
    if not analysis.body or not snapshot.n_units or query.limit < 1:
        return []
    allowed = allowed_units(snapshot, query.filter)
    candidates = gather(snapshot, analysis, encoder, allowed, weights, cancelled, refined_by)
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
    other files come early. Equal scores are ordered by path and place.
    """
    files = verdict.files.of_candidate
    starts, wholes = _places(snapshot, candidates.units)
    by_path = np.argsort(np.argsort(verdict.files.paths))[files]
    order = np.lexsort((starts, by_path, -np.round(verdict.scores, 6)))
    _, first = np.unique((files[order] << np.int64(_PLACE_BITS)) + wholes[order], return_index=True)
    order = order[np.sort(first)]
    scores = verdict.scores[order] * np.float32(weights.saturation) ** _earlier_alike(files[order])
    again = np.lexsort((np.arange(len(order)), -np.round(scores, 6)))[:limit]
    return order[again], scores[again]


_PLACE_BITS = 33
"""Of what `_places` tells apart within a file: 32 for a byte, one for pieces."""


def _places(snapshot: Snapshot, units: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Start byte of each unit, and a number that pieces of one long unit share: where their name starts."""
    starts, wholes = np.zeros(len(units), np.int64), np.zeros(len(units), np.int64)
    borders = np.searchsorted(units, snapshot.offsets).tolist()
    for at, segment in enumerate(snapshot.segments):
        chosen = slice(borders[at], borders[at + 1])
        rows = units[chosen] - snapshot.offsets[at]
        starts[chosen] = segment.spans[rows, 0]
        named = segment.name_spans[rows, 0].astype(np.int64) + (1 << 32)
        wholes[chosen] = np.where(segment.parts[rows] > 0, named, segment.spans[rows, 0])
    return starts, wholes


def _earlier_alike(groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """How often the value at each position stood before it."""
    order = np.argsort(groups, kind="stable")
    borders = np.flatnonzero(np.diff(groups[order], prepend=-1))
    counts = np.arange(len(groups)) - np.repeat(borders, np.diff(borders, append=len(groups)))
    result = np.empty(len(groups), np.intp)
    result[order] = counts
    return result
