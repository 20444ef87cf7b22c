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
from oasis_search.index.centred import CentredPiece, centre
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
    pieces = [centre(snapshot, one.fingerprint, one.vector, query.language) for one in seen_as]
    ranking, _ = pieces[0].nearest(n_wanted, allowed=allowed, cancelled=cancelled)
    by_model = np.zeros(snapshot.size, np.intp)
    for place, piece in enumerate(pieces[1:], start=1):
        has = covered(snapshot, piece.fingerprint)
        refined, _ = piece.nearest(n_wanted, allowed=allowed, cancelled=cancelled)
        ranking = refine(ranking, has, refined, n_wanted)
        by_model[has] = place
    if query.run_bytes:
        return _runs(query, seen_as, pieces, ranking, allowed, cancelled)
    ranked_by = by_model[ranking]
    cosines, ahead = np.zeros((2, len(ranking)), np.float32)
    for place, piece in enumerate(pieces):
        own = np.flatnonzero(ranked_by == place)
        cosines[own] = piece.cosines_of(ranking[own])
        ahead[own] = leads(cosines[own])
    return [
        _neighbour(int(ranking[at]), at, float(cosines[at]), float(ahead[at]), seen_as, int(ranked_by[at]))
        for at in _whole_units(snapshot, ranking)
    ]


def _runs(
    query: SimilarQuery,
    seen_as: Sequence[QueryVector],
    pieces: Sequence[CentredPiece],
    ranking: NDArray[np.int64],
    allowed: NDArray[np.bool_] | None,
    cancelled: Callable[[], bool],
) -> list[Neighbour]:
    """Runs in the files of the ranking, by the best encoder that knows all of their units."""
    snapshot = pieces[0].snapshot
    paths = dict.fromkeys(snapshot.view(unit).path for unit in ranking.tolist())
    files = [list(snapshot.units_of(path)) for path in paths]
    if allowed is not None:
        files = [kept for units in files if (kept := [unit for unit in units if allowed[unit]])]
    asked = [unit for units in files for unit in units]
    places = range(1, len(pieces))
    knowing = [at for at in places if covered(snapshot, pieces[at].fingerprint)[asked].all()]
    place = knowing[-1] if knowing else 0
    piece = pieces[place]
    found: list[Run] = []
    for units in files:
        if cancelled():
            raise Cancelled("The search was cancelled.")
        common = piece.means.of(snapshot.view(units[0]).language)
        found += runs_of_file(snapshot, units, piece.fingerprint, piece.vector, query.run_bytes, common)
    order, cosines = best(
        snapshot,
        np.array([run.unit for run in found], np.int64),
        np.array([run.cosine for run in found], np.float32),
        len(found),
    )
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
    """(size,) `allowed` without the units that share a byte with the place: itself, around and inside it.

    Of a unit in parts all parts count, as a piece of a function is no copy of another piece of it.
    """
    mask = np.ones(snapshot.size, bool) if allowed is None else allowed.copy()
    touched = set()
    for unit in snapshot.units_of(place.path):
        segment, row = snapshot.locate(unit)
        start, end = segment.spans[row, :2].tolist()
        if start < place.end_byte and place.start_byte < end:
            touched.add(_whole(snapshot, unit))
    for unit in snapshot.units_of(place.path):
        if _whole(snapshot, unit) in touched:
            mask[unit] = False
    return mask


def _whole(snapshot: Snapshot, unit: int) -> tuple[str, int]:
    """Equal for the parts of one unit."""
    view = snapshot.view(unit)
    return view.path, view.name_span.start_byte if view.part else view.span.start_byte


def _whole_units(snapshot: Snapshot, ranking: NDArray[np.int64]) -> list[int]:
    """Places in the ranking of the best piece of every unit, in order."""
    seen: set[tuple[str, int]] = set()
    kept = []
    for at, unit in enumerate(ranking.tolist()):
        whole = _whole(snapshot, unit)
        if whole not in seen:
            seen.add(whole)
            kept.append(at)
    return kept
