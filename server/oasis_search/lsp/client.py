"""What the connected client can do and has open: one value read once from the `initialize` request.

Reading never fails: a missing or malformed part counts as "not supported".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from oasis_search.lsp.convert import uri_of_path
from oasis_search.lsp.protocol import Encoding

_ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")


@dataclass(frozen=True, slots=True)
class ClientProfile:
    """Everything about the client that changes what the server does."""

    name: str = ""
    process_id: int | None = None
    encoding: Encoding = "utf-16"
    """Of positions: the client's first choice; UTF-16 when it says nothing."""
    folder_uris: tuple[str, ...] = ()
    options: object = None
    """`initializationOptions` as sent."""
    has_progress: bool = False
    has_configuration: bool = False
    """It answers `workspace/configuration`."""
    has_watching: bool = False
    """It watches files for servers that register for it."""
    has_configuration_registration: bool = False
    """It must be asked before it tells about changed settings."""
    has_show_document: bool = False
    has_content: bool = False
    """It asks the server for the text of documents with a scheme of the server's (LSP 3.18)."""

    @property
    def ignores_command_results(self) -> bool:
        """The result of a command reaches nobody."""
        return self.name.lower() == "helix"


def parse_client(params: Mapping[str, object]) -> ClientProfile:
    """The profile of the client that sent these `initialize` parameters."""
    process_id = params.get("processId")
    return ClientProfile(
        name=str(_at(params, "clientInfo", "name") or ""),
        process_id=process_id if isinstance(process_id, int) else None,
        encoding=_encoding(_at(params, "capabilities", "general", "positionEncodings")),
        folder_uris=_folder_uris(params),
        options=params.get("initializationOptions"),
        has_progress=_can(params, "window", "workDoneProgress"),
        has_configuration=_can(params, "workspace", "configuration"),
        has_watching=_can(params, "workspace", "didChangeWatchedFiles", "dynamicRegistration"),
        has_configuration_registration=_can(
            params, "workspace", "didChangeConfiguration", "dynamicRegistration"
        ),
        has_show_document=_can(params, "window", "showDocument", "support"),
        has_content=isinstance(_at(params, "capabilities", "workspace", "textDocumentContent"), Mapping),
    )


def _at(value: object, *keys: str) -> object:
    """What lies under these keys; None when anything on the way is missing."""
    for key in keys:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def _can(params: Mapping[str, object], *keys: str) -> bool:
    return _at(params, "capabilities", *keys) is True


def _encoding(offered: object) -> Encoding:
    for choice in offered if isinstance(offered, list) else ():
        for encoding in _ENCODINGS:
            if choice == encoding:
                return encoding
    return "utf-16"


def _folder_uris(params: Mapping[str, object]) -> tuple[str, ...]:
    """Of the folders, else of the one root that older clients send."""
    folders = params.get("workspaceFolders")
    if isinstance(folders, list):
        uris = [_at(folder, "uri") for folder in folders]
        return tuple(uri for uri in uris if isinstance(uri, str))
    root = params.get("rootUri")
    if isinstance(root, str) and root:
        return (root,)
    path = params.get("rootPath")
    if isinstance(path, str) and path:
        return (uri_of_path(Path(path)),)
    return ()
