"""The language server: one pygls server for one client, made of features with one concern each.

Handlers are of two kinds and look it: notifications run at once on the loop and take microseconds; requests
are coroutines that wait for the engine's threads. Nothing on the loop parses, encodes or reads the disk.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, BinaryIO, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInternalError, JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer

from oasis_search.errors import Cancelled, OasisError, SettingError
from oasis_search.lsp.client import ClientProfile
from oasis_search.lsp.documents import Documents
from oasis_search.lsp.engine import Engine
from oasis_search.lsp.features.commands import Commands
from oasis_search.lsp.features.configuration import Configuration
from oasis_search.lsp.features.folders import Folders
from oasis_search.lsp.features.lifetime import Lifetime
from oasis_search.lsp.features.progress import Progress
from oasis_search.lsp.features.search import Search
from oasis_search.lsp.features.status import Status
from oasis_search.lsp.features.symbols import Symbols
from oasis_search.lsp.features.sync import Sync
from oasis_search.lsp.features.watching import Watching
from oasis_search.lsp.protocol import REQUEST_CANCELLED, REQUEST_FAILED
from oasis_search.lsp.wire import OasisProtocol, keep_refusals_out_of_the_log, plain_converter
from oasis_search.version import __version__

log = logging.getLogger(__name__)
_P = TypeVar("_P")
_R = TypeVar("_R")


class OasisServer(LanguageServer):
    """Serves the client that was greeted."""

    def __init__(self, client: ClientProfile) -> None:
        super().__init__(
            "oasis",
            __version__,
            protocol_cls=OasisProtocol,
            converter_factory=plain_converter,
            max_workers=2,  # threads that read the input; nothing else runs there
        )
        keep_refusals_out_of_the_log()
        self.client = client
        self.documents = Documents(client.encoding)
        self._tasks: set[asyncio.Task[Any]] = set()
        self.indexing_progress = Progress(self)
        self.status = Status(self)
        self.engine = Engine(self.status.publish)
        self.configuration = Configuration(self)
        self.watching = Watching(self)
        self.folders = Folders(self)
        self.sync = Sync(self)
        self.search = Search(self)
        self.symbols = Symbols(self)
        self.commands = Commands(self)
        self.lifetime = Lifetime(self)

    def run(self, reader: BinaryIO, writer: BinaryIO) -> int:
        """Serves until the client leaves; 0 when it said goodbye, else 1."""
        try:
            self.start_io(reader, writer)
        finally:
            self.engine.close_now()
        return 0 if self.lifetime.was_shut_down else 1

    def on_notification(self, method: str, handle: Callable[[_P], None]) -> None:
        """Calls `handle` for every notification of this method; what it raises is logged, no more."""

        def guarded(params: Any) -> None:  # noqa: ANN401 - pygls passes the method's own type
            try:
                handle(params)
            except Exception:
                log.exception("%s failed.", method)

        self.feature(method)(guarded)

    def on_request(self, method: str, answer: Callable[[_P], Awaitable[_R]]) -> None:
        """Answers every request of this method with what `answer` returns, or with its error's sentence."""

        async def guarded(params: Any) -> _R:  # noqa: ANN401
            return await _answered(method, answer(params))

        self.feature(method)(guarded)

    def on_command(self, name: str, answer: Callable[..., Awaitable[_R]]) -> None:
        """Answers every execution of a command; arguments arrive as the client sent them."""

        async def guarded(*arguments: Any) -> _R:  # noqa: ANN401
            return await _answered(name, answer(*arguments))

        self.command(name)(guarded)

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Runs `work` beside the messages: kept, named, and its exception logged."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finish)

    def say(self, sentence: str, level: types.MessageType = types.MessageType.Warning) -> None:
        """Shows the user a sentence."""
        self.window_show_message(types.ShowMessageParams(type=level, message=sentence))

    def report_server_error(self, error: Exception, source: Any) -> None:  # noqa: ANN401 - pygls' signature
        """Logs what pygls could not handle; a popup in the editor would help nobody."""
        if not isinstance(error, JsonRpcException):
            log.error("%s: %s", getattr(source, "__name__", source), error)

    def _finish(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("Task %s failed.", task.get_name(), exc_info=error)


async def _answered(name: str, work: Awaitable[_R]) -> _R:
    """The one place where our errors become the protocol's."""
    try:
        return await work
    except Cancelled as error:
        raise JsonRpcException(str(error) or f"{name} was cancelled.", REQUEST_CANCELLED) from error
    except SettingError as error:
        raise JsonRpcInvalidParams(str(error)) from error
    except OasisError as error:
        raise JsonRpcException(str(error), REQUEST_FAILED) from error
    except JsonRpcException:
        raise
    except Exception as error:
        log.exception("%s failed.", name)
        sentence = f"{name} failed: {type(error).__name__}: {error}. The server's log has the details."
        raise JsonRpcInternalError(sentence) from error
