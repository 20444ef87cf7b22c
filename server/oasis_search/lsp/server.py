"""The language server for one client: what is shared, and the features with one concern each.

Nothing on the loop parses, encodes or reads the disk: notifications take microseconds, requests wait for the
engine's threads.
"""

import asyncio
import sys

from oasis_search.lsp.client import ClientProfile
from oasis_search.lsp.connection import Connection
from oasis_search.lsp.documents import Documents
from oasis_search.lsp.engine import Engine
from oasis_search.lsp.features.actions import Actions
from oasis_search.lsp.features.commands import Commands
from oasis_search.lsp.features.configuration import Configuration
from oasis_search.lsp.features.duplicates import Duplicates
from oasis_search.lsp.features.folders import Folders
from oasis_search.lsp.features.lifetime import Lifetime
from oasis_search.lsp.features.progress import Progress
from oasis_search.lsp.features.results import Results
from oasis_search.lsp.features.search import Search
from oasis_search.lsp.features.similar import Similar
from oasis_search.lsp.features.status import Status
from oasis_search.lsp.features.symbols import Symbols
from oasis_search.lsp.features.sync import Sync
from oasis_search.lsp.features.twins import Twins
from oasis_search.lsp.features.watching import Watching
from oasis_search.lsp.streams import Sink, Source

SWITCH_S = 0.0005
"""A question gives up the interpreter at every numpy call, and would wait for 5 ms, the default, to
have it back from the indexing thread each time."""


class OasisServer(Connection):
    """Serves the client that was greeted."""

    def __init__(self, client: ClientProfile) -> None:
        super().__init__(client)
        self.documents = Documents(client.encoding)
        self.indexing_progress = Progress(self)
        self.status = Status(self)
        self.engine = Engine(self.status.publish)
        self.configuration = Configuration(self)
        self.watching = Watching(self)
        self.folders = Folders(self)
        self.search = Search(self)
        self.similar = Similar(self)
        self.duplicates = Duplicates(self)
        self.results = Results(self)
        self.lifetime = Lifetime(self)
        for register in (Sync, Symbols, Commands, Actions, Twins):
            register(self)

    def run(self, source: Source, sink: Sink) -> int:
        """Serves until the client leaves; the exit code."""
        sys.setswitchinterval(SWITCH_S)
        try:
            asyncio.run(self.serve(source, sink))
        finally:
            self.engine.close_now()
        return self.lifetime.exit_code
