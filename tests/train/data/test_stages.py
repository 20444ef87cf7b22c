"""Stages: skipped when current, taken up again after a kill, never half published."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from oasis_train.data import Stage, StageFolder, file_digest
from oasis_train.errors import DataError


class Killed(Exception):
    """Stands for SIGKILL between two steps."""


def check(folder: StageFolder, stage: Stage, text: str) -> list[str]:
    """Run a stage of two files; returns what it did."""
    done = []

    def work(partial: Path) -> Mapping[str, Any]:
        for name in ("a.txt", "sub/b.txt"):
            if not (partial / name).is_file():
                (partial / name).parent.mkdir(exist_ok=True)
                (partial / name).write_text(text)
                done.append(name)
        return {"words": len(text.split())}

    folder.run(stage, work)
    return done


def test_a_finished_stage_is_skipped_until_its_configuration_or_an_input_changes(tmp_path: Path) -> None:
    folder = StageFolder(tmp_path / "stage")
    assert check(folder, Stage("words", {"k": 1}), "one") == ["a.txt", "sub/b.txt"]
    assert check(folder, Stage("words", {"k": 1}), "two") == []
    assert (folder.path / "sub" / "b.txt").read_text() == "one"
    assert check(folder, Stage("words", {"k": 2}), "two") == ["a.txt", "sub/b.txt"]
    assert check(folder, Stage("words", {"k": 2}, {"corpus": "ab"}), "three") == ["a.txt", "sub/b.txt"]
    assert folder.manifest()["outputs"]["a.txt"] == file_digest(folder.path / "a.txt")
    (folder.path / "a.txt").unlink()
    assert check(folder, Stage("words", {"k": 2}, {"corpus": "ab"}), "three") == ["a.txt", "sub/b.txt"]


def test_a_killed_stage_goes_on_and_keeps_the_old_outcome_meanwhile(tmp_path: Path) -> None:
    folder = StageFolder(tmp_path / "stage")
    check(folder, Stage("words", {"k": 1}), "old")

    def killed(partial: Path) -> Mapping[str, Any]:
        (partial / "a.txt").write_text("new")
        raise Killed

    with pytest.raises(Killed):
        folder.run(Stage("words", {"k": 2}), killed)
    assert (folder.path / "a.txt").read_text() == "old"
    assert folder.is_current(Stage("words", {"k": 1}))
    assert check(folder, Stage("words", {"k": 2}), "new") == ["sub/b.txt"]
    assert (folder.path / "a.txt").read_text() == "new"


@pytest.mark.parametrize("n_moves", range(4))
def test_a_kill_while_publishing_is_made_good_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_moves: int
) -> None:
    folder = StageFolder(tmp_path / "stage")
    check(folder, Stage("words", {"k": 1}), "old")
    replace = Path.replace
    moved: list[Path] = []

    def replace_until_killed(self: Path, target: Path) -> Path:
        if len(moved) == n_moves:
            raise Killed
        moved.append(target)
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace_until_killed)
        with contextlib.suppress(Killed):  # the last case is a kill right after the last move
            check(folder, Stage("words", {"k": 2}), "new")
    assert len(moved) == n_moves
    assert check(folder, Stage("words", {"k": 2}), "never") == []
    assert {(folder.path / name).read_text() for name in ("a.txt", "sub/b.txt")} == {"new"}
    assert sorted(p.name for p in folder.path.iterdir()) == ["a.txt", "stage.json", "sub"]


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "stage.json").write_text("{")
    with pytest.raises(DataError, match=r"stage\.json cannot be read"):
        StageFolder(tmp_path).manifest()
