"""`oasis/similar`: code like a place, a selection or a text, with its clone level."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from oasis_search.errors import SettingError
from oasis_search.lsp import protocol
from oasis_search.lsp.answers import Presenter
from oasis_search.lsp.convert import byte_at, local_path
from oasis_search.lsp.params import (
    read_filter,
    read_limit,
    read_object,
    read_position,
    read_range,
    read_uri,
)
from oasis_search.search.names import read_language
from oasis_search.syntax.languages import TEXT

if TYPE_CHECKING:
    from oasis_search.lsp.server import OasisServer
    from oasis_search.workspace.resemblance import Pasted, Selected
    from oasis_search.workspace.session import Session

_FIELDS = frozenset(protocol.SimilarParams.__annotations__)
_EXAMPLE = '{"textDocument": {"uri": "file:///..."}, "position": {"line": 0, "character": 0}}'


class Similar:
    """Answers what is like a piece of code."""

    def __init__(self, server: "OasisServer") -> None:
        self._server = server
        self._presenter = Presenter(server.folders.uri_of, server.client.encoding)
        server.on_request(protocol.SIMILAR, self.answer)

    async def answer(self, params: object) -> protocol.SimilarResult:
        """The answer to `oasis/similar` with these parameters."""
        known = read_object(params, _FIELDS, _EXAMPLE)
        limit = read_limit(known, self._server.configuration.settings.search.limit)
        restriction = read_filter(known)
        uri = read_uri(known, "folder")
        folder = None if uri is None else self._server.folders.root_of(uri)

        def find(session: "Session", cancelled: Callable[[], bool]) -> protocol.SimilarResult:
            from oasis_search.workspace.resemblance import SimilarRequest

            request = SimilarRequest(read_piece(known, self._server.client.encoding), limit, restriction)
            answer = session.similar(request, folder=folder, cancelled=cancelled)
            return self._presenter.similar_result(answer)

        return await self._server.engine.ask(find)


def read_piece(params: Mapping[str, object], encoding: protocol.Encoding) -> "Pasted | Selected":
    """What something similar is wanted to; raises SettingError with a sentence that names what is wrong."""
    from oasis_search.workspace.resemblance import Pasted, Selected

    text = params.get("text")
    if text is not None:
        if not isinstance(text, str):
            raise SettingError('"text" must be a text.')
        name = params.get("languageId", "")
        if not isinstance(name, str):
            raise SettingError('"languageId" must be a text.')
        return Pasted(text, read_language(name) if name else TEXT)
    path = _path(params.get("textDocument"))
    if params.get("range") is not None:
        span = read_range(params["range"], "range")
    elif params.get("position") is not None:
        place = read_position(params["position"], "position")
        span = {"start": place, "end": place}
    else:
        raise SettingError(f'Neither "text" nor "position" nor "range" is given. Send {_EXAMPLE}.')

    def locate(source: bytes) -> tuple[int, int]:
        return byte_at(source, span["start"], encoding), byte_at(source, span["end"], encoding)

    return Selected(path, locate)


def _path(document: object) -> Path:
    uri = document.get("uri") if isinstance(document, Mapping) else None
    path = local_path(uri) if isinstance(uri, str) else None
    if path is None:
        raise SettingError(f'"textDocument" is {document!r}, which names no file here. Send {_EXAMPLE}.')
    return path
