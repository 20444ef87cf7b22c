"""A finished corpus, streamed: function by function, or one repository at a time."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from oasis_train.data import Function, ShardedTable

TABLE_NAME = "functions"


def functions_table(folder: Path) -> ShardedTable[Function]:
    """The table of functions in a corpus folder."""
    return ShardedTable(folder / TABLE_NAME, Function)


def read_functions(folder: Path) -> Iterator[Function]:
    """All functions of the corpus in `folder`; raises DataError when it is not there or damaged."""
    return iter(functions_table(folder))


def repositories(folder: Path) -> Iterator[tuple[str, list[Function]]]:
    """Each repository with all its functions, sorted by name; one repository is in memory at a time."""
    for name, functions in groupby(read_functions(folder), key=lambda function: function.repository):
        yield name, list(functions)
