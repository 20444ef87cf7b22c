"""A teacher's vectors of documentation and code by function id: shards to write, a memory map to read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oasis_train.errors import DataError

Halves = NDArray[np.float16]

IDS_NAME, DOCS_NAME, CODES_NAME = "ids.npy", "docs.npy", "codes.npy"


class VectorTable:
    """Vectors of length 1 for the documentation and the code of functions, float16, on disk."""

    def __init__(self, folder: Path) -> None:
        """Map the files that `join_shards` left; raises DataError when they are missing or do not fit."""
        try:
            ids = np.load(folder / IDS_NAME).tolist()
            self.docs: Halves = np.load(folder / DOCS_NAME, mmap_mode="r")
            self.codes: Halves = np.load(folder / CODES_NAME, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise DataError(f"{folder} holds no teacher's vectors ({error}). Run its stage again.") from error
        if not len(ids) == len(self.docs) == len(self.codes):
            raise DataError(f"{folder} holds vectors of unequal number. Delete it and run its stage again.")
        self._row_of = {name: row for row, name in enumerate(ids)}

    def rows(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Row of each function, -1 for those without vectors."""
        return np.array([self._row_of.get(name, -1) for name in ids], dtype=np.int64)


def write_shard(folder: Path, shard: int, ids: Sequence[str], docs: Halves, codes: Halves) -> None:
    """Write the vectors of some functions; the file appears whole or not at all."""
    part = folder / f".shard-{shard:05d}.part.npz"
    np.savez(part, ids=np.array(ids), docs=docs, codes=codes)
    part.replace(shard_path(folder, shard))


def shard_path(folder: Path, shard: int) -> Path:
    """File of one shard."""
    return folder / f"shard-{shard:05d}.npz"


def join_shards(folder: Path) -> int:
    """Make of all shards the three files that `VectorTable` maps; returns the number of rows."""
    paths = sorted(folder.glob("shard-*.npz"))
    sizes, dim = [], 0
    for path in paths:
        with np.load(path) as shard:
            sizes.append(len(shard["ids"]))
            dim = shard["docs"].shape[1]
    total, start = sum(sizes), 0
    docs = np.lib.format.open_memmap(folder / DOCS_NAME, "w+", np.float16, (total, dim))
    codes = np.lib.format.open_memmap(folder / CODES_NAME, "w+", np.float16, (total, dim))
    ids = []
    for path, size in zip(paths, sizes, strict=True):
        with np.load(path) as shard:
            ids.append(shard["ids"])
            docs[start : start + size], codes[start : start + size] = shard["docs"], shard["codes"]
        start += size
    docs.flush()
    codes.flush()
    np.save(folder / IDS_NAME, np.concatenate(ids))
    for path in paths:
        path.unlink()
    return total
