"""What client and encoder process say to each other: frames of a JSON object and raw bytes.

    4 bytes  mark and version      4 bytes  length of the JSON      4 bytes  length of the body

Never a pickle: a frame can only ever be data. Vectors are the body, float32, little-endian, row by row.
A `Link` sends from a thread of its own, so that nobody waits for a peer that has stopped reading.
"""

import contextlib
import json
import queue
import socket
import struct
import threading
from dataclasses import dataclass
from typing import BinaryIO

from oasis_search.errors import EncoderError

WIRE_FORMAT = 1
"""Changes with every change of what is said; part of a process' identity."""

MAX_BYTES = 1 << 30
"""Longer than any honest part of a frame."""

_HEAD = struct.Struct("<4sII")
_MARK = b"OES" + bytes([WIRE_FORMAT])


class WireError(EncoderError):
    """The peer said something that is not in the protocol."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message; the accessors raise WireError when a field is missing or of another type."""

    fields: dict[str, object]
    body: bytes = b""

    @property
    def op(self) -> str:
        """What the message is."""
        return self.text("op")

    def text(self, name: str) -> str:
        """A field that is a text."""
        value = self.fields.get(name)
        if not isinstance(value, str):
            raise WireError(f"The encoder protocol has no message with {name} = {value!r:.80}.")
        return value

    def number(self, name: str) -> int:
        """A field that is a whole number."""
        value = self.fields.get(name)
        if not isinstance(value, int):
            raise WireError(f"The encoder protocol has no message with {name} = {value!r:.80}.")
        return value

    def numbers(self, name: str) -> list[int]:
        """A field that is a list of whole numbers."""
        value = self.fields.get(name)
        if not isinstance(value, list) or not all(isinstance(item, int) for item in value):
            raise WireError(f"The encoder protocol has no message with {name} = {value!r:.80}.")
        return value

    def texts(self, name: str) -> list[str]:
        """A field that is a list of texts."""
        value = self.fields.get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise WireError(f"The encoder protocol has no message with {name} = {value!r:.80}.")
        return value


def pack(fields: dict[str, object], body: bytes = b"") -> bytes:
    """The bytes of one frame. Lone surrogates in texts survive: JSON is written in ASCII."""
    header = json.dumps(fields).encode("ascii")
    return b"".join((_HEAD.pack(_MARK, len(header), len(body)), header, body))


def read_frame(stream: BinaryIO) -> Frame | None:
    """The next frame; None at the end of the stream, also in the middle of a frame.

    Raises WireError when what comes is no frame.
    """
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    mark, n_header, n_body = _HEAD.unpack(head)
    if mark != _MARK or max(n_header, n_body) > MAX_BYTES:
        raise WireError("Something else than this version of OASIS speaks on the encoder's socket.")
    header, body = stream.read(n_header), stream.read(n_body)
    if len(header) < n_header or len(body) < n_body:
        return None
    try:
        fields = json.loads(header)
    except ValueError as error:
        raise WireError(f"A message on the encoder's socket is damaged ({error}).") from None
    if not isinstance(fields, dict):
        raise WireError("A message on the encoder's socket is not an object.")
    return Frame(fields, body)


class Link:
    """One end of a connection; `send` from any thread, `receive` from one."""

    def __init__(self, connected: socket.socket) -> None:
        """Owns the socket."""
        self._socket = connected
        self._stream = connected.makefile("rb")
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="oasis-link-writer", daemon=True)
        self._writer.start()

    def set_timeout(self, seconds: float | None) -> None:
        """Longest wait of `receive`; to be set before the first one, and once again after it."""
        self._socket.settimeout(seconds)

    def send(self, fields: dict[str, object], body: bytes = b"") -> None:
        """Queues a frame; one that cannot be delivered is dropped, and `receive` ends."""
        self._outbox.put(pack(fields, body))

    def receive(self) -> Frame | None:
        """The next frame; None when the peer is gone. Raises WireError, or TimeoutError when one is set."""
        try:
            return read_frame(self._stream)
        except TimeoutError:
            raise
        except (OSError, ValueError):  # Reset by the peer, or closed by `close` in another thread.
            return None

    def close(self, flush_s: float = 0.0) -> None:
        """Ends the connection, after at most `flush_s` seconds in which queued frames still leave."""
        self._outbox.put(None)
        if flush_s > 0:
            self._writer.join(flush_s)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # Wakes both threads.

    def release(self) -> None:
        """Gives the descriptor back; only after `close`, and from the thread that receives."""
        self._writer.join()
        with contextlib.suppress(OSError):
            self._stream.close()
        self._socket.close()

    def _write(self) -> None:
        while (data := self._outbox.get()) is not None:
            try:
                self._socket.sendall(data)
            except OSError:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
                return
