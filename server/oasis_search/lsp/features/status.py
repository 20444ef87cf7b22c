"""`oasis/status` and `oasis/statusChanged`: what happens in each folder."""

from pathlib import Path
from typing import TYPE_CHECKING

from oasis_search.lsp import protocol
from oasis_search.lsp.answers import folder_status, model_status
from oasis_search.version import __version__
from oasis_search.workspace.status import FolderStatus

if TYPE_CHECKING:
    from oasis_search.lsp.server import OasisServer


class Status:
    """Passes the engine's reports on to the client."""

    def __init__(self, server: "OasisServer") -> None:
        self._server = server
        server.on_request(protocol.STATUS, self._answer)

    def publish(self, status: FolderStatus) -> None:
        """Tells the client; called on the loop."""
        if status.root not in self._server.folders.roots:
            return
        self._server.protocol.notify(
            protocol.STATUS_CHANGED, folder_status(status, self._server.folders.uri_of(status.root))
        )
        self._server.indexing_progress.update(status)

    def forget(self, root: Path) -> None:
        """The folder was removed."""
        self._server.indexing_progress.forget(root)

    async def answer(self) -> protocol.StatusResult:
        """The state of all folders."""
        statuses, model = await self._server.engine.ask(
            lambda session, _cancelled: (session.status(), session.model_status())
        )
        folders = self._server.folders
        result: protocol.StatusResult = {
            "version": __version__,
            "folders": [folder_status(status, folders.uri_of(status.root)) for status in statuses],
        }
        if model is not None:
            result["model"] = model_status(model)
        return result

    async def _answer(self, _params: object) -> protocol.StatusResult:
        return await self.answer()
