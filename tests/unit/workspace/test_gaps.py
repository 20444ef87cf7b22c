"""What answers say of folders that are not wholly indexed."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from oasis_search.errors import WorkspaceError
from oasis_search.search.query import Query
from oasis_search.settings import IndexSettings, Settings
from oasis_search.syntax.languages import TEXT
from oasis_search.workspace.gaps import describe_gaps
from oasis_search.workspace.resemblance import Pasted, SimilarRequest
from oasis_search.workspace.session import Session
from oasis_search.workspace.status import Phase

READY_S = 60


@dataclass
class Folder:
    root: Path
    phase: Phase
    message: str = ""


def gaps(*phases: Phase) -> str:
    return describe_gaps(Folder(Path("/work"), phase, "Its disk is full.") for phase in phases)


def test_every_phase_but_ready_has_a_sentence() -> None:
    assert gaps() == gaps(Phase.READY, Phase.READY) == ""
    assert "still going on" in gaps(Phase.SCANNING)
    assert "still going on" in gaps(Phase.READY, Phase.INDEXING)
    assert "resume" in gaps(Phase.PAUSED)
    assert "index.enabled" in gaps(Phase.DISABLED)
    assert gaps(Phase.FAILED) == "/work is not wholly indexed. Its disk is full."
    assert "oasis doctor" in describe_gaps([Folder(Path("/work"), Phase.FAILED)])


def test_every_reason_is_said_once() -> None:
    assert gaps(Phase.SCANNING, Phase.INDEXING, Phase.PAUSED, Phase.INDEXING) == (
        f"{gaps(Phase.INDEXING)} {gaps(Phase.PAUSED)}"
    )


@pytest.mark.parametrize("phase", [Phase.PAUSED, Phase.DISABLED, Phase.FAILED])
def test_an_answer_says_why_it_may_lack_something(phase: Phase, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "bank.py").write_text("def withdraw(amount):\n    return amount\n", encoding="utf-8")
    index = IndexSettings(enabled=phase is not Phase.DISABLED)
    with Session(Settings(cache_dir=str(tmp_path / "cache"), index=index)) as session:
        if phase is Phase.PAUSED:
            session.pause()
        session.add_folder(folder)
        session.wait_ready(0.5 if phase is Phase.PAUSED else READY_S)
        if phase is Phase.FAILED:
            session._indexer.folders[folder].phase = phase
        assert session.status()[0].phase is phase
        expected = describe_gaps(session.status())
        assert expected
        assert session.search(Query("withdraw an amount")).message == expected
        piece = SimilarRequest(Pasted("def withdraw(amount):\n    return amount\n", TEXT), 5)
        assert session.similar(piece).message == expected
        with pytest.raises(WorkspaceError) as refused:
            session.unit(folder, "teller.py", line0=0)
        assert str(refused.value) == f"teller.py is not in the index of {folder}. {expected}"
