"""Vectors of a further encoder, added to a snapshot bit by bit and taken away again.

Every file enters the index with the vectors of the first tier. Those of better and slower encoders arrive
later, by unit key, in any order; a snapshot may hold several encoders' vectors, each for some of its units.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from oasis_search.index.segment import Segment
from oasis_search.index.snapshot import Snapshot
from oasis_search.index.vectors import VectorColumn, missing, sign_bits


def covered(snapshot: Snapshot, fingerprint: str) -> NDArray[np.bool_]:
    """(size,) living units that have a vector of this encoder."""
    found = np.zeros(snapshot.size, bool)
    for base, segment, mask in zip(snapshot.offsets, snapshot.segments, snapshot.masks, strict=False):
        column = segment.vectors.get(fingerprint)
        if column is not None:
            np.logical_and(column.scales > 0, mask, out=found[base : base + segment.n_units])
    return found


def share_covered(snapshot: Snapshot, fingerprint: str) -> float:
    """Share of the living units that have a vector of this encoder; 1 for an empty snapshot."""
    if not snapshot.n_units:
        return 1.0
    return int(np.count_nonzero(covered(snapshot, fingerprint))) / snapshot.n_units


def add_vectors(
    snapshot: Snapshot, fingerprint: str, keys: Sequence[bytes], vectors: VectorColumn
) -> Snapshot:
    """The next snapshot, in which every unit with one of `keys` has its vector; the same if there is none.

    O(units) for the segments that hold any of the keys. Rows of `vectors` with scale 0 change nothing.
    """
    if not len(keys):
        return snapshot
    wanted = np.frombuffer(b"".join(keys), np.uint64).reshape(len(keys), 2)
    order = np.lexsort((wanted[:, 1], wanted[:, 0]))
    order = order[vectors.scales[order] > 0]
    segments = list(snapshot.segments)
    changed = False
    for at, segment in enumerate(segments):
        rows, sources = _matches(segment, wanted, order)
        if len(rows):
            segments[at] = _with_rows(segment, fingerprint, rows, vectors.take(sources))
            changed = True
    if not changed:
        return snapshot
    return replace(snapshot, generation=snapshot.generation + 1, segments=tuple(segments))


def keep_vectors(snapshot: Snapshot, fingerprints: Sequence[str]) -> Snapshot:
    """The next snapshot without the vectors of all other encoders; the same if there are none."""
    kept = set(fingerprints)
    if all(segment.vectors.keys() <= kept for segment in snapshot.segments):
        return snapshot
    segments = tuple(
        replace(
            segment,
            vectors={key: column for key, column in segment.vectors.items() if key in kept},
            signs={key: words for key, words in segment.signs.items() if key in kept},
        )
        for segment in snapshot.segments
    )
    return replace(snapshot, generation=snapshot.generation + 1, segments=segments)


def _matches(
    segment: Segment, wanted: NDArray[np.uint64], order: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of a segment whose key is wanted, and where in `wanted` it stands; `order` sorts `wanted`."""
    nothing = np.zeros(0, np.intp)
    if not len(order) or not segment.n_units:
        return nothing, nothing
    keys = np.ascontiguousarray(segment.keys).view(np.uint64)
    firsts = wanted[order, 0]
    places = np.minimum(np.searchsorted(firsts, keys[:, 0]), len(order) - 1)
    # Found by half of the key: of two that share 64 bits, which never happens, one would stay without.
    sources = order[places]
    rows = np.flatnonzero((wanted[sources] == keys).all(axis=1))
    return rows, sources[rows]


def _with_rows(segment: Segment, fingerprint: str, rows: NDArray[np.intp], vectors: VectorColumn) -> Segment:
    """The segment with some rows of an encoder's column replaced."""
    old = segment.vectors.get(fingerprint)
    if old is None or old.dim != vectors.dim:
        old = missing(segment.n_units, vectors.dim)
    codes, scales = old.codes.copy(), old.scales.copy()
    codes[rows], scales[rows] = vectors.codes, vectors.scales
    words = segment.signs.get(fingerprint)
    signs = sign_bits(codes) if words is None or len(words) != -(-vectors.dim // 64) else words.copy()
    signs[:, rows] = sign_bits(vectors.codes)
    return replace(
        segment,
        vectors={**segment.vectors, fingerprint: VectorColumn(codes, scales)},
        signs={**segment.signs, fingerprint: signs},
    )
