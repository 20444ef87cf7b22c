import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from oasis_search.errors import StoreError
from oasis_search.index import Entry, Store, quantise, store_path
from tests.damage import damage_table

ENTRY = Entry(size=10, mtime_ns=5, ctime_ns=6, inode=2**64 - 3, digest=b"d" * 16, language="python")
FAILED = Entry(
    size=9, mtime_ns=1, ctime_ns=1, inode=7, digest=None, language="text", reason="binary", detail="Has NUL."
)
KEYS = [bytes([i]) * 16 for i in range(3)]
COLUMN = quantise(np.random.default_rng(3).standard_normal((3, 8)).astype(np.float32))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(store_path(tmp_path / "cache"))
    yield opened
    opened.close()


def test_what_was_saved_is_found(store: Store) -> None:
    store.save(
        records=[(b"d1", "python", b"blob")],
        vectors=[("f1", KEYS, COLUMN)],
        entries=[("/w", "a.py", ENTRY), ("/w", "b.bin", FAILED), ("/other", "a.py", FAILED)],
    )
    assert store.record(b"d1", "python") == b"blob"
    assert store.entries("/w") == {"a.py": ENTRY, "b.bin": FAILED}
    column, absent = store.column("f1", KEYS[::-1], 8)
    assert absent == []
    assert np.array_equal(column.codes, COLUMN.codes[::-1])
    assert np.array_equal(column.scales, COLUMN.scales[::-1])


def test_what_was_not_saved_is_a_miss(store: Store) -> None:
    store.save(records=[(b"d1", "python", b"blob")], vectors=[("f1", KEYS[:1], COLUMN.take(slice(0, 1)))])
    assert store.record(b"d1", "go") is None
    assert store.record(b"d2", "python") is None
    assert store.vectors("f2", KEYS) == {}
    assert store.entries("/nowhere") == {}
    column, absent = store.column("f1", KEYS, 8)
    assert absent == [1, 2]
    assert column.scales.astype(bool).tolist() == [True, False, False]
    _, absent = store.column("f1", KEYS, 16)
    assert absent == [0, 1, 2]


def test_more_keys_than_one_statement_takes_are_found(store: Store) -> None:
    keys = [i.to_bytes(16, "big") for i in range(2500)]
    column = quantise(np.ones((2500, 4), np.float32))
    store.save(vectors=[("f", keys, column)])
    assert len(store.vectors("f", keys)) == 2500
    assert store.column("f", keys, 4)[1] == []


def test_unit_without_any_known_token_is_not_encoded_again(store: Store) -> None:
    column = quantise(np.array([[0, 0], [1, 0]], np.float32))
    store.save(vectors=[("f", KEYS[:2], column)])
    found, absent = store.column("f", KEYS, 2)
    assert absent == [2]
    assert found.scales.astype(bool).tolist() == [False, True, False]


def test_entries_are_replaced_and_removed(store: Store) -> None:
    store.save(entries=[("/w", "a.py", ENTRY), ("/w", "b.py", ENTRY)])
    store.save(entries=[("/w", "a.py", FAILED)], removed=[("/w", "b.py"), ("/w", "never.py")])
    assert store.entries("/w") == {"a.py": FAILED}


def test_forgotten_folder_leaves_other_folders(store: Store) -> None:
    store.save(records=[(b"d" * 16, "python", b"x"), (b"e", "go", b"y")])
    store.save(entries=[("/w", "a.py", ENTRY), ("/v", "b.py", FAILED)])
    store.forget("/w")
    assert store.entries("/w") == {}
    assert store.entries("/v") == {"b.py": FAILED}
    assert store.record(b"d" * 16, "python") is None
    assert store.record(b"e", "go") == b"y"


def test_two_connections_see_each_other(store: Store) -> None:
    second = Store(store.path)
    store.save(vectors=[("f", KEYS, COLUMN)], records=[(b"d", "python", b"1")])
    assert second.record(b"d", "python") == b"1"
    second.save(vectors=[("f", KEYS, COLUMN), ("g", KEYS[:1], COLUMN.take(slice(0, 1)))])
    assert set(store.vectors("g", KEYS)) == {KEYS[0]}
    assert store.statistics()["vectors"] == 4
    second.close()


def test_contents_survive_reopening(store: Store) -> None:
    store.save(records=[(b"d", "python", b"1")], entries=[("/w", "a.py", ENTRY)])
    store.close()
    again = Store(store.path)
    assert again.record(b"d", "python") == b"1"
    assert again.entries("/w") == {"a.py": ENTRY}
    assert again.statistics()["records"] == 1
    assert again.statistics()["bytes"] > 0
    again.close()


