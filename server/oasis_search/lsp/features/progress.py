"""Work-done progress while a workspace is indexed; cancelling it pauses the indexing.

One progress at a time over all folders, begun by the server with a readable token (Helix shows it raw). An
edit of a few files does not begin one.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from oasis_search.workspace.status import FolderStatus, Phase

if TYPE_CHECKING:
    from oasis_search.lsp.server import OasisServer

log = logging.getLogger(__name__)

TOKEN = "oasis/index"
_MIN_FILES = 20
"""Fewer files than these are indexed before a progress bar could be read."""
_BUSY = frozenset({Phase.SCANNING, Phase.INDEXING})


class Progress:
    """Shows how far the indexing is."""

    def __init__(self, server: "OasisServer") -> None:
        self._server = server
        self._progress = server.work_done_progress
        self._is_supported = server.client.has_progress
        self._statuses: dict[Path, FolderStatus] = {}
        self._token = ""
        """Of the progress that is shown or about to be; empty when none is."""
        self._runs = 0
        self._is_begun = False
        self._percentage = 0
        server.on_notification(types.WINDOW_WORK_DONE_PROGRESS_CANCEL, self._did_cancel)

    def update(self, status: FolderStatus) -> None:
        """Takes in the state of one folder."""
        self._statuses[status.root] = status
        self._show()

    def forget(self, root: Path) -> None:
        """The folder was removed."""
        self._statuses.pop(root, None)
        self._show()

    def _show(self) -> None:
        if not self._is_supported:
            return
        busy = [status for status in self._statuses.values() if status.phase in _BUSY]
        if not busy:
            self._end()
        elif self._is_begun:
            self._report()
        elif not self._token and any(_is_long(status) for status in busy):
            self._runs += 1
            self._token = TOKEN if self._runs == 1 else f"{TOKEN}-{self._runs}"
            self._server.spawn("progress", self._begin(self._token))

    async def _begin(self, token: str) -> None:
        try:
            await self._progress.create_async(token)
        except JsonRpcException as error:
            log.warning("The client shows no progress: %s", error)
            self._is_supported = False
            return
        if self._token != token:  # done before the client had agreed
            return
        self._is_begun = True
        self._percentage = 0
        begin = types.WorkDoneProgressBegin(
            title="OASIS: indexing", cancellable=True, message=self._message(), percentage=0
        )
        self._progress.begin(token, begin)
        self._report()

    def _report(self) -> None:
        done, total = self._counts()
        self._percentage = max(self._percentage, 100 * done // total if total else 0)
        report = types.WorkDoneProgressReport(
            cancellable=True, message=self._message(), percentage=self._percentage
        )
        self._progress.report(self._token, report)

    def _end(self) -> None:
        if self._is_begun:
            paused = any(status.phase is Phase.PAUSED for status in self._statuses.values())
            failed = [status.message for status in self._statuses.values() if status.phase is Phase.FAILED]
            message = failed[0] if failed else "Paused" if paused else f"{self._counts()[0]:,} files indexed"
            self._progress.end(self._token, types.WorkDoneProgressEnd(message=message))
        self._is_begun = False
        self._token = ""

    def _counts(self) -> tuple[int, int]:
        statuses = self._statuses.values()
        return sum(status.files_done for status in statuses), sum(status.files_total for status in statuses)

    def _message(self) -> str:
        done, total = self._counts()
        return f"{done:,} of {total:,} files" if total else "Looking for files"

    def _did_cancel(self, params: types.WorkDoneProgressCancelParams) -> None:
        if self._token and params.token == self._token:
            self._server.spawn("pause", self._server.engine.control(lambda session: session.pause()))


def _is_long(status: FolderStatus) -> bool:
    return status.phase is Phase.SCANNING or status.files_total - status.files_done >= _MIN_FILES
