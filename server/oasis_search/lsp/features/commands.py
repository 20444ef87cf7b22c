"""`workspace/executeCommand`: the same answers for clients that cannot send custom requests."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from lsprotocol import types

from oasis_search.errors import SettingError
from oasis_search.lsp import protocol
from oasis_search.lsp.convert import local_path
from oasis_search.syntax.units import qualified_name

if TYPE_CHECKING:
    from oasis_search.lsp.server import OasisServer


SHOWN_HITS = 5
"""Lines of a message; more is what a client of ours is for."""


class Commands:
    """Every command of the table in protocol.py."""

    def __init__(self, server: "OasisServer") -> None:
        self._server = server
        self._commands: dict[str, Callable[..., Awaitable[object]]] = {
            protocol.SEARCH_COMMAND: self._search,
            protocol.SIMILAR_COMMAND: self._similar,
            protocol.DUPLICATES_COMMAND: self._duplicates,
            protocol.SHOW_SEARCH_COMMAND: self._show_search,
            protocol.SHOW_SIMILAR_COMMAND: self._show_similar,
            protocol.STATUS_COMMAND: self._status,
            protocol.REINDEX_COMMAND: self._reindex,
            protocol.PAUSE_COMMAND: self._pause,
            protocol.RESUME_COMMAND: self._resume,
        }
        server.on_request(types.WORKSPACE_EXECUTE_COMMAND, self._execute)

    async def _execute(self, params: types.ExecuteCommandParams) -> object:
        command = self._commands.get(params.command)
        if command is None:
            known = ", ".join(self._commands)
            raise SettingError(f'There is no command "{params.command}". Commands are {known}.')
        return await command(*(params.arguments or ()))

    async def _search(self, *arguments: object) -> protocol.SearchResult:
        result = await self._server.search.answer(_search_params(arguments))
        self._show_first(result["hits"])
        return result

    async def _similar(self, *arguments: object) -> protocol.SimilarResult:
        result = await self._server.similar.answer(_similar_params(arguments))
        self._show_first([*result["hits"], *result["copies"]])
        return result

    async def _duplicates(self, params: object = None, *_arguments: object) -> protocol.DuplicatesResult:
        return await self._server.duplicates.answer(params)

    async def _show_search(self, *arguments: object) -> protocol.SearchResult:
        params = _search_params(arguments)
        result = await self._server.search.answer(params)
        asked = params.get("query", "") if isinstance(params, Mapping) else ""
        self._present(str(asked), result["hits"], result.get("message", ""))
        return result

    async def _show_similar(self, *arguments: object) -> protocol.SimilarResult:
        result = await self._server.similar.answer(_similar_params(arguments))
        hits = [*result["copies"], *result["hits"]]
        self._present(f"Like {result['origin']}", hits, result.get("message", ""))
        return result

    def _present(self, title: str, hits: Sequence[protocol.SearchHit], message: str) -> None:
        """Shows an answer to a person whose client knows nothing of ours."""
        if not hits:
            self._server.say(message or "Nothing like it was found.", types.MessageType.Info)
            return
        client = self._server.client
        if client.has_content and client.has_show_document:
            uri = self._server.results.keep(title, hits)
            self._server.spawn("show", self._show_uri(uri))
            return
        if client.has_show_document:
            self._server.spawn("show", self._show(hits[0]))
        self._server.say("\n".join(map(_line, hits[:SHOWN_HITS])), types.MessageType.Info)

    def _show_first(self, hits: Sequence[protocol.SearchHit]) -> None:
        client = self._server.client
        if client.ignores_command_results and client.has_show_document and hits:
            self._server.spawn("show", self._show(hits[0]))

    async def _show(self, hit: protocol.SearchHit) -> None:
        start = hit["selectionRange"]["start"]
        position = types.Position(start["line"], start["character"])
        await self._server.window_show_document_async(
            types.ShowDocumentParams(hit["uri"], take_focus=True, selection=types.Range(position, position))
        )

    async def _show_uri(self, uri: str) -> None:
        await self._server.window_show_document_async(types.ShowDocumentParams(uri, take_focus=True))

    async def _status(self, *_arguments: object) -> protocol.StatusResult:
        return await self._server.status.answer()

    async def _reindex(self, folder: object = None, *_arguments: object) -> None:
        if folder is not None and not isinstance(folder, str):
            raise SettingError(f"{folder!r} is not the URI of a workspace folder.")
        root = self._server.folders.root_of(folder) if folder is not None else None
        await self._server.engine.control(lambda session: session.reindex(root))

    async def _pause(self, *_arguments: object) -> None:
        await self._server.engine.control(lambda session: session.pause())

    async def _resume(self, *_arguments: object) -> None:
        await self._server.engine.control(lambda session: session.resume())


def _line(hit: protocol.SearchHit) -> str:
    """A hit in one line: how near, what, where."""
    weight = str(hit.get("level") or f"{hit['probability']:.0%}")
    path = local_path(hit["uri"])
    place = f"{path.name if path else hit['uri']}:{hit['selectionRange']['start']['line'] + 1}"
    name = qualified_name(hit["name"], hit.get("containerName", ""))
    return f"{weight}  {name}  {place}"


def _similar_params(arguments: tuple[object, ...]) -> object:
    if len(arguments) != 1:
        raise SettingError("Commands for similar code take one object, the parameters of oasis/similar.")
    return arguments[0]


def _search_params(arguments: tuple[object, ...]) -> object:
    if len(arguments) == 1 and isinstance(arguments[0], Mapping):
        return arguments[0]
    if not arguments or len(arguments) > 2:
        raise SettingError(f"{protocol.SEARCH_COMMAND} takes one object, or a query and perhaps a limit.")
    return dict(zip(("query", "limit"), arguments, strict=False))
