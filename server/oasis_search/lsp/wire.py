"""The byte streams in the shape in which pygls' message loop wants them.

Not pygls' own `StdinAsyncReader`: it reads each message in three hops through a thread pool, 15 ms a message
while two searches run, so that a cancel is read late, and its waiting thread keeps the process from ending.
Here one thread reads whatever has arrived; header lines and bodies are then taken without a hop.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable

from oasis_search.lsp.streams import Sink, Source, write_all

_CHUNK = 65536


class Incoming:
    """What pygls calls an AsyncReader. Made on the loop."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._stream = asyncio.StreamReader()
        self._is_ended = False
        threading.Thread(target=self._listen, name="oasis-reader", daemon=True).start()

    async def readline(self) -> bytes:
        """The next line; empty at the end of the stream."""
        try:
            return await self._stream.readline()
        except ValueError:  # no line end in sight: this is not the protocol
            return b""

    async def readexactly(self, n: int) -> bytes:
        """So many bytes; none when the stream ends before."""
        try:
            return await self._stream.readexactly(n)
        except asyncio.IncompleteReadError:
            return b""

    def end(self) -> None:
        """Lets the message loop see the end of the stream; again is allowed."""
        self._is_ended = True
        self._stream.feed_eof()

    def _listen(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody listens any more
            while data := self._next():
                self._loop.call_soon_threadsafe(self._take, data)
            self._loop.call_soon_threadsafe(self.end)

    def _next(self) -> bytes | None:
        try:
            return self._source.read(_CHUNK)
        except OSError:  # a broken connection is an ended one
            return None

    def _take(self, data: bytes) -> None:
        if not self._is_ended:
            self._stream.feed_data(data)


class Outgoing:
    """What pygls calls a Writer. A client that takes no more bytes is reported once, not raised."""

    def __init__(self, sink: Sink, on_lost: Callable[[OSError], None]) -> None:
        self._sink: Sink | None = sink
        self._on_lost = on_lost

    def write(self, data: bytes) -> None:
        """Sends a message."""
        if self._sink is None:
            return
        try:
            write_all(self._sink, data)
        except OSError as error:
            self._sink = None
            self._on_lost(error)

    def close(self) -> None:
        """Sends nothing from now on."""
        self._sink = None
