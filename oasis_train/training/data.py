"""Batches of token ids from the folder that `preparation.prepare_rows` fills.

    docstrings/, codes/   Arrow files of token ids, one per shard of their tables (tokens.py)
    pairs.bin             13 bytes for each pair of the training split
    dev.json              texts of held-out functions, to rank by
    rows.json             counts; written last

Everything is memory-mapped, so 53 million pairs need no more memory than a few numbers for each text.
Deliberately knows nothing of models or of the order in which rows are trained on.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oasis_train.training.tokens import TokenTable, id_text

PAIR = np.dtype([("docstring", "<i4"), ("code", "<i4"), ("similarity", "<f4"), ("is_gt", "?")])

PAIRS_NAME, COUNTS_NAME, DEV_NAME = "pairs.bin", "rows.json", "dev.json"


@dataclass(frozen=True, slots=True)
class Batch:
    """The pairs of one step, or of one device's part of it."""

    rows: NDArray[np.uint32]
    """Their numbers among all pairs."""
    queries: list[NDArray[np.int32]]
    """Token ids of the docstrings."""
    codes: list[NDArray[np.int32]]
    labels: NDArray[np.float32]
    """(n,) similarities."""
    is_gt: NDArray[np.bool_]
    query_keys: NDArray[np.int64]
    """(n,) equal where docstrings are equal."""
    code_keys: NDArray[np.int64]
    code_groups: NDArray[np.int64]
    """(n,) equal where codes must not be drawn apart: equal ones, and solutions of one task."""


class TrainingRows:
    """The pairs of a prepared folder."""

    def __init__(self, folder: Path) -> None:
        """Map the files that `prepare_rows` left."""
        self.facts: dict[str, int] = json.loads((folder / COUNTS_NAME).read_text(encoding="utf-8"))
        """Counts for the record: pairs, texts, what was left out."""
        self.docstrings = token_table(folder, "docstrings")
        self.codes = token_table(folder, "codes")
        self._pairs = np.memmap(folder / PAIRS_NAME, dtype=PAIR, mode="r")

    def __len__(self) -> int:
        return len(self._pairs)

    def batch(self, rows: NDArray[np.uint32]) -> Batch:
        """The pairs of these rows, in their order."""
        pairs = self._pairs[rows]
        return Batch(
            rows=rows,
            queries=[self.docstrings.tokens(int(row)) for row in pairs["docstring"]],
            codes=[self.codes.tokens(int(row)) for row in pairs["code"]],
            labels=np.ascontiguousarray(pairs["similarity"]),
            is_gt=np.ascontiguousarray(pairs["is_gt"]),
            query_keys=self.docstrings.keys[pairs["docstring"]],
            code_keys=self.codes.keys[pairs["code"]],
            code_groups=self.codes.groups[pairs["code"]],
        )

    def repositories(self) -> NDArray[np.int64]:
        """A number for the repository of each pair."""
        found: NDArray[np.int64] = self.codes.repositories[self._pairs["code"]]
        return found

    def clusters(self, most: int) -> NDArray[np.int64]:
        """A number from 0 for each pair, equal for pairs that share texts, directly or over others.

        Pairs of more than `most` that hang together have a number each: keeping them together would leave
        nothing to chance. O(pairs).
        """
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        docstrings, codes = self._pairs["docstring"], self._pairs["code"]
        n_docstrings = len(self.docstrings)
        n_texts = n_docstrings + len(self.codes)
        links = (np.ones(len(self), np.bool_), (docstrings, n_docstrings + codes.astype(np.int64)))
        _, of_text = connected_components(coo_array(links, shape=(n_texts, n_texts)), directed=False)
        found = of_text[docstrings].astype(np.int64)
        lone = np.flatnonzero(np.bincount(found)[found] > most)
        found[lone] = n_texts + np.arange(len(lone))
        _, numbers = np.unique(found, return_inverse=True)
        return numbers.astype(np.int64)

    def names(self, rows: NDArray[np.uint32]) -> list[tuple[str, str]]:
        """Ids of the docstring's and the code's function of each row."""
        pairs = self._pairs[rows]
        return [
            (id_text(int(self.docstrings.ids[docstring])), id_text(int(self.codes.ids[code])))
            for docstring, code in zip(pairs["docstring"], pairs["code"], strict=True)
        ]


def token_table(folder: Path, name: str) -> TokenTable:
    """The `docstrings` or the `codes` of a prepared folder."""
    return TokenTable(sorted((folder / name).glob("part-*.arrow")))


def read_dev_sample(folder: Path) -> list[tuple[str, str, str]]:
    """(id, docstring, code) of the held-out functions of a prepared folder."""
    return [(name, text, code) for name, text, code in json.loads((folder / DEV_NAME).read_text("utf-8"))]