def test_failed_save_changes_nothing(store: Store) -> None:
    store.save(records=[(b"d", "python", b"old")])

    def failing() -> Iterator[tuple[str, str, Entry]]:
        yield "/w", "a.py", ENTRY
        raise RuntimeError("the process dies here")

    with pytest.raises(RuntimeError, match="dies here"):
        store.save(records=[(b"d", "python", b"new")], vectors=[("f", KEYS, COLUMN)], entries=failing())
    assert store.record(b"d", "python") == b"old"
    assert store.vectors("f", KEYS) == {}
    assert store.entries("/w") == {}
    store.save(vectors=[("f", KEYS, COLUMN)])
    assert len(store.vectors("f", KEYS)) == 3


def test_killed_process_loses_only_its_unfinished_transaction(store: Store) -> None:
    store.save(records=[(b"d", "python", b"kept")])
    child = os.fork()
    if child == 0:
        other = sqlite3.connect(store.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM records")
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    assert store.record(b"d", "python") == b"kept"
    store.save(records=[(b"e", "python", b"more")])
    assert store.statistics()["records"] == 2


def test_read_only_store_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"index-v\d+\.sqlite"):
        Store(store_path(tmp_path / "nothing"), read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = store_path(tmp_path)
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match=r"index-v\d+\.sqlite"):
        Store(path)


def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(StoreError, match="cache folder"):
        Store(store_path(blocked / "cache"))


def test_save_after_the_disk_is_full_names_the_remedy(store: Store) -> None:
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreError, match="Free disk space"):
        store.save(records=[(bytes([i]), "python", os.urandom(50_000)) for i in range(20)])
    store._db.execute("PRAGMA max_page_count=1000000")
    assert store.statistics()["records"] == 0
    store.save(records=[(b"d", "python", b"1")])
    assert store.record(b"d", "python") == b"1"


def test_locked_store_keeps_what_was_to_be_forgotten(store: Store) -> None:
    store.save(entries=[("/w", "a.py", ENTRY)])
    store._db.execute("PRAGMA busy_timeout=0")
    with contextlib.closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="database is locked"):
            store.forget("/w")
    assert store.entries("/w") == {"a.py": ENTRY}
    store.forget("/w")
    assert store.entries("/w") == {}


def test_transaction_that_sqlite_ended_itself_names_its_cause(store: Store) -> None:
    store._db.execute(
        "CREATE TEMP TRIGGER full AFTER INSERT ON records BEGIN SELECT RAISE(ROLLBACK, 'no room'); END"
    )
    with pytest.raises(StoreError, match="no room"):
        store.save(records=[(b"d", "python", b"1")])
    store._db.execute("DROP TRIGGER full")
    store.save(records=[(b"d", "python", b"1")])
    assert store.record(b"d", "python") == b"1"


@pytest.mark.parametrize("table", ["records", "vectors", "entries"])
def test_damaged_table_is_a_miss_and_is_named_with_the_remedy(store: Store, table: str) -> None:
    store.save([(b"d" * 16, "python", b"1")], [("f", KEYS, COLUMN)], [("/w", "a.py", ENTRY)])
    store.close()
    damage_table(store.path, table)
    with contextlib.closing(Store(store.path)) as damaged:
        assert damaged.problem == ""
        found = {
            "entries": len(damaged.entries("/w")),
            "records": int(damaged.record(b"d" * 16, "python") is not None),
            "vectors": len(damaged.vectors("f", KEYS)),
        }
        assert found == {"entries": 1, "records": 1, "vectors": 3, table: 0}
        assert damaged.problem.startswith(f"The index {store.path} is damaged")
        with pytest.raises(StoreError, match="Delete the file"):
            damaged.save(
                [(b"e", "go", b"2")], [("f", [b"k" * 16], COLUMN.take(slice(0, 1)))], [("/w", "b.py", ENTRY)]
            )
        if table != "vectors":  # These are kept.
            with pytest.raises(StoreError, match="Delete the file"):
                damaged.forget("/w")


def test_rows_of_other_types_are_misses(store: Store) -> None:
    store.save(
        [(b"d", "python", b"1")], [("f", KEYS, COLUMN)], [("/w", "a.py", ENTRY), ("/w", "b.py", ENTRY)]
    )
    store._db.execute("UPDATE records SET record='text'")
    store._db.execute("UPDATE vectors SET codes=7 WHERE key=?", (KEYS[0],))
    store._db.execute("UPDATE vectors SET scale='much' WHERE key=?", (KEYS[1],))
    store._db.execute("UPDATE entries SET inode='x', path=5 WHERE path=?", (b"a.py",))
    assert store.record(b"d", "python") is None
    assert store.column("f", KEYS, 8)[1] == [0, 1]
    assert store.entries("/w") == {"b.py": ENTRY}
