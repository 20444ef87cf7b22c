"""The two byte streams to the client, over standard input and output or over a socket.

Invariant: standard output belongs to the protocol. Whatever else writes to it (a stray print, a library, a
child process) is sent to standard error, and standard input is kept from children. Both streams are
unbuffered: what follows a message stays in the stream for whoever reads next, and no lock is held by a
waiting reader that would keep the process from ending.
"""

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from io import FileIO
from typing import Protocol

from oasis_search.errors import SettingError


class Source(Protocol):
    """Bytes from the client; blocking."""

    def readline(self) -> bytes:
        """Up to and with the next line end; empty at the end of the stream."""

    def read(self, size: int, /) -> bytes | None:
        """1 to `size` bytes; empty at the end of the stream."""


class Sink(Protocol):
    """Bytes to the client; may take fewer than it is given."""

    def write(self, data: memoryview, /) -> int | None:
        """How many bytes were taken."""


def write_all(sink: Sink, data: bytes) -> None:
    """Sends every byte."""
    rest = memoryview(data)
    while rest:
        rest = rest[sink.write(rest) or 0 :]


@contextlib.contextmanager
def standard_streams() -> Iterator[tuple[Source, Sink]]:
    """The process's own input and output, with what others see as such led away."""
    sys.stdout.flush()
    source, sink = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    # Not closed at the end: the reading thread may still wait on the one; the process ends anyway.
    yield FileIO(source, closefd=False), FileIO(sink, "wb", closefd=False)


@contextlib.contextmanager
def socket_streams(address: str) -> Iterator[tuple[Source, Sink]]:
    """A socket on which one client is waited for; its address is written to standard error."""
    host, port = _parse_address(address)
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        raise SettingError(
            f"Cannot listen on {address}: {error.strerror or error}. Choose another port."
        ) from error
    with listener:
        bound_host, bound_port = listener.getsockname()[:2]
        sys.stderr.write(f"oasis: listening on {bound_host}:{bound_port}\n")
        sys.stderr.flush()
        connection, _ = listener.accept()
    with connection:
        yield connection.makefile("rb", buffering=0), connection.makefile("wb", buffering=0)


def _parse_address(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise SettingError(f'"{address}" is not an address. Write HOST:PORT, such as 127.0.0.1:8765.')
    return host.strip("[]") or "127.0.0.1", int(port)
