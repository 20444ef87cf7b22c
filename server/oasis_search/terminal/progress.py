"""Waiting for a session to be ready, with a bar on stderr when that is a terminal.

Polls the session instead of drawing from its threads: one writer, and Ctrl-C always arrives.
"""

import sys
from typing import TYPE_CHECKING

from oasis_search.errors import WorkspaceError
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


def _wait_with_bar(session: Session) -> None:
    with _build_progress() as progress:
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


def _build_progress() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.progress import TimeRemainingColumn as RemainingColumn
    from rich.text import Text

    class RateColumn(ProgressColumn):
        """Files a second."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.0f} files/s" if speed else "", style="progress.data.speed")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("files"),
        RateColumn(),
        RemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
