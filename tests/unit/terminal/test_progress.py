"""Bars are shown of work that takes a while, and of no other."""

from typing import cast

import pytest

from oasis_search.terminal import progress
from oasis_search.workspace.session import Session


class _Session:
    """A session that is ready at the given look."""

    def __init__(self, ready_at: int) -> None:
        self.looks_left = ready_at

    def wait_ready(self, timeout_s: float | None = None, *, with_model: bool = False) -> bool:
        self.looks_left -= 1
        return self.looks_left <= 0

    def status(self) -> tuple[()]:
        return ()

    def model_status(self) -> None:
        return None


@pytest.mark.parametrize(("ready_at", "is_drawn"), [(1, False), (3, True)])
def test_a_bar_of_units_is_drawn_only_if_the_first_look_was_too_early(
    ready_at: int, is_drawn: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    progress.wait_model(cast("Session", _Session(ready_at)))
    drawn = capsys.readouterr().err
    assert bool(drawn) is is_drawn
    assert ("Encoding with the model" in drawn) is is_drawn
