"""A small editor for tests: pytest-lsp's client with the capabilities of a recorded real one, over stdio."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cattrs import Converter
from lsprotocol import types
from pygls.protocol import (
    JsonRPCNotification,
    JsonRPCRequestMessage,
    JsonRPCResponseMessage,
    default_converter,
)
from pytest_lsp import LanguageClient, client_capabilities
from pytest_lsp.client import register_lsp_features

from tests.samples import RETRY

OASIS = [str(Path(sys.executable).with_name("oasis")), "serve"]
CLIENTS = ("visual-studio-code", "neovim", "emacs")
PATIENCE_S = 60.0
"""Ends a test that would wait for ever; says nothing about speed."""

WORKSPACE = {
    "net/retry.py": RETRY,
    "billing/invoice.py": '''\
class Invoice:
    """What a customer owes."""

    def __init__(self, lines):
        self.lines = lines

    def total_with_tax(self, rate):
        """Sum of all lines including value added tax."""
        net = sum(line.price * line.quantity for line in self.lines)
        return net * (1 + rate)
''',
    "geo/distance.js": """\
// Great-circle distance between two points on the globe, in kilometres.
export function haversine(a, b) {
  const toRadians = (degrees) => (degrees * Math.PI) / 180;
  const dLat = toRadians(b.lat - a.lat);
  const dLon = toRadians(b.lon - a.lon);
  const h = Math.sin(dLat / 2) ** 2 + Math.cos(toRadians(a.lat)) * Math.sin(dLon / 2) ** 2;
  return 12742 * Math.asin(Math.sqrt(h));
}
""",
    "party/cake.js": (
        'const cake = "🎂é"; function blowOutCandles(birthdayChild) { return "🎉" + cake + birthdayChild; }\n'
    ),
    "docs/colours.md": "# Colours\n\nThe palette of the theme: teal for links, amber for warnings.\n",
}


class Editor:
    """One connection to one server."""

    def __init__(self, client: LanguageClient, name: str, root: Path) -> None:
        self.client = client
        self.name = name
        self.root = root
        self.statuses: list[dict[str, Any]] = []
        self.registered: set[str] = set()
        self.result: types.InitializeResult
        self._versions: dict[Path, int] = {}

    @property
    def encoding(self) -> str:
        return str(self.result.capabilities.position_encoding)

    async def request(self, method: str, params: object = None) -> Any:  # noqa: ANN401
        return await asyncio.wait_for(self.ask(method, params), PATIENCE_S)

    async def ask(self, method: str, params: object, message_id: str | None = None) -> Any:  # noqa: ANN401
        protocol = self.client.protocol
        return await protocol.send_request_async(method, params, message_id)  # type: ignore[no-untyped-call]

    async def command(self, name: str, *arguments: object) -> Any:  # noqa: ANN401
        params = types.ExecuteCommandParams(name, list(arguments))
        return await asyncio.wait_for(self.client.workspace_execute_command_async(params), PATIENCE_S)

    async def search(self, query: str, **options: object) -> dict[str, Any]:
        result = await self.request("oasis/search", {"query": query, **options})
        assert isinstance(result, dict)
        return result

    async def names(self, query: str, **options: object) -> list[str]:
        return [hit["name"] for hit in (await self.search(query, **options))["hits"]]

    async def until(self, condition: Callable[[], Awaitable[object]]) -> Any:  # noqa: ANN401
        """The first true value of `condition`."""
        async with asyncio.timeout(PATIENCE_S):
            while not (value := await condition()):
                await asyncio.sleep(0.03)
            return value

    async def until_ready(self, *roots: Path) -> None:
        uris = {root.as_uri() for root in roots or (self.root,)}

        async def ready() -> bool:
            folders = (await self.request("oasis/status"))["folders"]
            return uris <= {folder["uri"] for folder in folders if folder["phase"] == "ready"}

        await self.until(ready)

    async def until_found(self, query: str, name: str) -> dict[str, Any]:
        async def find() -> dict[str, Any] | None:
            hits = (await self.search(query))["hits"]
            return next((hit for hit in hits if hit["name"] == name), None)

        found = await self.until(find)
        assert isinstance(found, dict)
        return found

    async def until_gone(self, query: str, name: str) -> None:
        async def is_gone() -> bool:
            return name not in await self.names(query)

        await self.until(is_gone)

    def write(self, relative: str, text: str) -> Path:
        """Changes the disk, and says so where this client watches."""
        path = self.root / relative
        kind = types.FileChangeType.Changed if path.exists() else types.FileChangeType.Created
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self._tell(path, kind)
        return path

    def delete(self, path: Path) -> None:
        path.unlink()
        self._tell(path, types.FileChangeType.Deleted)

    def _tell(self, path: Path, kind: types.FileChangeType) -> None:
        if types.WORKSPACE_DID_CHANGE_WATCHED_FILES in self.registered:
            event = types.FileEvent(path.as_uri(), kind)
            self.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([event]))

    def open(self, path: Path, text: str | None = None) -> None:
        self._versions[path] = 1
        content = path.read_text(encoding="utf-8") if text is None else text
        item = types.TextDocumentItem(path.as_uri(), "python", 1, content)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def edit(self, path: Path, start: tuple[int, int], end: tuple[int, int], text: str) -> None:
        self._versions[path] += 1
        span = types.Range(types.Position(*start), types.Position(*end))
        change = types.TextDocumentContentChangePartial(range=span, text=text)
        document = types.VersionedTextDocumentIdentifier(version=self._versions[path], uri=path.as_uri())
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))

    def save(self, path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")
        document = types.TextDocumentIdentifier(path.as_uri())
        self.client.text_document_did_save(types.DidSaveTextDocumentParams(document, text))

    def close(self, path: Path) -> None:
        document = types.TextDocumentIdentifier(path.as_uri())
        self.client.text_document_did_close(types.DidCloseTextDocumentParams(document))

    def change_folders(self, *, added: tuple[Path, ...] = (), removed: tuple[Path, ...] = ()) -> None:
        event = types.WorkspaceFoldersChangeEvent(
            added=[types.WorkspaceFolder(path.as_uri(), path.name) for path in added],
            removed=[types.WorkspaceFolder(path.as_uri(), path.name) for path in removed],
        )
        self.client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(event))

    async def until_told(self, fragment: str) -> str:
        """The message to the user that holds this fragment."""

        async def told() -> str | None:
            return next((m.message for m in self.client.messages if fragment in m.message), None)

        return str(await self.until(told))

    async def leave(self) -> int | None:
        """Says goodbye; the server's exit code."""
        server = self.client._server
        assert server is not None
        if server.returncode is None:
            await self.client.shutdown_session()
        await self.client.stop()  # type: ignore[no-untyped-call]
        return server.returncode


