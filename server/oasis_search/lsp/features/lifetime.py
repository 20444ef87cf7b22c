"""From `initialized` to the end, also when the client dies without a word."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidRequest

if TYPE_CHECKING:
    from oasis_search.lsp.server import OasisServer

log = logging.getLogger(__name__)

_PARENT_CHECK_S = 2.0


class Lifetime:
    """Starts the engine when the client is ready, ends it when the client leaves or is gone."""

    def __init__(self, server: "OasisServer") -> None:
        self._server = server
        self.exit_code = 1
        """Of the process: 0 after a goodbye, 128 + n after a signal, else 1."""
        server.on_notification(types.INITIALIZED, self._initialized)
        server.on_request(types.SHUTDOWN, self._shutdown)
        server.on_request(types.INITIALIZE, self._initialize_again)

    def _initialized(self, _params: types.InitializedParams) -> None:
        self._leave_on_signals()
        self._server.spawn("start", self._start())
        self._server.spawn("watch client", self._leave_with_client())

    async def _start(self) -> None:
        server = self._server
        server.spawn("register watching", server.watching.register())
        server.spawn("register configuration", server.configuration.register())
        settings = await server.configuration.load()
        try:
            await server.engine.open(settings)
        except Exception as error:
            log.exception("The index could not be opened.")
            server.say(f"The index could not be opened: {error}", types.MessageType.Error)
            server.engine.admit()
            return
        roots = await server.folders.open(server.client.folder_uris)
        server.engine.admit()
        await server.folders.watch(roots)

    async def _shutdown(self, _params: object) -> None:
        self.exit_code = 0
        await self._server.engine.close()

    async def _initialize_again(self, _params: types.InitializeParams) -> None:
        raise JsonRpcInvalidRequest("The server is initialized already: initialize comes once.")

    async def _leave_with_client(self) -> None:
        """Ends this process when the client's is gone but its end of the stream is held open by another."""
        process_id = self._server.client.process_id
        # Signal 0 would end the process on Windows; in a container the client's number means nothing here.
        if process_id is None or sys.platform == "win32" or not _is_alive(process_id):
            return
        while _is_alive(process_id):
            await asyncio.sleep(_PARENT_CHECK_S)
        log.warning("The client's process %d is gone.", process_id)
        self._server.stop()

    def _leave_on_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            # Not on Windows, and not outside the main thread.
            with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, self._leave, 128 + number)

    def _leave(self, code: int) -> None:
        self.exit_code = code
        self._server.stop()


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
