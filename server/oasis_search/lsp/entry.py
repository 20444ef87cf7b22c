"""The entry of `oasis serve`: streams, handshake, and only then the server itself."""

import gc
import logging
import sys

from oasis_search.lsp.handshake import greet
from oasis_search.lsp.streams import socket_streams, standard_streams


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
        # While thousands of classes are made there is nothing to collect: off, the import takes 0.1 s less.
        # To import the index and pygls on two threads gains nothing: both are all computing.
        gc.disable()
        from oasis_search.lsp.server import OasisServer

        gc.enable()
        return OasisServer(client).run(source, sink)
