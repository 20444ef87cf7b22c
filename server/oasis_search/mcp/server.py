"""`oasis mcp`: search, similar, duplicates, status and read_unit as tools over stdio.

The same session as everywhere: one index for editors, terminals and agents. Tools run on threads; stdout
belongs to the protocol. Deliberately no resources and no prompts: five tools cost an agent little context.
"""

from collections.abc import Callable
from contextlib import asynccontextmanager
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from oasis_search.errors import OasisError, SettingError, WorkspaceError
from oasis_search.mcp.answers import (
    Page,
    duplicates_text,
    search_text,
    similar_text,
    status_text,
    unit_text,
)
from oasis_search.search.clones import Level
from oasis_search.search.names import read_kind, read_language
from oasis_search.search.query import Filter, Query
from oasis_search.settings import Settings
from oasis_search.syntax.languages import TEXT
from oasis_search.version import __version__
from oasis_search.workspace.gaps import describe_gaps
from oasis_search.workspace.resemblance import Pasted, Selected, SimilarRequest, selected_lines
from oasis_search.workspace.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PATIENCE_S = 20.0
"""So long the first question waits for indexing; then it is answered from what is there, and says so."""

MAX_HITS = 100
"""Of all pages together."""

INSTRUCTIONS = (
    "Finds code by meaning in the folder {folder}. Ask `search` in words (what the code does) or by a name; "
    'restrict with lang:, path:, kind:, "exact words" and -word inside the query. `similar` before writing '
    "something anew. `read_unit` gives a whole function. Paths are relative to the folder."
)


class Tools:
    """What agents can call; each answer is a text that fits its token budget."""

    def __init__(self, session: Session, folder: Path) -> None:
        """`folder` must be open in `session`."""
        self._session = session
        self._folder = folder

    def search(
        self,
        query: str,
        limit: int = 8,
        page: int = 1,
        languages: list[str] | None = None,
        paths: list[str] | None = None,
        kinds: list[str] | None = None,
        budget_tokens: int = 1500,
    ) -> str:
        """Finds functions, classes and passages that do what the query says, or that bear its name."""
        wanted = _page(page, limit, budget_tokens)
        self._session.wait_ready(PATIENCE_S)
        asked = Query(query, min(MAX_HITS, wanted.start + wanted.size + 1), _filter(languages, paths, kinds))
        return search_text(self._session.search(asked, folder=self._folder), wanted)

    def similar(
        self,
        path: str = "",
        line: int = 0,
        end_line: int = 0,
        code: str = "",
        language: str = "",
        limit: int = 8,
        page: int = 1,
        budget_tokens: int = 1500,
    ) -> str:
        """Finds code like a place (path and line), a range of lines, or given code in a language."""
        wanted = _page(page, limit, budget_tokens)
        piece = self._piece(path, line, end_line, code, language)
        self._session.wait_ready(PATIENCE_S)
        request = SimilarRequest(piece, min(MAX_HITS, wanted.start + wanted.size + 1))
        return similar_text(self._session.similar(request, folder=self._folder), wanted)

    def duplicates(
        self,
        level: Level = "edited",
        paths: list[str] | None = None,
        limit: int = 10,
        page: int = 1,
        budget_tokens: int = 1500,
    ) -> str:
        """Lists groups of copied functions, those most worth merging first."""
        wanted = _page(page, limit, budget_tokens)
        self._session.wait_ready(PATIENCE_S)
        answer = self._session.duplicates(self._folder, restriction=_filter(None, paths, None), weakest=level)
        return duplicates_text(answer, wanted, describe_gaps(self._session.status()))

    def status(self) -> str:
        """Says how much of the folder is indexed and what was left out."""
        return status_text(self._session.status())

    def read_unit(self, path: str, symbol: str = "", line: int = 0, budget_tokens: int = 3000) -> str:
        """Gives the whole text of the function or class with this symbol, or at this line, of a file."""
        if not symbol and line < 1:
            raise SettingError("Give a symbol (`Class.method`) or a line from 1 on.")
        self._session.wait_ready(PATIENCE_S)
        found = self._session.unit(self._folder, path, symbol=symbol, line0=line - 1)
        return unit_text(found, _page(1, 1, budget_tokens).budget_tokens)

    def _piece(self, path: str, line: int, end_line: int, code: str, language: str) -> Pasted | Selected:
        if code:
            return Pasted(code, read_language(language) if language else TEXT)
        if not path or line < 1:
            raise SettingError("Give a path and a line from 1 on, or code.")
        full = (self._folder / path).resolve()
        if not full.is_relative_to(self._folder) or not full.is_file():
            raise WorkspaceError(f"There is no file {path} in {self._folder}.")
        return selected_lines(full, line, end_line if end_line > line else None, shown=path)


def build_server(folder: Path, settings: Settings) -> MCPServer[None]:
    """The server for one folder; its session lives as long as it serves."""
    session = Session(settings)

    @asynccontextmanager
    async def lifespan(_: MCPServer[None]) -> "AsyncIterator[None]":
        session.add_folder(folder)
        session.watch(folder)
        try:
            yield
        finally:
            await to_thread.run_sync(session.close)

    server: MCPServer[None] = MCPServer(
        "oasis",
        instructions=INSTRUCTIONS.format(folder=folder),
        version=__version__,
        lifespan=lifespan,
        log_level="WARNING",
    )
    tools = Tools(session, folder)

    def register(method: Callable[..., str]) -> None:
        """The method as a tool of the same parameters, on a thread, its errors sentences for the agent."""

        @wraps(method)
        async def tool(*arguments: object, **named: object) -> str:
            try:
                return await to_thread.run_sync(partial(method, *arguments, **named))
            except OasisError as error:
                raise ToolError(str(error)) from error

        server.tool(structured_output=False)(tool)

    for method in (tools.search, tools.similar, tools.duplicates, tools.status, tools.read_unit):
        register(method)
    return server


def serve(folder: Path, settings: Settings) -> None:
    """Serves one client over stdio until it leaves."""
    build_server(folder, settings).run("stdio")


def _page(number: int, size: int, budget_tokens: int) -> Page:
    bounds = (("page", number, MAX_HITS), ("limit", size, MAX_HITS), ("budget_tokens", budget_tokens, 50_000))
    for name, value, most in bounds:
        if not 1 <= value <= most:
            raise SettingError(f"{name} is {value}; give 1 to {most:,}.")
    return Page(number, size, budget_tokens)


def _filter(languages: list[str] | None, paths: list[str] | None, kinds: list[str] | None) -> Filter:
    return Filter(
        frozenset(read_language(name).name for name in languages or ()),
        tuple(paths or ()),
        frozenset(read_kind(name) for name in kinds or ()),
    )
