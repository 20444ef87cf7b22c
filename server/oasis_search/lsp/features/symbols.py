"""`workspace/symbol`: the same engine behind the door that every editor has.

The order is ours, by meaning. VS Code drops names that do not resemble the query; Helix and others show all.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from oasis_search.lsp import protocol
from oasis_search.lsp.values import text_at

if TYPE_CHECKING:
    from oasis_search.lsp.server import OasisServer
    from oasis_search.workspace.session import Session

_LIMIT = 100
_KINDS = {"function": 12, "method": 6, "class": 5, "module": 2, "text": 1}
"""The protocol's SymbolKind; 1 is a file."""


class Symbols:
    """Answers `workspace/symbol`."""

    def __init__(self, server: "OasisServer") -> None:
        self._server = server
        server.connection.on_request("workspace/symbol", self._answer)

    async def _answer(self, params: object) -> list[dict[str, object]]:
        query = text_at(params, "query")

        def find(session: "Session", cancelled: Callable[[], bool]) -> protocol.SearchResult:
            answer = session.symbols(query, limit=_LIMIT, cancelled=cancelled)
            return self._server.search.presenter.search_result(answer)

        result = await self._server.engine.ask(find)
        return [_symbol(hit) for hit in result["hits"]]


def _symbol(hit: protocol.SearchHit) -> dict[str, object]:
    """At once a SymbolInformation and a WorkspaceSymbol; editors jump to the name, not the comment above."""
    symbol: dict[str, object] = {
        "name": hit["name"],
        "kind": _KINDS[hit["kind"]],
        "location": {"uri": hit["uri"], "range": hit["selectionRange"]},
    }
    if "containerName" in hit:
        symbol["containerName"] = hit["containerName"]
    return symbol
