"""The entry of `oasis serve`: streams, handshake, and only then the server itself."""

import gc
import importlib
import logging
import sys
import threading
from typing import TYPE_CHECKING

from oasis_search.lsp.handshake import greet
from oasis_search.lsp.streams import socket_streams, standard_streams

if TYPE_CHECKING:
    from oasis_search.lsp.server import OasisServer


def serve(tcp: str | None = None) -> int:
    """Serves one client until it leaves; the exit code of the process.

    Over standard input and output, or over a socket with `tcp` ("HOST:PORT"; port 0 takes a free one, whose
    number is written to standard error). Raises SettingError for an address that cannot be used.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    with standard_streams() if tcp is None else socket_streams(tcp) as (source, sink):
        client = greet(source, sink)
        if client is None:
            return 1
        return _load_server()(client).run(source, sink)


def _load_server() -> "type[OasisServer]":
    """Imports the index (0.4 s of CPU) and pygls (0.6 s) side by side."""
    index = threading.Thread(
        target=importlib.import_module,
        args=("oasis_search.workspace.session",),
        name="oasis-load",
        daemon=True,
    )
    # While thousands of classes are made there is nothing to collect: off, the imports take 0.1 s less.
    gc.disable()
    index.start()
    importlib.import_module("pygls.lsp.server")
    index.join()
    from oasis_search.lsp.server import OasisServer

    gc.enable()
    return OasisServer
