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

    async def _answer(
        self, params: types.WorkspaceSymbolParams
    ) -> list[types.WorkspaceSymbol] | list[types.SymbolInformation]:
        def find(session: "Session", cancelled: Callable[[], bool]) -> protocol.SearchResult:
            answer = session.symbols(params.query, limit=_LIMIT, cancelled=cancelled)
            return self._server.search.presenter.search_result(answer)

        result = await self._server.engine.ask(find)
        # Helix discards WorkspaceSymbol, so only a client that says it resolves them gets them.
        if self._server.client.has_symbol_resolve:
            return [
                types.WorkspaceSymbol(
                    _location(hit), hit["name"], _KINDS[hit["kind"]], container_name=_container(hit)
                )
                for hit in result["hits"]
            ]
        return [
            types.SymbolInformation(
                _location(hit), hit["name"], _KINDS[hit["kind"]], container_name=_container(hit)
            )
            for hit in result["hits"]
        ]


def _location(hit: protocol.SearchHit) -> types.Location:
    """Where an editor jumps to: the name, not the comment above it."""
    start, end = hit["selectionRange"]["start"], hit["selectionRange"]["end"]
    return types.Location(
        hit["uri"],
        types.Range(
            types.Position(start["line"], start["character"]), types.Position(end["line"], end["character"])
        ),
    )


def _container(hit: protocol.SearchHit) -> str | None:
    return hit.get("containerName")
