"""`workspace/symbol`: the same engine behind the door that every editor has.

The order is ours, by meaning. VS Code drops names that do not resemble the query; Helix and others show all.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from lsprotocol import types

from oasis_search.lsp import protocol

if TYPE_CHECKING:
    from oasis_search.lsp.server import OasisServer
    from oasis_search.workspace.session import Session

_LIMIT = 100
_KINDS = {
    "function": types.SymbolKind.Function,
    "method": types.SymbolKind.Method,
    "class": types.SymbolKind.Class,
    "module": types.SymbolKind.Module,
    "text": types.SymbolKind.File,
}


class Symbols:
    """Answers `workspace/symbol`."""

    def __init__(self, server: "OasisServer") -> None:
        self._server = server
        server.on_request(types.WORKSPACE_SYMBOL, self._answer)

    async def _answer(self, params: types.WorkspaceSymbolParams) -> list[types.SymbolInformation]:
        def find(session: "Session", cancelled: Callable[[], bool]) -> protocol.SearchResult:
            answer = session.symbols(params.query, limit=_LIMIT, cancelled=cancelled)
            return self._server.search.presenter.search_result(answer)

        result = await self._server.engine.ask(find)
        return [_symbol(hit) for hit in result["hits"]]


def _symbol(hit: protocol.SearchHit) -> types.SymbolInformation:
    """Not a WorkspaceSymbol, which Helix discards; editors jump to the name, not to the comment above."""
    start, end = hit["selectionRange"]["start"], hit["selectionRange"]["end"]
    name = types.Range(
        types.Position(start["line"], start["character"]), types.Position(end["line"], end["character"])
    )
    return types.SymbolInformation(
        types.Location(hit["uri"], name),
        hit["name"],
        _KINDS[hit["kind"]],
        container_name=hit.get("containerName"),
    )
