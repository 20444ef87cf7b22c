"""Workspace folders: those open at the start, and those added and removed later."""

from collections.abc import Iterable
from operator import methodcaller
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types

from oasis_search.errors import SettingError, WorkspaceError
from oasis_search.lsp.convert import local_path, uri_below, uri_of_path
from oasis_search.workspace.changes import Cause, FileChange

if TYPE_CHECKING:
    from oasis_search.lsp.server import OasisServer


class Folders:
    """Which folders are open, and how the client spells their URIs."""

    def __init__(self, server: "OasisServer") -> None:
        self._server = server
        self._uris: dict[Path, str] = {}
        server.on_notification(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, self._did_change)

    async def add(self, uris: Iterable[str]) -> None:
        """Opens folders and sees to it that somebody watches them."""
        await self.watch(await self.open(uris))

    async def watch(self, roots: Iterable[Path]) -> None:
        """Sees to it that somebody watches these folders; may wait for the client."""
        for root in roots:
            await self._server.watching.watch(root)

    async def open(self, uris: Iterable[str]) -> list[Path]:
        """Those of the folders that could be opened; the others are named to the user."""
        opened = []
        for uri in uris:
            root = local_path(uri)
            if root is None:
                self._server.say(f"The folder {uri} is not on this machine and is not indexed.")
                continue
            self._uris[root] = uri
            try:
                await self._server.engine.control(methodcaller("add_folder", root))
            except WorkspaceError as error:
                self._uris.pop(root, None)
                self._server.say(str(error))
                continue
            # Texts that were open before their folder was known.
            self._server.engine.apply(
                [
                    FileChange(document.path, Cause.OPENED, document.text)
                    for document in self._server.documents.below(root)
                ]
            )
            opened.append(root)
        return opened

    @property
    def roots(self) -> tuple[Path, ...]:
        """The open folders on this machine."""
        return tuple(self._uris)

    def root_of(self, uri: str) -> Path:
        """The open folder with this URI; raises SettingError for any other."""
        root = local_path(uri)
        if root is None or root not in self._uris:
            raise SettingError(f'"{uri}" is not an open workspace folder.')
        return root

    def uri_of(self, root: Path, relative: str = "") -> str:
        """The URI of a folder, or of a file in it, spelled as the client spells it."""
        if not relative:
            return self._uris.get(root) or uri_of_path(root)
        document = self._server.documents.get(root / relative)
        if document is not None:
            return document.uri
        return uri_below(self.uri_of(root), relative)

    def _did_change(self, params: types.DidChangeWorkspaceFoldersParams) -> None:
        added = [folder.uri for folder in params.event.added]
        removed = [folder.uri for folder in params.event.removed]
        self._server.spawn("folders", self._change(added, removed))

    async def _change(self, added: list[str], removed: list[str]) -> None:
        for uri in removed:
            root = local_path(uri)
            if root is not None and self._uris.pop(root, None) is not None:
                await self._server.engine.control(methodcaller("remove_folder", root))
                self._server.status.forget(root)
        await self.add(added)
