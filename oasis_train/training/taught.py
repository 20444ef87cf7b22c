"""What a teacher makes of the rows of a batch, for a student to rank them alike."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oasis_train.data.vectors import VectorTable
from oasis_train.training.data import TrainingRows


@dataclass(frozen=True, slots=True)
class TaughtBatch:
    """A teacher's vectors of one batch, zeros where it knows a text of the row not."""

    queries: NDArray[np.float32]
    """(n, e)"""
    codes: NDArray[np.float32]
    is_known: NDArray[np.bool_]
    """(n,) whether it saw both texts of the row."""


class TaughtRows:
    """The rows of a run by the teacher's table of the stage `teach`."""

    def __init__(self, folder: Path, rows: TrainingRows) -> None:
        """Map the table in `folder`; raises DataError when it is missing or damaged."""
        self._table = VectorTable(folder)
        self._rows = rows

    def vectors(self, rows: NDArray[np.uint32]) -> TaughtBatch:
        """The teacher's vectors of these rows, in their order."""
        names = self._rows.names(rows)
        docs = self._table.rows([docstring for docstring, _ in names])
        codes = self._table.rows([code for _, code in names])
        is_known = (docs >= 0) & (codes >= 0)
        shape = (len(rows), self._table.docs.shape[1])
        found = TaughtBatch(np.zeros(shape, np.float32), np.zeros(shape, np.float32), is_known)
        found.queries[is_known] = self._table.docs[docs[is_known]]
        found.codes[is_known] = self._table.codes[codes[is_known]]
        return found
