"""Code actions on what is selected: "Find similar code" and "Search for this".

Offered without looking at anything, so they cost nothing; and only where a person asked for actions or has
selected something, or every editor would show its light bulb on every line.
"""

from typing import TYPE_CHECKING

from lsprotocol import types

from oasis_search.lsp import protocol
from oasis_search.lsp.convert import index_of_column, local_path
from oasis_search.search.query import MAX_QUERY_CHARS

if TYPE_CHECKING:
    from oasis_search.lsp.server import OasisServer


class Actions:
    """Answers `textDocument/codeAction`."""

    def __init__(self, server: "OasisServer") -> None:
        self._server = server
        server.on_request(types.TEXT_DOCUMENT_CODE_ACTION, self._answer)

    async def _answer(self, params: types.CodeActionParams) -> list[types.CodeAction]:
        is_selection = params.range.start != params.range.end
        is_asked = params.context.trigger_kind is types.CodeActionTriggerKind.Invoked
        if not (is_selection or is_asked):
            return []
        start, end = (
            {"line": place.line, "character": place.character}
            for place in (params.range.start, params.range.end)
        )
        similar = {"textDocument": {"uri": params.text_document.uri}, "range": {"start": start, "end": end}}
        found = [
            _action("Find similar code", protocol.SIMILAR_ACTION, protocol.SHOW_SIMILAR_COMMAND, similar)
        ]
        words = self._selected(params) if is_selection else ""
        if words:
            query = {"query": words}
            found.append(
                _action("Search for this", protocol.SEARCH_ACTION, protocol.SHOW_SEARCH_COMMAND, query)
            )
        wanted = params.context.only
        return [action for action in found if wanted is None or _is_wanted(str(action.kind), wanted)]

    def _selected(self, params: types.CodeActionParams) -> str:
        """The selected text of an open document, on one line; empty for another."""
        path = local_path(params.text_document.uri)
        document = self._server.documents.get(path) if path is not None else None
        if document is None:
            return ""
        encoding = self._server.client.encoding
        first, last = params.range.start, params.range.end
        lines = [line.rstrip("\r\n") for line in document.lines[first.line : last.line + 1]]
        if not lines:
            return ""
        if last.line - first.line < len(lines):
            lines[-1] = lines[-1][: index_of_column(lines[-1], last.character, encoding)]
        lines[0] = lines[0][index_of_column(lines[0], first.character, encoding) :]
        return " ".join(" ".join(lines).split())[:MAX_QUERY_CHARS]


def _action(title: str, kind: str, command: str, argument: object) -> types.CodeAction:
    return types.CodeAction(title, kind=kind, command=types.Command(title, command, arguments=[argument]))


def _is_wanted(kind: str, wanted: object) -> bool:
    """Whether a kind is one of those asked for, or below one."""
    return isinstance(wanted, list | tuple) and any(
        kind == str(each) or kind.startswith(f"{each}.") or not str(each) for each in wanted
    )
