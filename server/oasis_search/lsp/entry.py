"""The entry of `oasis serve`: streams, handshake, and only then the server itself.

Invariant: standard output belongs to the protocol. Whatever else writes to it (a stray print, a library, a
child process) is sent to standard error, and standard input is kept from children.
"""

import contextlib
import gc
import logging
import os
import socket
import sys
from collections.abc import Iterator
from typing import BinaryIO

from oasis_search.errors import SettingError
from oasis_search.lsp.handshake import greet

log = logging.getLogger(__name__)


def serve(tcp: str | None = None) -> int:
    """Serves one client until it leaves; the exit code of the process.

    Over standard input and output, or over a socket with `tcp` ("HOST:PORT"; port 0 takes a free one, whose
    number is written to standard error). Raises SettingError for an address that cannot be used.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    with _streams(tcp) as (reader, writer):
        client = greet(reader, writer)
        if client is None:
            return 1
        # While thousands of classes are made there is nothing to collect: off, the import takes 0.1 s less.
        gc.disable()
        from oasis_search.lsp.server import OasisServer

        gc.enable()
        return OasisServer(client).run(reader, writer)


@contextlib.contextmanager
def _streams(tcp: str | None) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    if tcp is None:
        yield _claim_standard_streams()
        return
    host, port = _parse_address(tcp)
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        raise SettingError(
            f"Cannot listen on {tcp}: {error.strerror or error}. Choose another port."
        ) from error
    with listener:
        bound_host, bound_port = listener.getsockname()[:2]
        sys.stderr.write(f"oasis: listening on {bound_host}:{bound_port}\n")
        sys.stderr.flush()
        connection, _ = listener.accept()
    with connection, connection.makefile("rb") as reader, connection.makefile("wb") as writer:
        yield reader, writer


def _claim_standard_streams() -> tuple[BinaryIO, BinaryIO]:
    """The process's own input and output, with what others see as such led away."""
    sys.stdout.flush()
    reader = os.fdopen(os.dup(0), "rb")
    writer = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return reader, writer


def _parse_address(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise SettingError(f'"{address}" is not an address. Write HOST:PORT, such as 127.0.0.1:8765.')
    return host.strip("[]") or "127.0.0.1", int(port)