Connect = Callable[..., Awaitable[Editor]]


def write_workspace(root: Path, files: Mapping[str, str] = WORKSPACE) -> Path:
    """A folder with these files."""
    root.mkdir(parents=True, exist_ok=True)
    for relative, text in files.items():
        path = root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def plain_converter() -> Converter:
    """The converter of pygls' client, with custom methods' values left as plain JSON."""
    converter: Converter = default_converter()  # type: ignore[no-untyped-call]
    for kind in (JsonRPCRequestMessage, JsonRPCNotification, JsonRPCResponseMessage):
        converter.register_structure_hook(kind, lambda data, kind: kind(**data))
    # cattrs takes every action with a command for a command alone.
    converter.register_structure_hook(types.Command | types.CodeAction, _structure_action)
    return converter


def _structure_action(data: dict[str, Any], _: object) -> types.CodeAction | types.Command:
    if isinstance(data.get("command"), str):
        return types.Command(**data)
    return types.CodeAction(**{**data, "command": types.Command(**data["command"])})


async def connect_editor(
    name: str,
    root: Path,
    *,
    cache: Path,
    options: Mapping[str, object] | None = None,
    configuration: Mapping[str, object] | None = None,
    folders: tuple[str, ...] | None = None,
    client_name: str | None = None,
    has_content: bool = False,
) -> Editor:
    """A real server, initialized by a client with the recorded capabilities of `name`.

    `has_content` adds `workspace/textDocumentContent`, which is newer than the recordings.
    """
    capabilities = client_capabilities(name)
    if has_content:
        assert capabilities.workspace is not None
        capabilities.workspace.text_document_content = types.TextDocumentContentClientCapabilities()
    client = LanguageClient(
        converter_factory=plain_converter,
        configuration={"": {"oasis": dict(configuration)}} if configuration is not None else None,
    )
    register_lsp_features(client)
    editor = Editor(client, name, root)

    def note_status(params: dict[str, Any]) -> None:
        editor.statuses.append(params)

    client.feature("oasis/statusChanged")(note_status)

    def register(params: types.RegistrationParams) -> None:
        editor.registered.update(registration.method for registration in params.registrations)

    client.feature(types.CLIENT_REGISTER_CAPABILITY)(register)
    await client.start_io(*OASIS)
    uris = (root.as_uri(),) if folders is None else folders
    editor.result = await client.initialize_session(
        types.InitializeParams(
            capabilities=capabilities,
            client_info=types.ClientInfo(client_name or name),
            workspace_folders=[types.WorkspaceFolder(uri, uri.rsplit("/", 1)[-1]) for uri in uris],
            initialization_options={"cacheDir": str(cache), **(options or {})},
        )
    )
    return editor


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=CLIENTS)
async def editor(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Editor]:
    """One ready editor for a module's tests; they use files of their own."""
    base = tmp_path_factory.mktemp(request.param)
    root = write_workspace(base / "my wörk space")
    editor = await connect_editor(request.param, root, cache=base / "cache")
    await editor.until_ready()
    yield editor
    assert await editor.leave() == 0


@pytest_asyncio.fixture
async def connect(tmp_path: Path) -> AsyncIterator[Connect]:
    """Makes editors for one test; they leave at its end."""
    editors: list[Editor] = []

    async def make(name: str = "neovim", root: Path | None = None, **more: Any) -> Editor:  # noqa: ANN401
        root = root or write_workspace(tmp_path / "ws")
        editor = await connect_editor(name, root, cache=tmp_path / "cache", **more)
        editors.append(editor)
        return editor

    yield make
    for editor in editors:
        await editor.leave()
