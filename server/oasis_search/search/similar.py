"""Code that is like a given piece: its nearest units, without itself and what lies around or inside it.

Dense only, with what all code of a language has in common taken away (`index.centred`): a piece of code has
said what it is about with every one of its words, and a share of BM25 takes more than it gives (docs/log.md).
The first tier's ranking is refined by better encoders as that of a question is. A piece of several units, a
class or a file, is compared to runs of units that are as long.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from oasis_search.errors import Cancelled
from oasis_search.index.centred import centred_cosines, language_means, nearest_centred
from oasis_search.index.dense import best
from oasis_search.index.snapshot import Snapshot
from oasis_search.index.tiers import covered
from oasis_search.search.filters import allowed_units
from oasis_search.search.likeness import WAYS, Likeness, leads
from oasis_search.search.query import DEFAULT_LIMIT, Filter
from oasis_search.search.runs import Run, runs_of_file
from oasis_search.search.tiers import QueryVector, refine

WIDER = 4
"""Units asked for, for each that is wanted: pieces of long units and copies take places."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a piece of code lies in the workspace, so that it is not found itself."""

    path: str
    """Relative to the workspace folder."""
    start_byte: int
    end_byte: int


@dataclass(frozen=True, slots=True)
class SimilarQuery:
    """What is wanted; the piece itself comes as vectors."""

    limit: int = DEFAULT_LIMIT
    filter: Filter = field(default_factory=Filter)
    place: Place | None = None
    """None for code that is not in this folder."""
    language: str = ""
    """Name of the piece's language; a language that the workspace does not have is nothing special."""
    run_bytes: int = 0
    """Length of a piece that holds several units; 0 for one that is a single unit or part of one."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One unit and how near it is."""

    unit: int
    """Its number in the snapshot."""
    cosine: float
    """By the encoder that ranked it."""
    model: str
    """That encoder's name."""
    way: str
    """Which coefficients of `likeness.probability` count for it."""
    likeness: Likeness


def similar(
    snapshot: Snapshot,
    query: SimilarQuery,
    seen_as: Sequence[QueryVector],
    *,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[Neighbour]:
    """The nearest units, best first, each whole unit once; more than `query.limit`, since copies go apart.

    `seen_as` is the piece as the encoders see it, the best last; exact as `nearest` is. Empty without a
    vector. Raises Cancelled, SettingError for a glob that cannot be read.
    """
    if not seen_as or query.limit < 1 or not snapshot.n_units:
        return []
    allowed = allowed_units(snapshot, query.filter)
    if query.place is not None:
        allowed = _outside(snapshot, query.place, allowed)
    n_wanted = WIDER * query.limit + 20
    first, *better = seen_as
    ranking, _ = nearest_centred(
        snapshot, first.fingerprint, first.vector, query.language, n_wanted,
        allowed=allowed, cancelled=cancelled,
    )  # fmt: skip
    by_model = np.zeros(snapshot.size, np.intp)
    for place, vector in enumerate(better, start=1):
        has = covered(snapshot, vector.fingerprint)
        refined, _ = nearest_centred(
            snapshot, vector.fingerprint, vector.vector, query.language, n_wanted,
            allowed=allowed, cancelled=cancelled,
        )  # fmt: skip
        ranking = refine(ranking, has, refined, n_wanted)
        by_model[has] = place
    if query.run_bytes:
        return _runs(snapshot, query, seen_as, ranking, allowed, cancelled)
    ranked_by = by_model[ranking]
    cosines = _cosines(snapshot, query, ranking, seen_as, ranked_by)
    ahead = np.zeros(len(ranking), np.float32)
    for place in range(len(seen_as)):
        own = np.flatnonzero(ranked_by == place)
        ahead[own] = leads(cosines[own])
    return [
        _neighbour(int(ranking[at]), at, float(cosines[at]), float(ahead[at]), seen_as, int(ranked_by[at]))
        for at in _whole_units(snapshot, ranking)
    ]


def _runs(
    snapshot: Snapshot,
    query: SimilarQuery,
    seen_as: Sequence[QueryVector],
    ranking: NDArray[np.int64],
    allowed: NDArray[np.bool_] | None,
    cancelled: Callable[[], bool],
) -> list[Neighbour]:
    """Runs in the files of the ranking, by the best encoder that knows all of their units."""
    paths = dict.fromkeys(snapshot.view(unit).path for unit in ranking.tolist())
    files = [list(snapshot.units_of(path)) for path in paths]
    if allowed is not None:
        files = [kept for units in files if (kept := [unit for unit in units if allowed[unit]])]
    asked = [unit for units in files for unit in units]
    knowing = [vector for vector in seen_as[1:] if covered(snapshot, vector.fingerprint)[asked].all()]
    vector = knowing[-1] if knowing else seen_as[0]
    means = language_means(snapshot, vector.fingerprint, len(vector.vector))
    piece = vector.vector - means.of(query.language)
    found: list[Run] = []
    for units in files:
        if cancelled():
            raise Cancelled("The search was cancelled.")
        common = means.of(snapshot.view(units[0]).language)
        found += runs_of_file(snapshot, units, vector.fingerprint, piece, query.run_bytes, common)
    order, cosines = best(
        snapshot,
        np.array([run.unit for run in found], np.int64),
        np.array([run.cosine for run in found], np.float32),
        len(found),
    )
    place = seen_as.index(vector)
    rows = zip(order.tolist(), cosines.tolist(), leads(cosines).tolist(), strict=True)
    return [
        _neighbour(unit, at, cosine, lead, seen_as, place) for at, (unit, cosine, lead) in enumerate(rows)
    ]


def _neighbour(
    unit: int, at: int, cosine: float, lead: float, seen_as: Sequence[QueryVector], ranked_by: int
) -> Neighbour:
    """The unit at a place of the ranking, from 0, that the encoder of a number ranked."""
    likeness = Likeness(round(lead, 4), round(math.log2(at + 1), 4), round(cosine, 4))
    return Neighbour(unit, cosine, seen_as[ranked_by].model, WAYS[min(ranked_by, 1)], likeness)


def _outside(snapshot: Snapshot, place: Place, allowed: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """(size,) `allowed` without the units that share a byte with the place: itself, around and inside it."""
    mask = np.ones(snapshot.size, bool) if allowed is None else allowed.copy()
    for unit in snapshot.units_of(place.path):
        segment, row = snapshot.locate(unit)
        start, end = segment.spans[row, :2].tolist()
        if start < place.end_byte and place.start_byte < end:
            mask[unit] = False
    return mask


def _cosines(
    snapshot: Snapshot,
    query: SimilarQuery,
    units: NDArray[np.int64],
    seen_as: Sequence[QueryVector],
    by_model: NDArray[np.intp],
) -> NDArray[np.float32]:
    """(len(units),) cosine of each unit by the encoder that ranked it."""
    found = np.zeros(len(units), np.float32)
    for at, vector in enumerate(seen_as):
        rows = np.flatnonzero(by_model == at)
        found[rows] = centred_cosines(
            snapshot, vector.fingerprint, vector.vector, query.language, units[rows]
        )
    return found


def _whole_units(snapshot: Snapshot, ranking: NDArray[np.int64]) -> list[int]:
    """Places in the ranking of the best piece of every unit, in order."""
    seen: set[tuple[str, int]] = set()
    kept = []
    for at, unit in enumerate(ranking.tolist()):
        view = snapshot.view(unit)
        whole = (view.path, view.name_span.start_byte if view.part else view.span.start_byte)
        if whole not in seen:
            seen.add(whole)
            kept.append(at)
    return kept
