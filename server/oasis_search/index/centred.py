"""Nearest units once what all code of a language has in common is taken away.

Two pieces of one language are alike by it alone, and a twin in another language is far off for the same
reason. The mean vector of a language over the workspace is what its code has in common there; with it taken
from the units and from the piece, the nearest are those that do the same. On c2c-xlang (nine languages, no
telling names) the table finds 43 instead of 36, and nothing loses: docs/ranking.md. An encoder could not do
this by itself, because it does not know the workspace.

Means are sums of whole numbers, so they depend neither on what the segments are nor on the order of rows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from oasis_search.index.dense import best, nearest
from oasis_search.index.segment import Segment
from oasis_search.index.snapshot import Snapshot
from oasis_search.index.vectors import VectorColumn

PRIOR = 20
"""Units that count as having the mean of all languages, and again of none at all: a language of few units,
or a workspace of few, says little about what its code has in common."""

_SCALE = 2.0**24
"""Scales as whole numbers: a product with a byte has 24 bits, so float64 adds up any segment exactly."""

_BLOCK = 1024
"""Rows converted at a time."""

_Sums = dict[str, tuple[NDArray[np.float64], int]]
"""Language -> (d,) sum of the rows in units of 1 / `_SCALE`, and how many rows it is of."""

_of_segments: WeakKeyDictionary[Segment, dict[str, _Sums]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True, eq=False)
class LanguageMeans:
    """What code has in common, by language; vectors are rows of length 1, so all means are shorter."""

    by_language: Mapping[str, NDArray[np.float64]]
    """(d,) each"""
    otherwise: NDArray[np.float64]
    """(d,) of a language that the workspace does not have."""

    def of(self, language: str) -> NDArray[np.float64]:
        """(d,) the mean that is taken from vectors of this language."""
        return self.by_language.get(language, self.otherwise)


def language_means(snapshot: Snapshot, fingerprint: str, dim: int) -> LanguageMeans:
    """Means over the living units; O(units * d) once a segment, then O(dead units * d)."""
    total: _Sums = {}
    for segment, mask, is_whole in zip(snapshot.segments, snapshot.masks, snapshot.is_whole, strict=True):
        column = segment.vectors.get(fingerprint)
        if column is None or column.dim != dim:
            continue
        known = _of_segments.setdefault(segment, {})
        if fingerprint not in known:
            known[fingerprint] = _sums(segment, column, np.arange(segment.n_units))
        _add(total, known[fingerprint], 1)
        if not is_whole:
            _add(total, _sums(segment, column, np.flatnonzero(~mask)), -1)
    everything = sum((sums for sums, _ in total.values()), np.zeros(dim))
    n_all = sum(n for _, n in total.values())
    otherwise = everything / _SCALE / (n_all + PRIOR)
    return LanguageMeans(
        {
            language: (sums / _SCALE + PRIOR * otherwise) / (n + PRIOR)
            for language, (sums, n) in total.items()
            if n
        },
        otherwise,
    )


@dataclass(frozen=True, slots=True, eq=False)
class CentredPiece:
    """A piece of code as one encoder sees it, without what its language has in common in one snapshot."""

    snapshot: Snapshot
    fingerprint: str
    means: LanguageMeans
    vector: NDArray[np.float64]
    """(d,) of length 1; zeros where nothing is left."""

    def nearest(
        self,
        limit: int,
        *,
        allowed: NDArray[np.bool_] | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """(units, cosines), best first, of at most `limit` living units, as `dense.nearest` gives them.

        Of each language the `limit` units with the largest inner product with the piece are looked at, and
        these ranked by the cosine of both centred.
        """
        if not self.vector.any():
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        of_language = _languages(self.snapshot)
        vector = self.vector.astype(np.float32)
        found = []
        for name in self.means.by_language:
            chosen = of_language[name] if allowed is None else of_language[name] & allowed
            near, _ = nearest(
                self.snapshot, self.fingerprint, vector, limit, allowed=chosen, cancelled=cancelled
            )
            found.append(near)
        units = np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)
        return best(self.snapshot, units, self.cosines_of(units), limit)

    def cosines_of(self, units: NDArray[np.int64]) -> NDArray[np.float32]:
        """(len(units),) cosines as `nearest` gives them; 0 for units without a vector."""
        found = np.zeros(len(units), np.float32)
        owners = np.searchsorted(self.snapshot.offsets, units, side="right") - 1
        for at in np.unique(owners).tolist():
            segment, places = self.snapshot.segments[at], np.flatnonzero(owners == at)
            column = segment.vectors.get(self.fingerprint)
            if column is None or column.dim != len(self.vector):
                continue
            rows = units[places] - self.snapshot.offsets[at]
            files = segment.file_of[rows].tolist()
            centres = np.stack([self.means.of(segment.languages[file]) for file in files])
            centred = column.take(rows).dequantised() - centres
            # Row by row, not by a matrix product: what else is scored must not show in the last bits.
            lengths = np.sqrt((centred * centred).sum(axis=1))
            cosines = (centred * self.vector).sum(axis=1) / np.where(lengths > 0, lengths, 1)
            found[places] = np.where(column.scales[rows] > 0, cosines, 0)
        return found


def centre(snapshot: Snapshot, fingerprint: str, vector: NDArray[np.float32], language: str) -> CentredPiece:
    """The piece of `language` whose vector (d,) an encoder gave; as dear as `language_means`."""
    means = language_means(snapshot, fingerprint, len(vector))
    return CentredPiece(snapshot, fingerprint, means, _unit(vector - means.of(language)))


def _sums(segment: Segment, column: VectorColumn, rows: NDArray[np.intp]) -> _Sums:
    """Over some rows of a segment, by language; exact."""
    names = np.array(segment.languages)[segment.file_of[rows]] if len(rows) else np.zeros(0, str)
    found: _Sums = {}
    for language in np.unique(names).tolist():
        own = rows[names == language]
        weights = np.rint(column.scales[own].astype(np.float64) * _SCALE)
        total = np.zeros(column.dim)
        for start in range(0, len(own), _BLOCK):
            block = slice(start, start + _BLOCK)
            total += weights[block] @ column.codes[own[block]].astype(np.float64)
        found[language] = (total, int(np.count_nonzero(weights)))
    return found


def _add(total: _Sums, more: _Sums, sign: int) -> None:
    for language, (sums, n) in more.items():
        before, count = total.get(language, (np.zeros(len(sums)), 0))
        total[language] = (before + sign * sums, count + sign * n)


def _languages(snapshot: Snapshot) -> dict[str, NDArray[np.bool_]]:
    """Language -> (size,) its units."""
    found: dict[str, NDArray[np.bool_]] = {}
    for base, segment in zip(snapshot.offsets, snapshot.segments, strict=False):
        names = np.array(segment.languages)
        for language in sorted(set(segment.languages)):
            mask = found.setdefault(language, np.zeros(snapshot.size, bool))
            np.take(names == language, segment.file_of, out=mask[base : base + segment.n_units])
    return found


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    length = float(np.sqrt((vector * vector).sum()))
    return vector / length if length > 0 else vector
