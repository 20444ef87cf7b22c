"""Changes on disk: the client watches where it can, our own watcher where it cannot."""

import logging
from operator import methodcaller
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from oasis_search.lsp.convert import local_path
from oasis_search.workspace.changes import Cause, FileChange

if TYPE_CHECKING:
    from oasis_search.lsp.server import OasisServer

log = logging.getLogger(__name__)


class Watching:
    """Asks the client to watch every file of the folders."""

    def __init__(self, server: "OasisServer") -> None:
        self._server = server
        self._is_client_watching = server.client.has_watching
        server.on_notification(types.WORKSPACE_DID_CHANGE_WATCHED_FILES, self._did_change)

    async def register(self) -> None:
        """The client watches from now on; if it refuses, we do."""
        if not self._is_client_watching:
            return
        options = types.DidChangeWatchedFilesRegistrationOptions(
            watchers=[types.FileSystemWatcher(glob_pattern="**/*")]
        )
        registration = types.Registration(
            id="oasis/watch", method=types.WORKSPACE_DID_CHANGE_WATCHED_FILES, register_options=options
        )
        try:
            await self._server.client_register_capability_async(types.RegistrationParams([registration]))
        except JsonRpcException as error:
            log.warning("The client refused to watch files (%s); the server watches them itself.", error)
            self._is_client_watching = False
            for root in self._server.folders.roots:
                await self.watch(root)

    async def watch(self, root: Path) -> None:
        """Someone watches this folder; the status says who."""
        if self._is_client_watching:
            await self._server.engine.control(methodcaller("note_client_watches", root))
        elif self._server.configuration.settings.index.watch:
            await self._server.engine.control(methodcaller("watch", root))

    def _did_change(self, params: types.DidChangeWatchedFilesParams) -> None:
        paths = [local_path(change.uri) for change in params.changes]
        self._server.engine.apply([FileChange(path, Cause.WATCHED) for path in paths if path is not None])
