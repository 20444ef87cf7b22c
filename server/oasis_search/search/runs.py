"""Runs of neighbouring units: what a piece of code that holds several units is compared to.

A class or a file is not one unit of the index but many, and none of them is like the whole. So the vectors of
units that follow each other are added, each as often as it has bytes, until the run is as long as the piece:
the same sum that a bag of all their words would be, but for the damping of frequent ones. On
c2c-exercism-xlang (files of 4.6 units) the table of then found 64.1 so and 60.8 by single units: docs/log.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oasis_search.index.snapshot import Snapshot

LEAST_SHARE = 0.7
"""Of the piece's bytes that a run has at least, unless it is all that its file has."""
RUNS_OF_A_FILE = 3
"""Runs of one file that are kept; they have no unit in common."""


@dataclass(frozen=True, slots=True)
class Run:
    """Some units of one file, one after another."""

    unit: int
    """The one of them that is most like the piece."""
    cosine: float
    """Of the run as a whole."""


def runs_of_file(
    snapshot: Snapshot,
    units: Sequence[int],
    fingerprint: str,
    piece: NDArray[np.float64],
    n_bytes: int,
    common: NDArray[np.float64],
) -> list[Run]:
    """The best runs of about `n_bytes` of some ascending `units` of one file, best first.

    `piece` (d,) is centred; `common` (d,) is taken from the runs, each first brought to length 1. Empty when
    nothing in the file has a vector of `fingerprint`. O(units * d).
    """
    segment, first = snapshot.locate(units[0])
    column = segment.vectors.get(fingerprint)
    if column is None or column.dim != len(piece):
        return []
    rows = np.array(units) - units[0] + first
    spans = segment.spans[rows, :2].astype(np.int64)
    order = np.argsort(spans[:, 0], kind="stable")
    lengths = (spans[:, 1] - spans[:, 0])[order]
    vectors = column.take(rows).dequantised().astype(np.float64)[order]
    sums = np.concatenate([np.zeros((1, column.dim)), np.cumsum(vectors * lengths[:, None], axis=0)])
    ends_at = np.concatenate([[0], np.cumsum(lengths)])
    starts = np.arange(len(lengths))
    ends = np.clip(np.searchsorted(ends_at, ends_at[:-1] + n_bytes), starts + 1, len(lengths))
    is_long = (ends_at[ends] - ends_at[:-1] >= LEAST_SHARE * n_bytes) | (starts == 0)
    wholes = sums[ends] - sums[:-1]
    norms = np.linalg.norm(wholes, axis=1)
    centred = wholes / np.where(norms > 0, norms, 1)[:, None] - common
    lengths = np.linalg.norm(centred, axis=1) * np.linalg.norm(piece)
    cosines = centred @ piece / np.where(lengths > 0, lengths, 1)
    cosines[~is_long | (norms == 0)] = -np.inf
    of_units = vectors @ piece
    runs: list[Run] = []
    while len(runs) < RUNS_OF_A_FILE and np.isfinite(cosines).any():
        start = int(cosines.argmax())
        end = int(ends[start])
        best = start + int(of_units[start:end].argmax())
        runs.append(Run(units[int(order[best])], float(cosines[start])))
        cosines[(starts < end) & (ends > start)] = -np.inf
    return runs
