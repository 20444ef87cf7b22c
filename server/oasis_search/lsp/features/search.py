"""`oasis/search`: checks the question, asks the engine on its threads, presents the answer."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from oasis_search.errors import SettingError
from oasis_search.lsp import protocol
from oasis_search.lsp.answers import Presenter
from oasis_search.search.query import Filter, Query
from oasis_search.syntax.languages import language_by_name
from oasis_search.syntax.units import KINDS, Kind

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

        return await self._server.engine.ask(search)

    def _folder(self, params: object) -> Path | None:
        uri = params.get("folder") if isinstance(params, Mapping) else None
        if uri is None:
            return None
        if not isinstance(uri, str):
            raise SettingError(f'"folder" is {uri!r}, not a URI.')
        return self._server.folders.root_of(uri)


def parse_query(params: object, *, default_limit: int) -> Query:
    """The question in these parameters; raises SettingError with a sentence that names what is wrong."""
    if not isinstance(params, Mapping):
        raise SettingError('The parameters are not an object. Send {"query": "..."}.')
    unknown = sorted(set(params) - _FIELDS)
    if unknown:
        raise SettingError(f'Unknown parameter "{unknown[0]}". Known are {", ".join(sorted(_FIELDS))}.')
    text = params.get("query")
    if not isinstance(text, str):
        raise SettingError('"query" must be a text.')
    languages = _texts(params, "languages")
    for name in languages:
        if language_by_name(name) is None:
            raise SettingError(f'Unknown language "{name}". "oasis search --help" lists the names.')
    wanted: list[Kind] = []
    for name in _texts(params, "kinds"):
        kind = next((known for known in KINDS if known == name), None)
        if kind is None:
            raise SettingError(f'Unknown kind "{name}". Known are {", ".join(KINDS)}.')
        wanted.append(kind)
    return Query(
        text,
        _limit(params.get("limit"), default_limit),
        Filter(frozenset(languages), tuple(_texts(params, "globs")), frozenset(wanted)),
    )


def _limit(value: object, default: int) -> int:
    if value is None:
        return max(1, min(default, protocol.MAX_LIMIT))
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= protocol.MAX_LIMIT:
        raise SettingError(f'"limit" is {value!r}, not a whole number from 1 to {protocol.MAX_LIMIT}.')
    return value


def _texts(params: Mapping[str, object], name: str) -> list[str]:
    value = params.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise SettingError(f'"{name}" is {value!r}, not a list of texts.')
    return value
