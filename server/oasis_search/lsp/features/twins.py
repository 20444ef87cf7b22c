"""What is like the functions of one file, in the text itself: code lenses and pull diagnostics.

Both are off until a setting asks for them, and both look at one file only: lenses at one function when the
editor shows its line (`codeLens/resolve`), diagnostics at the functions of a file that the editor pulls.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lsprotocol import types

from oasis_search.lsp import protocol
from oasis_search.lsp.convert import local_path, range_of

if TYPE_CHECKING:
    from oasis_search.lsp.server import OasisServer
    from oasis_search.workspace.session import Session
    from oasis_search.workspace.status import FoundHit, SimilarHit

SHOWN = 10
"""Twins that are looked for; a lens says `10+` beyond."""

LEAST_PROBABILITY = 0.5
"""That code does the same, to count in a lens."""


class Place(NamedTuple):
    """A place that a client can show."""

    uri: str
    range: types.Range
    name: str


class Twin(NamedTuple):
    """A function of the file with what is like it."""

    own: Place
    others: tuple[Place, ...]
    level: str


class Twins:
    """Answers `textDocument/codeLens`, `codeLens/resolve` and `textDocument/diagnostic`."""

    def __init__(self, server: "OasisServer") -> None:
        self._server = server
        server.on_request(types.TEXT_DOCUMENT_CODE_LENS, self._lenses)
        server.on_request(types.CODE_LENS_RESOLVE, self._resolve)
        server.on_request(types.TEXT_DOCUMENT_DIAGNOSTIC, self._diagnose)

    async def _lenses(self, params: types.CodeLensParams) -> list[types.CodeLens]:
        path = local_path(params.text_document.uri)
        if not self._server.configuration.settings.editor.lenses or path is None:
            return []
        functions = await self._server.engine.ask(lambda session, _: session.functions_of(path))
        return [
            types.CodeLens(self._place(found).range, data={"uri": params.text_document.uri})
            for found in functions
        ]

    async def _resolve(self, lens: types.CodeLens) -> types.CodeLens:
        uri = lens.data.get("uri") if isinstance(lens.data, dict) else None
        path = local_path(uri) if isinstance(uri, str) else None
        if path is None:
            return lens
        start = lens.range.start

        def count(session: "Session", cancelled: Callable[[], bool]) -> int:
            for found in session.functions_of(path):
                if self._place(found).range.start == start:
                    hits = _twins(session, found, cancelled)
                    return sum(h.found.hit.probability >= LEAST_PROBABILITY for h in hits)
            return 0

        number = await self._server.engine.ask(count)
        position = {"line": start.line, "character": start.character}
        argument = {"textDocument": {"uri": uri}, "position": position}
        title = f"{SHOWN}+ similar" if number > SHOWN else f"{number} similar"
        command = types.Command(title, protocol.SHOW_SIMILAR_COMMAND, arguments=[argument])
        return types.CodeLens(lens.range, command=command, data=lens.data)

    async def _diagnose(self, params: types.DocumentDiagnosticParams) -> types.DocumentDiagnosticReport:
        path = local_path(params.text_document.uri)
        if not self._server.configuration.settings.editor.duplicates or path is None:
            return types.RelatedFullDocumentDiagnosticReport(items=[])
        twins = await self._server.engine.ask(
            lambda session, cancelled: self._twins_of(session, path, cancelled)
        )
        return types.RelatedFullDocumentDiagnosticReport(items=[_diagnostic(twin) for twin in twins])

    def _twins_of(self, session: "Session", path: Path, cancelled: Callable[[], bool]) -> list[Twin]:
        """Functions of a file that have copies, with these. Milliseconds for each function."""
        found = []
        for function in session.functions_of(path):
            copies = [hit for hit in _twins(session, function, cancelled) if hit.level != "behaviour"]
            if copies:
                others = tuple(self._place(hit.found) for hit in copies)
                found.append(Twin(self._place(function), others, copies[0].level))
        return found

    def _place(self, found: "FoundHit") -> Place:
        span = range_of(found.text_utf8, found.hit.name_span, self._server.client.encoding)
        start, end = span["start"], span["end"]
        return Place(
            self._server.folders.uri_of(found.root, found.hit.path),
            types.Range(
                types.Position(start["line"], start["character"]),
                types.Position(end["line"], end["character"]),
            ),
            found.hit.name,
        )


def _twins(session: "Session", function: "FoundHit", cancelled: Callable[[], bool]) -> "list[SimilarHit]":
    """What is like a function, copies first; only functions that are long enough to say something."""
    from oasis_search.search.duplicates import LEAST_LINES
    from oasis_search.search.query import Filter
    from oasis_search.workspace.resemblance import Selected, SimilarRequest

    span = function.hit.span
    piece = Selected(function.root / function.hit.path, lambda _: (span.start_byte, span.end_byte))
    request = SimilarRequest(piece, SHOWN + 1, Filter(kinds=frozenset(("function", "method"))))
    answer = session.similar(request, patience_s=0.0, cancelled=cancelled)
    return [
        hit
        for hit in (*answer.copies, *answer.hits)
        if hit.found.hit.span.end_line0 - hit.found.hit.span.start_line0 + 1 >= LEAST_LINES
    ]


def _diagnostic(twin: Twin) -> types.Diagnostic:
    number = len(twin.others)
    also = f"{twin.others[0].name} elsewhere" if number == 1 else f"{number} functions elsewhere"
    meaning = {"exact": "the same code as", "renamed": "the same code, renamed, as"}.get(
        twin.level, "an edited copy of, or copied to,"
    )
    return types.Diagnostic(
        twin.own.range,
        f"{twin.own.name} is {meaning} {also}.",
        severity=types.DiagnosticSeverity.Hint,
        code=f"duplicate/{twin.level}",
        source="oasis",
        related_information=[
            types.DiagnosticRelatedInformation(types.Location(other.uri, other.range), other.name)
            for other in twin.others
        ],
    )
