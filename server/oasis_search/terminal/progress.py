"""Bars on stderr when that is a terminal: of a session that becomes ready, and of any other work.

A session is polled instead of drawing from its threads: one writer, and Ctrl-C always arrives.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from oasis_search.errors import EncoderError, WorkspaceError
from oasis_search.workspace.session import Session
from oasis_search.workspace.status import FolderStatus, Phase

if TYPE_CHECKING:
    from rich.progress import Progress

POLL_S = 0.1
PATIENCE_S = 0.3
"""A wait shorter than this shows no bar: it would only flicker."""


def wait_ready(session: Session) -> tuple[FolderStatus, ...]:
    """The state of every folder once all are indexed.

    Raises WorkspaceError when a folder could not be indexed.
    """
    if not session.wait_ready(PATIENCE_S):
        if sys.stderr.isatty():
            _wait_with_bar(session)
        else:
            while not session.wait_ready(POLL_S):
                pass
    states = session.status()
    for state in states:
        if state.phase is Phase.FAILED:
            raise WorkspaceError(state.message or f"{state.root} could not be indexed.")
    return states


def wait_model(session: Session) -> None:
    """Returns when the chosen model covers all that it can.

    Raises EncoderError when it cannot be used; what is indexed stays searchable by words and by the table.
    """
    if not session.wait_ready(PATIENCE_S, with_model=True):
        with progress_bar("units") as show:
            while not session.wait_ready(POLL_S, with_model=True):
                coverage = [state.coverage for state in session.status()]
                model = session.model_status()
                n_units = sum(one.units for one in coverage)
                n_covered = round(sum(one.units * one.model for one in coverage))
                show(f"Encoding with {model.name if model else 'the model'}", n_covered, n_units)
    model = session.model_status()
    if model is not None and model.message:
        raise EncoderError(model.message)


@contextlib.contextmanager
def progress_bar(noun: str) -> Iterator[Callable[[str, int, int], None]]:
    """A function that shows what is being done, and how many of how many; silent without a terminal."""
    if not sys.stderr.isatty():
        yield lambda description, done, total: None
        return
    with _build_progress(noun) as progress:
        task = progress.add_task("", total=None)
        shown = ""

        def show(description: str, done: int, total: int) -> None:
            nonlocal shown
            if description != shown:
                shown = description
                progress.reset(task, description=description, total=total)
            progress.update(task, completed=done, total=total)

        yield show


def _wait_with_bar(session: Session) -> None:
    with _build_progress("files") as progress:
        task = progress.add_task("Looking for files", total=None)
        while not session.wait_ready(POLL_S):
            states = session.status()
            scanning = any(state.phase is Phase.SCANNING for state in states)
            progress.update(
                task,
                description="Looking for files" if scanning else "Indexing",
                completed=sum(state.files_done for state in states),
                total=None if scanning else sum(state.files_total for state in states),
            )


def _build_progress(noun: str) -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.progress import TimeRemainingColumn as RemainingColumn
    from rich.text import Text

    class RateColumn(ProgressColumn):
        """As many a second."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.0f} {noun}/s" if speed else "", style="progress.data.speed")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(noun),
        RateColumn(),
        RemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
