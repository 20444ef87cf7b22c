"""Open texts: every open, change, save and close becomes one FileChange."""

from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types

from oasis_search.lsp.convert import local_path
from oasis_search.lsp.documents import Document
from oasis_search.lsp.protocol import Range
from oasis_search.workspace.changes import Cause, FileChange

if TYPE_CHECKING:
    from oasis_search.lsp.server import OasisServer


class Sync:
    """Keeps the engine's view of unsaved text equal to the editor's; other texts are ignored."""

    def __init__(self, server: "OasisServer") -> None:
        self._documents = server.documents
        self._engine = server.engine
        server.on_notification(types.TEXT_DOCUMENT_DID_OPEN, self._did_open)
        server.on_notification(types.TEXT_DOCUMENT_DID_CHANGE, self._did_change)
        server.on_notification(types.TEXT_DOCUMENT_DID_SAVE, self._did_save)
        server.on_notification(types.TEXT_DOCUMENT_DID_CLOSE, self._did_close)

    def _did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        uri, text = params.text_document.uri, params.text_document.text
        path = local_path(uri)
        if path is not None:
            self._documents.open(uri, path, text)
            self._engine.apply((FileChange(path, Cause.OPENED, text),))

    def _did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        path, document = self._find(params.text_document.uri)
        if path is None or document is None:
            return
        for change in params.content_changes:
            if isinstance(change, types.TextDocumentContentChangePartial):
                self._documents.edit(document, _range(change.range), change.text)
            else:
                self._documents.replace(document, change.text)
        self._engine.apply((FileChange(path, Cause.EDITED, document.text),))

    def _did_save(self, params: types.DidSaveTextDocumentParams) -> None:
        path, document = self._find(params.text_document.uri)
        if path is None or document is None:
            return
        if params.text is not None and params.text != document.text:
            self._documents.replace(document, params.text)
        self._engine.apply((FileChange(path, Cause.SAVED, document.text),))

    def _did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        path = local_path(params.text_document.uri)
        if path is not None:
            self._documents.close(path)
            self._engine.apply((FileChange(path, Cause.CLOSED),))

    def _find(self, uri: str) -> tuple[Path | None, Document | None]:
        path = local_path(uri)
        return path, self._documents.get(path) if path is not None else None


def _range(value: types.Range) -> Range:
    return {
        "start": {"line": value.start.line, "character": value.start.character},
        "end": {"line": value.end.line, "character": value.end.character},
    }
