"""Open texts: every open, change, save and close becomes one FileChange."""

from typing import TYPE_CHECKING

from oasis_search.lsp.convert import local_path
from oasis_search.lsp.values import at, list_at, range_at, text_at
from oasis_search.workspace.changes import Cause, FileChange

if TYPE_CHECKING:
    from oasis_search.lsp.server import OasisServer


class Sync:
    """Keeps the engine's view of unsaved text equal to the editor's; other texts are ignored."""

    def __init__(self, server: "OasisServer") -> None:
        self._documents = server.documents
        self._engine = server.engine
        server.connection.on_notification("textDocument/didOpen", self._did_open)
        server.connection.on_notification("textDocument/didChange", self._did_change)
        server.connection.on_notification("textDocument/didSave", self._did_save)
        server.connection.on_notification("textDocument/didClose", self._did_close)

    def _did_open(self, params: object) -> None:
        uri, text = text_at(params, "textDocument", "uri"), text_at(params, "textDocument", "text")
        path = local_path(uri)
        if path is not None:
            self._documents.open(uri, path, text)
            self._engine.apply((FileChange(path, Cause.OPENED, text),))

    def _did_change(self, params: object) -> None:
        path = local_path(text_at(params, "textDocument", "uri"))
        document = self._documents.get(path) if path is not None else None
        if path is None or document is None:
            return
        for change in list_at(params, "contentChanges"):
            span = range_at(change, "range")
            if span is not None:
                self._documents.edit(document, span, text_at(change, "text"))
            else:
                self._documents.replace(document, text_at(change, "text"))
        self._engine.apply((FileChange(path, Cause.EDITED, document.text),))

    def _did_save(self, params: object) -> None:
        path = local_path(text_at(params, "textDocument", "uri"))
        document = self._documents.get(path) if path is not None else None
        if path is None or document is None:
            return
        text = at(params, "text")
        if isinstance(text, str) and text != document.text:
            self._documents.replace(document, text)
        self._engine.apply((FileChange(path, Cause.SAVED, document.text),))

    def _did_close(self, params: object) -> None:
        path = local_path(text_at(params, "textDocument", "uri"))
        if path is not None:
            self._documents.close(path)
            self._engine.apply((FileChange(path, Cause.CLOSED),))
