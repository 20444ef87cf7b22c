"""`oasis/search`: checks the question, asks the engine on its threads, presents the answer."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from oasis_search.errors import SettingError
from oasis_search.lsp import protocol
from oasis_search.lsp.answers import Presenter
from oasis_search.lsp.params import read_filter, read_limit, read_object, read_uri
from oasis_search.search.query import Query

if TYPE_CHECKING:
    from oasis_search.lsp.server import OasisServer
    from oasis_search.workspace.session import Session

_FIELDS = frozenset(protocol.SearchParams.__annotations__)


class Search:
    """Answers questions."""

    def __init__(self, server: "OasisServer") -> None:
        self._server = server
        self.presenter = Presenter(server.folders.uri_of, server.client.encoding)
        server.on_request(protocol.SEARCH, self.answer)

    async def answer(self, params: object) -> protocol.SearchResult:
        """The answer to `oasis/search` with these parameters."""
        query = parse_query(params, default_limit=self._server.configuration.settings.search.limit)
        folder = self._folder(params)

        def search(session: "Session", cancelled: Callable[[], bool]) -> protocol.SearchResult:
            return self.presenter.search_result(session.search(query, folder=folder, cancelled=cancelled))

        def hurry(session: "Session", cancelled: Callable[[], bool]) -> protocol.SearchResult | None:
            """The answer as it is without waiting for the model; None when there is none to wait for."""
            if not session.awaits_model:
                return None
            answer = session.search(query, folder=folder, patience_s=0.0, cancelled=cancelled)
            return self.presenter.search_result(replace(answer, message=""))

        token = _stream_token(params)
        if token is not None and (early := await self._server.engine.ask(hurry)) is not None:
            stream: protocol.SearchStreamParams = {"token": token, "result": early}
            self._server.protocol.notify(protocol.SEARCH_STREAM, stream)
        return await self._server.engine.ask(search)

    def _folder(self, params: object) -> Path | None:
        uri = read_uri(params, "folder") if isinstance(params, Mapping) else None
        return None if uri is None else self._server.folders.root_of(uri)


def parse_query(params: object, *, default_limit: int) -> Query:
    """The question in these parameters; raises SettingError with a sentence that names what is wrong."""
    known = read_object(params, _FIELDS, '{"query": "..."}')
    text = known.get("query")
    if not isinstance(text, str):
        raise SettingError('"query" must be a text.')
    return Query(text, read_limit(known, default_limit), read_filter(known))


def _stream_token(params: object) -> str | None:
    token = params.get("streamToken") if isinstance(params, Mapping) else None
    if token is not None and not isinstance(token, str):
        raise SettingError(f'"streamToken" is {token!r}, not a text.')
    return token
