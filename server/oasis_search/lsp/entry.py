"""The entry of `oasis serve`: streams, handshake, and only then the server itself.

Invariant: standard output belongs to the protocol. Whatever else writes to it (a stray print, a library, a
child process) is sent to standard error, and standard input is kept from children.
"""

import contextlib
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial

from oasis_search.errors import SettingError
from oasis_search.lsp.framing import FrameReader
from oasis_search.lsp.handshake import greet

Streams = tuple[FrameReader, Callable[[bytes], object]]


def serve(tcp: str | None = None) -> int:
    """Serves one client until it leaves; the exit code of the process.

    Over standard input and output, or over a socket with `tcp` ("HOST:PORT"; port 0 takes a free one, whose
    number is written to standard error). Raises SettingError for an address that cannot be used.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    with _standard_streams() if tcp is None else _socket_streams(tcp) as (reader, write):
        client = greet(reader, write)
        if client is None:
            return 1
        from oasis_search.lsp.server import OasisServer

        return OasisServer(client, reader, write).run()


@contextlib.contextmanager
def _standard_streams() -> Iterator[Streams]:
    """The process's own input and output, with what others see as such led away."""
    sys.stdout.flush()
    source, sink = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        for descriptor in (source, sink):
            msvcrt.setmode(descriptor, os.O_BINARY)
    # Not closed at the end: the reading thread may still wait on the one; the process ends anyway.
    yield FrameReader(partial(os.read, source)), partial(_write_all, sink)


@contextlib.contextmanager
def _socket_streams(address: str) -> Iterator[Streams]:
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
        yield FrameReader(connection.recv), connection.sendall


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _parse_address(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise SettingError(f'"{address}" is not an address. Write HOST:PORT, such as 127.0.0.1:8765.')
    return host.strip("[]") or "127.0.0.1", int(port)
