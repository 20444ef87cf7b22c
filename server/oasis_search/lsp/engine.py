"""The Session and the threads that talk to it, seen from the protocol loop.

Three ways in, and no other: `apply` (microseconds, on the loop), `control` (one thread, in order) and `ask`
(two threads, for searches). The Session is imported and built on the control thread, after the client was
answered.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from oasis_search.errors import WorkspaceError

if TYPE_CHECKING:
    from oasis_search.settings import Settings
    from oasis_search.workspace.changes import FileChange
    from oasis_search.workspace.session import Session
    from oasis_search.workspace.status import FolderStatus

log = logging.getLogger(__name__)
_T = TypeVar("_T")

_CLOSE_TIMEOUT_S = 10.0
"""A Session that does not end by then is left to the operating system."""


class Engine:
    """Owns the Session from `open` to `close`."""

    def __init__(self, on_status: "Callable[[FolderStatus], None]") -> None:
        self._on_status = on_status
        self._control = ThreadPoolExecutor(1, thread_name_prefix="oasis-control")
        self._searchers = ThreadPoolExecutor(2, thread_name_prefix="oasis-search")
        self._session: Session | None = None
        self._opened: asyncio.Event = asyncio.Event()
        self._admitted: asyncio.Event = asyncio.Event()
        self._is_closed = False

    async def open(self, settings: "Settings") -> None:
        """Builds the Session; raises what its construction raised."""
        loop = asyncio.get_running_loop()

        def hop(status: "FolderStatus") -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is left to tell
                loop.call_soon_threadsafe(self._on_status, status)

        def build() -> None:
            from oasis_search.workspace.session import Session

            if not self._is_closed:
                self._session = Session(settings, on_status=hop)

        try:
            await loop.run_in_executor(self._control, build)
        finally:
            self._opened.set()

    def admit(self) -> None:
        """Lets questions in; before, they wait, as those that hurry would hear that no folder is open."""
        self._admitted.set()

    def apply(self, changes: "Sequence[FileChange]") -> None:
        """Passes edits on; before `open` is done nothing, as the first scan will read everything anyway."""
        if self._session is not None and not self._is_closed:
            self._session.apply(changes)

    async def control(self, step: "Callable[[Session], _T]") -> _T:
        """The result of `step`, run after all steps asked for earlier."""
        await self._opened.wait()
        return await asyncio.get_running_loop().run_in_executor(
            self._control, lambda: step(self._open_session())
        )

    async def ask(self, step: "Callable[[Session, Callable[[], bool]], _T]") -> _T:
        """The result of `step`, which polls its second argument to learn that it was cancelled."""
        await self._admitted.wait()
        cancelled = threading.Event()
        work = asyncio.get_running_loop().run_in_executor(
            self._searchers, lambda: step(self._open_session(), cancelled.is_set)
        )
        try:
            return await work
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def close(self) -> None:
        """Ends the Session, its threads and its processes."""
        await asyncio.to_thread(self.close_now)

    def close_now(self) -> None:
        """As `close`, for when no loop runs (any more). Again is allowed."""
        if self._is_closed:
            return
        self._is_closed = True
        done = self._control.submit(self._close_session)
        self._searchers.shutdown(wait=False, cancel_futures=True)
        try:
            done.result(_CLOSE_TIMEOUT_S)
        except TimeoutError:
            log.error("The index did not close within %g s.", _CLOSE_TIMEOUT_S)
        except Exception:
            log.exception("The index did not close cleanly.")
        self._control.shutdown(wait=False, cancel_futures=True)

    def _close_session(self) -> None:
        if self._session is not None:
            self._session.close()

    def _open_session(self) -> "Session":
        if self._session is None or self._is_closed:
            raise WorkspaceError("The index is not open; see the server's log, then restart the server.")
        return self._session
