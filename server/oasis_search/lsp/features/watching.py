"""Changes on disk: the client watches where it can, our own watcher where it cannot."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from oasis_search.lsp.convert import local_path
from oasis_search.lsp.rpc import Refusal
from oasis_search.lsp.values import list_at, text_at
from oasis_search.workspace.changes import Cause, FileChange

if TYPE_CHECKING:
    from oasis_search.lsp.server import OasisServer

log = logging.getLogger(__name__)


class Watching:
    """Asks the client to watch every file of the folders."""

    def __init__(self, server: "OasisServer") -> None:
        self._server = server
        self._is_client_watching = server.client.has_watching
        server.connection.on_notification("workspace/didChangeWatchedFiles", self._did_change)

    async def register(self) -> None:
        """The client watches from now on; if it refuses, we do."""
        if not self._is_client_watching:
            return
        registration = {
            "id": "oasis/watch",
            "method": "workspace/didChangeWatchedFiles",
            "registerOptions": {"watchers": [{"globPattern": "**/*"}]},
        }
        try:
            await self._server.connection.ask("client/registerCapability", {"registrations": [registration]})
        except Refusal as error:
            log.warning("The client refused to watch files (%s); the server watches them itself.", error)
            self._is_client_watching = False
            for root in self._server.folders.roots:
                await self.watch(root)

    async def watch(self, root: Path) -> None:
        """Someone watches this folder."""
        if not self._is_client_watching and self._server.configuration.settings.index.watch:
            await self._server.engine.control(lambda session: session.watch(root))

    def _did_change(self, params: object) -> None:
        paths = [local_path(text_at(change, "uri")) for change in list_at(params, "changes")]
        self._server.engine.apply([FileChange(path, Cause.WATCHED) for path in paths if path is not None])
