"""Tables: what is written is read back, by us and by other Parquet tools; damage is named."""

from collections.abc import Iterator
from pathlib import Path

import datasets
import pytest

from oasis_train.data import Function, Pair, ShardedTable, read_rows, row_id, write_rows
from oasis_train.errors import DataError


def function(name: str, callers: tuple[str, ...] = ()) -> Function:
    return Function(
        id=row_id(name), repository="o/r", revision="", licence="MIT", path="a.py", start_line=1,
        language="python", name=name, container="", signature="", doc="Zwölf.", code="x = '\U0001f600'",
        callers=callers, callees=(), split="train",
    )  # fmt: skip


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    rows = [function("f"), function("g", (row_id("f"),))]
    assert write_rows(tmp_path / "f.parquet", rows, Function) == 2
    assert list(read_rows(tmp_path / "f.parquet", Function)) == rows


def test_hugging_face_datasets_streams_the_same_rows(tmp_path: Path) -> None:
    rows = [Pair("a", "b", True), Pair("a", "c", False)]
    write_rows(tmp_path / "p.parquet", rows, Pair)
    found = datasets.load_dataset(
        "parquet", data_files=str(tmp_path / "p.parquet"), split="train", streaming=True
    )
    assert [Pair(**row) for row in found] == rows


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    def rows() -> Iterator[Pair]:
        yield Pair("a", "b", True)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_rows(tmp_path / "p.parquet", rows(), Pair)
    assert list(tmp_path.iterdir()) == []


def test_shards_are_read_in_order_and_counted(tmp_path: Path) -> None:
    table = ShardedTable(tmp_path, Pair)
    table.write(1, [Pair("b", "b", True)])
    assert not table.has(0)
    table.write(0, [Pair("a", "a", True), Pair("a", "b", False)])
    assert [row.docstring for row in table] == ["a", "a", "b"]
    assert len(table) == 3


def test_other_columns_damage_and_absence_are_named(tmp_path: Path) -> None:
    write_rows(tmp_path / "p.parquet", [Pair("a", "b", True)], Pair)
    with pytest.raises(DataError, match="Function needs id, repository"):
        list(read_rows(tmp_path / "p.parquet", Function))
    (tmp_path / "p.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match=r"p\.parquet cannot be read"):
        list(read_rows(tmp_path / "p.parquet", Pair))
    with pytest.raises(DataError, match=r"q\.parquet is missing"):
        list(read_rows(tmp_path / "q.parquet", Pair))
    with pytest.raises(DataError, match="holds no table"):
        list(ShardedTable(tmp_path / "none", Pair))
