"""Notes across the death of processes: who was being worked on, who did it, who is cleared."""

from pathlib import Path

from oasis_search.service.notes import MAX_DEATHS, WorkNotes


def test_texts_of_the_last_slice_are_suspects(tmp_path: Path) -> None:
    WorkNotes(tmp_path / "work").begin(["a", "b"])
    successor = WorkNotes(tmp_path / "work")
    assert [successor.is_suspect(text) for text in ("a", "b", "c")] == [True, True, False]
    assert not successor.is_refused("a")


def test_finished_slices_leave_no_suspects(tmp_path: Path) -> None:
    notes = WorkNotes(tmp_path / "work")
    notes.begin(["a", "b"])
    notes.end(["a", "b"])
    notes.begin(["c"])
    notes.end(["c"])
    successor = WorkNotes(tmp_path / "work")
    assert not any(map(successor.is_suspect, "abc"))


def test_text_that_dies_alone_too_often_is_refused(tmp_path: Path) -> None:
    WorkNotes(tmp_path / "work").begin(["a", "b"])
    for _ in range(MAX_DEATHS):
        notes = WorkNotes(tmp_path / "work")
        assert not notes.is_refused("b")
        notes.begin(["b"])
    notes = WorkNotes(tmp_path / "work")
    assert notes.is_refused("b")
    assert not notes.is_refused("a")


def test_text_that_passes_alone_is_cleared_for_good(tmp_path: Path) -> None:
    for _ in range(MAX_DEATHS - 1):
        WorkNotes(tmp_path / "work").begin(["a"])
    notes = WorkNotes(tmp_path / "work")
    notes.begin(["a"])
    notes.end(["a"])
    assert not notes.is_suspect("a")
    assert not WorkNotes(tmp_path / "work").is_suspect("a")


def test_passing_among_others_clears_nobody(tmp_path: Path) -> None:
    WorkNotes(tmp_path / "work").begin(["a"])
    notes = WorkNotes(tmp_path / "work")
    notes.begin(["a", "b"])
    notes.end(["a", "b"])
    assert notes.is_suspect("a")


def test_orderly_end_forgives(tmp_path: Path) -> None:
    WorkNotes(tmp_path / "work").begin(["a"])
    WorkNotes(tmp_path / "work").remove()
    assert not list(tmp_path.iterdir())
    assert not WorkNotes(tmp_path / "work").is_suspect("a")


def test_damaged_notes_are_no_notes(tmp_path: Path) -> None:
    for work, suspects in ((b"\xff" * 7, "[1]"), (b"\x01", "{"), (b"", '{"00": []}')):
        (tmp_path / "work").write_bytes(work)
        (tmp_path / "work.suspects").write_text(suspects)
        assert not WorkNotes(tmp_path / "work").is_suspect("a")


def test_no_text_is_written(tmp_path: Path) -> None:
    WorkNotes(tmp_path / "work").begin(["secret"])
    WorkNotes(tmp_path / "work")
    assert all(b"secret" not in path.read_bytes() for path in tmp_path.iterdir())
