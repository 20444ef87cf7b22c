"""`oasis/duplicates`: groups of copies over the open folders."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from oasis_search.errors import SettingError
from oasis_search.lsp import protocol
from oasis_search.lsp.answers import Presenter
from oasis_search.lsp.params import read_filter, read_limit, read_object, read_uri

if TYPE_CHECKING:
    from oasis_search.lsp.server import OasisServer
    from oasis_search.search.clones import Level
    from oasis_search.syntax import Span
    from oasis_search.workspace.duplication import DuplicateGroup
    from oasis_search.workspace.session import Session

_FIELDS = frozenset(protocol.DuplicatesParams.__annotations__)
_EXAMPLE = '{"limit": 20, "level": "edited"}'


class Duplicates:
    """Answers which functions are copies of one another."""

    def __init__(self, server: "OasisServer") -> None:
        self._server = server
        self._presenter = Presenter(server.folders.uri_of, server.client.encoding)
        server.on_request(protocol.DUPLICATES, self.answer)

    async def answer(self, params: object) -> protocol.DuplicatesResult:
        """The answer to `oasis/duplicates` with these parameters; none at all mean the defaults."""
        known = read_object({} if params is None else params, _FIELDS, _EXAMPLE)
        limit = read_limit(known, self._server.configuration.settings.search.limit)
        restriction = read_filter(known)
        uri = read_uri(known, "folder")
        folder = None if uri is None else self._server.folders.root_of(uri)

        def find(session: "Session", cancelled: Callable[[], bool]) -> protocol.DuplicatesResult:
            from oasis_search.workspace.gaps import describe_gaps

            roots = session.folders if folder is None else (folder,)
            weakest = read_level(known.get("level", "edited"))
            answers = [
                session.duplicates(root, restriction=restriction, weakest=weakest, cancelled=cancelled)
                for root in roots
            ]
            ranked = _without_parts(
                sorted(
                    ((answer.root, group) for answer in answers for group in answer.groups),
                    key=lambda entry: -entry[1].worth,
                )
            )
            groups = []
            for root, group in ranked[:limit]:
                members = session.verified(root, group.members)
                if len(members) > 1:
                    groups.append(self._presenter.duplicate_group(group, members))
            result: protocol.DuplicatesResult = {
                "groups": groups,
                "total": len(ranked),
                "units": sum(answer.units for answer in answers),
            }
            message = describe_gaps(state for state in session.status() if state.root in roots)
            if not ranked:
                message = message or ("No copies were found." if roots else "No folder is open.")
            if message:
                result["message"] = message
            return result

        return await self._server.engine.ask(find)


def _without_parts(ranked: "list[tuple[Path, DuplicateGroup]]") -> "list[tuple[Path, DuplicateGroup]]":
    """The groups, in order, but for those that an earlier one holds: folders may lie in one another."""
    kept: list[tuple[Path, DuplicateGroup]] = []
    holders: dict[tuple[Path, Span], set[int]] = {}
    for root, group in ranked:
        places = [(root / view.path, view.span) for view in group.members]
        if not set.intersection(*(holders.get(place, set()) for place in places)):
            for place in places:
                holders.setdefault(place, set()).add(len(kept))
            kept.append((root, group))
    return kept


def read_level(value: object) -> "Level":
    """A clone level; raises SettingError with the levels there are."""
    from oasis_search.search.clones import LEVELS

    for level in LEVELS:
        if value == level:
            return level
    raise SettingError(f'"level" is {value!r}. Levels are {", ".join(LEVELS)}.')
