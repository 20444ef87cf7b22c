"""Tables of rows on disk: Parquet files of frozen dataclasses, written at once or shard by shard.

Every file appears whole under its name or not at all. Reading streams; nothing here holds a table in memory.
`datasets.load_dataset("parquet", data_files=...)` reads the same files, as does every other Parquet tool.
"""

from collections.abc import Iterable, Iterator
from dataclasses import astuple, fields
from itertools import islice
from pathlib import Path
from types import UnionType
from typing import Any, ClassVar, Generic, Protocol, TypeVar, get_args, get_origin, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq

from oasis_train.data.files import whole_file
from oasis_train.errors import DataError

ROWS_AT_A_TIME = 2_000
"""Rows of a Parquet row group: what a reader holds at a time."""


class Row(Protocol):
    """A frozen dataclass whose fields are str, int, float, bool or tuples of these."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


R = TypeVar("R", bound=Row)


def write_rows(path: Path, rows: Iterable[R], row_type: type[R]) -> int:
    """Write `rows` to the Parquet file `path`, which appears when all are written; returns their number."""
    schema = arrow_schema(row_type)
    names = schema.names
    count, source = 0, iter(rows)
    with whole_file(path) as part, pq.ParquetWriter(part, schema, compression="zstd") as writer:
        while group := [astuple(row) for row in islice(source, ROWS_AT_A_TIME)]:
            columns = dict(zip(names, map(list, zip(*group, strict=True)), strict=True))
            writer.write_table(pa.table(columns, schema=schema))
            count += len(group)
    return count


def read_rows(path: Path, row_type: type[R]) -> Iterator[R]:
    """Rows of one file, in order; raises DataError when it is missing, damaged or of other columns."""
    expected = arrow_schema(row_type)
    try:
        with pq.ParquetFile(path) as file:
            if file.schema_arrow.names != expected.names:
                raise DataError(
                    f"{path} has the columns {', '.join(file.schema_arrow.names)}; "
                    f"{row_type.__name__} needs {', '.join(expected.names)}. Run its stage again."
                )
            tuples = {field.name for field in expected if pa.types.is_list(field.type)}
            for batch in file.iter_batches(ROWS_AT_A_TIME):
                columns = [
                    list(map(tuple, column.to_pylist())) if name in tuples else column.to_pylist()
                    for name, column in zip(batch.schema.names, batch.columns, strict=True)
                ]
                for values in zip(*columns, strict=True):
                    yield row_type(*values)
    except FileNotFoundError:
        raise DataError(f"{path} is missing. Run the stage that makes it first.") from None
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path} cannot be read ({error}). Delete it and run its stage again.") from error


class ShardedTable(Generic[R]):
    """A table in numbered files, so that a stage that was killed goes on after its last whole shard."""

    def __init__(self, folder: Path, row_type: type[R]) -> None:
        """`folder` need not exist yet."""
        self._folder = folder
        self._row_type = row_type

    def path(self, shard: int) -> Path:
        """File of one shard."""
        return self._folder / f"part-{shard:05d}.parquet"

    def has(self, shard: int) -> bool:
        """Whether the shard is written."""
        return self.path(shard).is_file()

    def write(self, shard: int, rows: Iterable[R]) -> int:
        """Write one shard; returns its number of rows."""
        return write_rows(self.path(shard), rows, self._row_type)

    def paths(self) -> list[Path]:
        """Files of all shards, in order."""
        return sorted(self._folder.glob("part-*.parquet"))

    def __iter__(self) -> Iterator[R]:
        """All rows, shard by shard; raises DataError when there is no shard."""
        paths = self.paths()
        if not paths:
            raise DataError(f"{self._folder} holds no table. Run the stage that makes it first.")
        for path in paths:
            yield from read_rows(path, self._row_type)

    def __len__(self) -> int:
        """Number of rows, from the files' own footers."""
        return sum(pq.read_metadata(path).num_rows for path in self.paths())


def arrow_schema(row_type: type[Row]) -> pa.Schema:
    """The columns of `row_type`."""
    hints = get_type_hints(row_type)
    return pa.schema([(field.name, _arrow_type(hints[field.name])) for field in fields(row_type)])


_SCALARS = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def _arrow_type(hint: type | UnionType) -> pa.DataType:
    if get_origin(hint) is tuple:
        return pa.list_(_SCALARS[get_args(hint)[0]])
    return _SCALARS[hint]  # type: ignore[index]
