"""Looking for duplicates reads files, and stops when nobody waits for the answer any more."""

from pathlib import Path

import pytest

from oasis_search.errors import Cancelled
from oasis_search.settings import Settings
from oasis_search.workspace.session import Session
from tests.samples import RETRY


def test_a_cancelled_search_reads_no_further_file(tmp_path: Path) -> None:
    root = tmp_path / "work"
    root.mkdir()
    for name in ("a.py", "b.py", "c.py"):
        (root / name).write_text(RETRY)
    with Session(Settings(cache_dir=str(tmp_path / "cache"))) as session:
        session.add_folder(root)
        assert session.wait_ready(60)
        read: list[int] = []

        def report(what: str, done: int, total: int) -> None:
            if what == "read":
                read.append(total)

        assert len(session.duplicates(root, report=report).groups) == 1
        assert read == [3, 3, 3]
        read.clear()
        with pytest.raises(Cancelled, match="duplicates"):
            session.duplicates(root, report=report, cancelled=lambda: bool(read))
        assert read == [3]
