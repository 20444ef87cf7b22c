"""The first pass on disk: for each repository its functions, their signatures and what was left out.

The JSON file is written last, so a repository is finished exactly when it has one.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oasis_train.corpus.extract import Extract
from oasis_train.corpus.sources import Repository
from oasis_train.data import Function, read_rows, write_rows
from oasis_train.data.files import whole_file
from oasis_train.errors import CorpusError

MAX_PROBLEMS = 100
"""Problems kept of one repository, and in the manifest; all are counted."""


@dataclass(frozen=True, slots=True)
class RawRepository:
    """What the first pass found in one repository, as it was read back."""

    facts: dict[str, Any]
    """`name`, `revision`, `licence`, `left_out`, `problems`, `n_problems`."""
    functions: list[Function]
    signatures: NDArray[np.uint32]


class RawFolder:
    """Numbered repositories under one folder."""

    def __init__(self, folder: Path) -> None:
        """`folder` need not exist yet."""
        self._folder = folder

    def has(self, number: int) -> bool:
        """Whether the repository of this number is finished."""
        return self._path(number, "json").is_file()

    def write(self, number: int, repository: Repository, extract: Extract) -> None:
        """Write one repository."""
        facts = {
            "name": repository.name,
            "revision": repository.revision,
            "licence": extract.licence,
            "left_out": dict(sorted(extract.left_out.items())),
            "problems": extract.problems[:MAX_PROBLEMS],
            "n_problems": len(extract.problems),
        }
        write_rows(self._path(number, "parquet"), extract.functions, Function)
        try:
            with self._path(number, "npy").open("wb") as file:
                np.save(file, extract.signatures)
        except OSError as error:
            raise CorpusError(
                f"{self._folder} cannot be written ({error}). Make room there; finished work is kept."
            ) from error
        write_json(self._path(number, "json"), facts)

    def read(self, number: int) -> RawRepository:
        """Read one finished repository."""
        facts = read_json(self._path(number, "json"))
        functions = list(read_rows(self._path(number, "parquet"), Function))
        try:
            signatures = np.load(self._path(number, "npy"))
        except (OSError, ValueError) as error:
            raise CorpusError(
                f"{self._path(number, 'npy')} cannot be read ({error}). Delete {self._folder}, start again."
            ) from error
        return RawRepository(facts, functions, signatures)

    def missing(self, numbers: Iterable[int]) -> list[int]:
        """Those of the numbers that are not finished."""
        return [number for number in numbers if not self.has(number)]

    def _path(self, number: int, suffix: str) -> Path:
        return self._folder / f"{number:06d}.{suffix}"


def write_json(path: Path, facts: dict[str, Any]) -> None:
    """Write a JSON file that appears whole or not at all."""
    with whole_file(path) as part:
        part.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that `write_json` wrote."""
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path} cannot be read ({error}). Delete it and start again.") from error
    return facts
