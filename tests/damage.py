"""Damage to files that tests give to the server."""

import sqlite3
from contextlib import closing
from pathlib import Path


def damage_table(store_file: Path, table: str) -> None:
    """Overwrites the first page of a table of an SQLite file that nobody has open."""
    with closing(sqlite3.connect(store_file)) as database:
        (size,) = database.execute("PRAGMA page_size").fetchone()
        (page,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name=?", (table,)).fetchone()
    with open(store_file, "r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
