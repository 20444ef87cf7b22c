"""The entry of `oasis serve`: streams, handshake, and only then the server itself."""

import gc
import logging
import sys
from typing import TYPE_CHECKING

from oasis_search.lsp.client import ClientProfile
from oasis_search.lsp.convert import local_path
from oasis_search.lsp.handshake import greet
from oasis_search.lsp.options import merge_options
from oasis_search.lsp.streams import socket_streams, standard_streams
from oasis_search.settings import parse_settings

if TYPE_CHECKING:
    from oasis_search.lsp.engine import Engine


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
        # While thousands of classes are made there is nothing to collect: off, the imports take 0.1 s less.
        gc.disable()
        engine = _start_engine(client)
        try:
            from oasis_search.lsp.server import OasisServer

            gc.enable()
            return OasisServer(client, engine).run(source, sink)
        finally:
            engine.close_now()


def _start_engine(client: ClientProfile) -> "Engine":
    """Indexing does not wait for pygls, unless the settings are still to be asked for through it."""
    from oasis_search.lsp.engine import Engine

    engine = Engine()
    if client.options or not client.has_configuration:
        settings, _ = parse_settings(merge_options(client.options, None))
        roots = [root for uri in client.folder_uris if (root := local_path(uri)) is not None]
        engine.begin(settings, roots)
    return engine
