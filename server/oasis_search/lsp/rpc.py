"""JSON-RPC between one client and our handlers: dispatch, replies, cancelling, and requests of our own.

A thread reads, everything else happens on the loop. Handlers are of two kinds and look it: a notification's
runs at once and takes microseconds; a request's is a coroutine, a task each, which `$/cancelRequest` cancels.

Our own, not a library's, for measured reasons: importing pygls and lsprotocol costs 0.75 s of CPU and 25 MB
at every start, before any folder can be indexed, and pygls reads each message in three hops through a thread
pool, 15 ms a message while two searches run. When that, its documents (see documents.py) and its silence
after unreadable parameters are replaced, this file is what remains. Tests use pygls' own client against it.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from oasis_search.errors import Cancelled, OasisError, SettingError
from oasis_search.lsp import protocol
from oasis_search.lsp.framing import BadMessage, FrameReader, frame

log = logging.getLogger(__name__)

Answer = Callable[[object], Awaitable[object]]
Handle = Callable[[object], None]


class Refusal(Exception):
    """An error reply, ours or the client's."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Connection:
    """One client. Handlers are registered first, then `run`; every method but `stop` belongs to the loop."""

    def __init__(self, reader: FrameReader, write: Callable[[bytes], object]) -> None:
        self._reader = reader
        self._write = write
        self._answers: dict[str, Answer] = {}
        self._handles: dict[str, Handle] = {"$/cancelRequest": self._cancel, "exit": self._exit}
        self._running: dict[object, asyncio.Task[object]] = {}
        self._asked: dict[object, asyncio.Future[object]] = {}
        self._n_asked = 0
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ended: asyncio.Event = asyncio.Event()

    def on_request(self, method: str, answer: Answer) -> None:
        """Answers requests of this method with what `answer` returns, or with its error's sentence."""
        self._answers[method] = answer

    def on_notification(self, method: str, handle: Handle) -> None:
        """Calls `handle` for notifications of this method; what it raises is logged, no more."""
        self._handles[method] = handle

    async def run(self) -> None:
        """Serves until `stop`, `exit` or the end of the stream."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._listen, args=(loop,), name="oasis-reader", daemon=True).start()
        await self._ended.wait()
        for task in (*self._running.values(), *self._tasks):
            task.cancel()

    def stop(self) -> None:
        """Lets `run` return."""
        self._ended.set()

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Runs `work` beside the messages: kept, named, and its exception logged."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finish)

    def notify(self, method: str, params: object) -> None:
        """Tells the client."""
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    async def ask(self, method: str, params: object) -> object:
        """The client's answer; raises Refusal when it is an error."""
        self._n_asked += 1
        message_id = f"oasis-{self._n_asked}"
        future = self._asked[message_id] = asyncio.get_running_loop().create_future()
        self._send({"jsonrpc": "2.0", "id": message_id, "method": method, "params": params})
        try:
            return await future
        finally:
            self._asked.pop(message_id, None)

    # --- reading ------------------------------------------------------------------------------------------

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody listens any more
            while True:
                try:
                    message = self._reader.next()
                except BadMessage as error:
                    loop.call_soon_threadsafe(self._refuse, None, protocol.PARSE_ERROR, str(error))
                    continue
                if message is None:
                    loop.call_soon_threadsafe(self.stop)
                    return
                loop.call_soon_threadsafe(self._dispatch, message)

    def _dispatch(self, message: object) -> None:
        if not isinstance(message, Mapping):
            self._refuse(None, protocol.INVALID_REQUEST, "The message is not an object.")
            return
        method = message.get("method")
        if method is None:
            self._take_answer(message)
        elif "id" in message:
            self._answer(message["id"], str(method), message.get("params"))
        elif (handle := self._handles.get(str(method))) is not None:
            try:
                handle(message.get("params"))
            except Exception:
                log.exception("%s failed.", method)

    def _answer(self, message_id: object, method: str, params: object) -> None:
        answer = self._answers.get(method)
        if answer is None:
            self._refuse(message_id, protocol.METHOD_NOT_FOUND, f"There is no method {method}.")
            return
        task = asyncio.ensure_future(_start(answer, params))
        self._running[message_id] = task
        # Not in the task itself: one that is cancelled before its first step would never answer.
        task.add_done_callback(partial(self._reply, message_id, method))

    def _cancel(self, params: object) -> None:
        message_id = params.get("id") if isinstance(params, Mapping) else None
        task = self._running.get(message_id)
        if task is not None:
            task.cancel()

    def _exit(self, _params: object) -> None:
        self.stop()

    def _take_answer(self, message: Mapping[str, object]) -> None:
        future = self._asked.get(message.get("id"))
        if future is None or future.done():
            return
        error = message.get("error")
        if isinstance(error, Mapping):
            future.set_exception(Refusal(protocol.REQUEST_FAILED, str(error.get("message"))))
        else:
            future.set_result(message.get("result"))

    # --- writing ------------------------------------------------------------------------------------------

    def _reply(self, message_id: object, method: str, task: "asyncio.Task[object]") -> None:
        """The one place where our errors become the protocol's."""
        self._running.pop(message_id, None)
        if task.cancelled():
            self._refuse(message_id, protocol.REQUEST_CANCELLED, f"{method} was cancelled.")
            return
        error = task.exception()
        if error is None:
            self._send({"jsonrpc": "2.0", "id": message_id, "result": task.result()})
        elif isinstance(error, Refusal):
            self._refuse(message_id, error.code, str(error))
        elif isinstance(error, Cancelled):
            self._refuse(message_id, protocol.REQUEST_CANCELLED, str(error) or f"{method} was cancelled.")
        elif isinstance(error, SettingError):
            self._refuse(message_id, protocol.INVALID_PARAMS, str(error))
        elif isinstance(error, OasisError):
            self._refuse(message_id, protocol.REQUEST_FAILED, str(error))
        else:
            log.error("%s failed.", method, exc_info=error)
            sentence = f"{method} failed: {type(error).__name__}: {error}. The server's log has the details."
            self._refuse(message_id, protocol.INTERNAL_ERROR, sentence)

    def _refuse(self, message_id: object, code: int, sentence: str) -> None:
        self._send({"jsonrpc": "2.0", "id": message_id, "error": {"code": code, "message": sentence}})

    def _send(self, message: object) -> None:
        if self._ended.is_set():
            return
        try:
            self._write(frame(message))
        except OSError as error:
            log.warning("The client is gone: %s", error)
            self.stop()

    def _finish(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("Task %s failed.", task.get_name(), exc_info=error)


async def _start(answer: Answer, params: object) -> object:
    return await answer(params)
