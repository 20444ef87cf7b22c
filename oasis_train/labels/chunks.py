"""Functions and docstrings in pieces that fit in memory: whole repositories, always cut the same way.

Chunk n of the corpus is shard n of the tables of negatives, labels and refined pairs, so that each of these
stages goes on after its last whole chunk. A repository is never cut, since its functions are each other's
negatives; the memory needed is that of the texts of the largest one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from oasis_train.data import Docstring, Function, LabelledPair, Pair, RefinedPair, ShardedTable, read_rows
from oasis_train.errors import DataError

CHUNK_FUNCTIONS = 2_000
"""A chunk ends with the repository in which it reaches this many functions."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some whole repositories."""

    number: int
    functions: dict[str, Function] = field(default_factory=dict)
    """By id, in the corpus' order."""
    docstrings: dict[str, str] = field(default_factory=dict)
    """Text by the function's id, in the order of the docstrings' table."""


P = TypeVar("P", Pair, LabelledPair, RefinedPair)


def read_chunks(corpus: Path, docstrings: Path) -> Iterator[Chunk]:
    """All chunks in order; raises DataError for docstrings whose function is not there."""
    rows = iter(ShardedTable(docstrings / "docstrings", Docstring))
    ahead = next(rows, None)
    for chunk in _function_chunks(ShardedTable(corpus / "functions", Function)):
        while ahead is not None and ahead.function in chunk.functions:
            if ahead.function in chunk.docstrings:
                raise DataError(
                    f"{docstrings} holds two docstrings of function {ahead.function}. "
                    "Run the docstrings stage again."
                )
            chunk.docstrings[ahead.function] = ahead.text
            ahead = next(rows, None)
        yield chunk
    if ahead is not None:
        raise DataError(
            f"{docstrings} holds a docstring of function {ahead.function}, which {corpus} does not have, or "
            "not in this order. Run the docstrings stage again."
        )


def pairs_of_chunk(folder: Path, chunk: Chunk, row_type: type[P]) -> list[P]:
    """The rows of one chunk in the table under `folder`; DataError when they belong to another corpus."""
    path = ShardedTable(folder / "pairs", row_type).path(chunk.number)
    pairs = list(read_rows(path, row_type))
    for pair in pairs:
        if pair.docstring not in chunk.docstrings or pair.function not in chunk.functions:
            raise DataError(
                f"{path} pairs docstring {pair.docstring} with function {pair.function}, which are not in "
                "this part of the corpus. Run the stage that makes it again."
            )
    return pairs


def _function_chunks(functions: ShardedTable[Function]) -> Iterator[Chunk]:
    chunk, repository, seen = Chunk(0), "", set[str]()
    for function in functions:
        if function.repository != repository:
            if function.repository in seen:
                raise DataError(
                    f"The functions of {function.repository} do not lie together in the corpus. "
                    "Run the corpus stage again."
                )
            seen.add(function.repository)
            repository = function.repository
            if len(chunk.functions) >= CHUNK_FUNCTIONS:
                yield chunk
                chunk = Chunk(chunk.number + 1)
        chunk.functions[function.id] = function
    yield chunk
