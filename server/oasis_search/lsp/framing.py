"""Messages of the base protocol on a byte stream: a length in a header, then JSON.

Blocking; knows no threads and no loop. The stream is read through a plain `read` call: unlike a buffered file
that a thread waits on, it holds no lock that would keep the process from ending.
"""

import json
from collections.abc import Callable

_CHUNK = 65536


class BadMessage(ValueError):
    """A complete message that is not JSON."""


class FrameReader:
    """Takes messages off a stream one by one."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        """`read(n)` returns 1 to n bytes, none at the end of the stream."""
        self._read = read
        self._buffer = bytearray()

    def next(self) -> object:
        """The next message; None at the end of the stream.

        Raises BadMessage for one that is not JSON; the one after it can be read.
        """
        length = 0
        while (header := self._line()) is not None:
            name, _, value = header.partition(b":")
            if name.strip().lower() == b"content-length" and value.strip().isdigit():
                length = int(value)
            elif not header.strip() and length:
                body = self._take(length)
                return None if body is None else _parse(body)
        return None

    def _line(self) -> bytes | None:
        while (end := self._buffer.find(b"\n")) < 0:
            if not self._fill():
                return None
        return self._take(end + 1)

    def _take(self, size: int) -> bytes | None:
        while len(self._buffer) < size:
            if not self._fill():
                return None
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _fill(self) -> bool:
        try:
            data = self._read(_CHUNK)
        except OSError:  # a broken connection is an ended one
            return False
        self._buffer += data
        return bool(data)


def frame(message: object) -> bytes:
    """A message as it travels."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


def _parse(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError as error:
        raise BadMessage(f"The message is not JSON: {error}.") from error
