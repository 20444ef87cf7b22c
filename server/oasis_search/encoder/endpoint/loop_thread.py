"""An event loop in a thread of its own, for synchronous code that wants deadlines and cancellation.

Nothing runs on the caller's loop, so it can be used from any thread, also from one that has a running loop
(which it blocks, as any synchronous call would).
"""

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from oasis_search.errors import Cancelled, EncoderError

POLL_S = 0.05
"""How soon a cancelled caller is let go."""

CLOSE_S = 5.0
"""Longest wait for the thread to end."""

_T = TypeVar("_T")


class LoopThread:
    """Runs coroutines for callers of other threads until it is closed."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._is_open = True
        self._thread = threading.Thread(target=_serve, args=(self._loop,), name=name, daemon=True)
        self._thread.start()

    def run(
        self,
        function: Callable[[], Coroutine[Any, Any, _T]],
        cancelled: Callable[[], bool] | None = None,
    ) -> _T:
        """The result of the coroutine that `function` makes; raises Cancelled soon after `cancelled()`."""
        with self._lock:
            if not self._is_open:
                raise EncoderError("This encoder was closed. Load it again.")
            future = asyncio.run_coroutine_threadsafe(function(), self._loop)
        try:
            while not concurrent.futures.wait([future], None if cancelled is None else POLL_S).done:
                if cancelled is not None and cancelled():
                    raise Cancelled("Encoding was cancelled.")
            return future.result()
        except concurrent.futures.CancelledError:
            raise EncoderError("This encoder was closed while it worked. Load it again.") from None
        finally:
            future.cancel()

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Cancel what runs, run `last`, and end the thread; further calls do nothing."""
        with self._lock:
            if not self._is_open:
                return
            self._is_open = False
            asyncio.run_coroutine_threadsafe(_finish(last), self._loop)
        if threading.current_thread() is not self._thread:  # the garbage collector may call from anywhere
            self._thread.join(CLOSE_S)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


async def _finish(last: Callable[[], Coroutine[Any, Any, None]]) -> None:
    try:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await last()
    finally:
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.stop)
