"""A pygls server for one client that has been greeted: handlers, errors, tasks, start and end.

Handlers are of two kinds and look it: a notification's runs at once on the loop and takes microseconds; a
request's is a coroutine, a task each, which `$/cancelRequest` cancels. None runs on pygls' thread pool.
"""

import asyncio
import json
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from lsprotocol import types
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInternalError,
    JsonRpcInvalidParams,
    JsonRpcParseError,
)
from pygls.io_ import run_async
from pygls.lsp.server import LanguageServer

from oasis_search.errors import Cancelled, OasisError, SettingError
from oasis_search.lsp.client import ClientProfile
from oasis_search.lsp.dispatch import OasisProtocol, keep_refusals_out_of_the_log, plain_converter
from oasis_search.lsp.protocol import REQUEST_CANCELLED, REQUEST_FAILED
from oasis_search.lsp.streams import Sink, Source
from oasis_search.lsp.wire import Incoming, Outgoing
from oasis_search.version import __version__

log = logging.getLogger(__name__)
_P = TypeVar("_P")
_R = TypeVar("_R")


class Connection(LanguageServer):
    """Handlers are registered first, then `serve`; every method belongs to the loop."""

    protocol: OasisProtocol

    def __init__(self, client: ClientProfile) -> None:
        super().__init__("oasis", __version__, protocol_cls=OasisProtocol, converter_factory=plain_converter)
        keep_refusals_out_of_the_log()
        self.client = client
        self.protocol.adopt(client)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopping = threading.Event()
        self._incoming: Incoming | None = None
        self.on_notification(types.EXIT, lambda _: self.stop())

    async def serve(self, source: Source, sink: Sink) -> None:
        """Handles messages until `stop`, `exit` or the end of the stream."""
        self._incoming = Incoming(source)
        self.protocol.set_writer(Outgoing(sink, self._lose))
        await run_async(self._stopping, self._incoming, self.protocol, log, self.report_server_error)
        for task in self._tasks:
            task.cancel()

    def stop(self) -> None:
        """Lets `serve` return."""
        self._stopping.set()
        if self._incoming is not None:
            self._incoming.end()

    def on_notification(self, method: str, handle: Callable[[_P], None]) -> None:
        """Calls `handle` for every notification of this method; what it raises is logged, no more."""

        def guarded(params: Any) -> None:  # noqa: ANN401 - for `object`, pygls would pass the server
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

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Runs `work` beside the messages: kept, named, and its exception logged."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finish)

    def say(self, sentence: str, level: types.MessageType = types.MessageType.Warning) -> None:
        """Shows the user a sentence."""
        self.window_show_message(types.ShowMessageParams(type=level, message=sentence))

    def report_server_error(self, error: Exception, source: Any) -> None:  # noqa: ANN401 - pygls' signature
        """Answers what is not JSON; pygls would show it, and every error of ours, in a popup."""
        if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
            refusal = JsonRpcParseError(f"The message is not JSON: {error}.").to_response_error()
            self.protocol._send_response(None, error=refusal)  # type: ignore[arg-type]

    def _lose(self, error: OSError) -> None:
        log.warning("The client is gone: %s", error)
        self.stop()

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
