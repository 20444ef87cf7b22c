"""Answers `initialize` before anything heavy is imported.

The engine's libraries (0.3 s) are loaded afterwards, while the client already goes on.
"""

from collections.abc import Callable, Mapping

from oasis_search.lsp import protocol
from oasis_search.lsp.client import ClientProfile, parse_client
from oasis_search.lsp.framing import BadMessage, FrameReader, frame
from oasis_search.version import __version__


def greet(reader: FrameReader, write: Callable[[bytes], object]) -> ClientProfile | None:
    """The client's profile once its `initialize` was answered; None when it left before."""

    def refuse(message_id: object, code: int, sentence: str) -> None:
        write(frame({"jsonrpc": "2.0", "id": message_id, "error": {"code": code, "message": sentence}}))

    while True:
        try:
            message = reader.next()
        except BadMessage as error:
            refuse(None, protocol.PARSE_ERROR, str(error))
            continue
        if message is None:
            return None
        if not isinstance(message, Mapping):
            refuse(None, protocol.INVALID_REQUEST, "The message is not an object.")
            continue
        method, message_id, params = message.get("method"), message.get("id"), message.get("params")
        if method == "exit":
            return None
        if "id" not in message:
            continue
        if method != "initialize":
            refuse(message_id, protocol.NOT_INITIALIZED, "The server waits for initialize first.")
        elif not isinstance(params, Mapping):
            refuse(message_id, protocol.INVALID_PARAMS, "initialize needs an object with capabilities.")
        else:
            client = parse_client(params)
            server = {"name": "oasis", "version": __version__}
            result = {"capabilities": server_capabilities(client), "serverInfo": server}
            write(frame({"jsonrpc": "2.0", "id": message_id, "result": result}))
            return client


def server_capabilities(client: ClientProfile) -> dict[str, object]:
    """What is announced to this client."""
    incremental = 2
    return {
        "positionEncoding": client.encoding,
        "textDocumentSync": {"openClose": True, "change": incremental, "save": {"includeText": True}},
        "workspaceSymbolProvider": {"resolveProvider": False},
        "executeCommandProvider": {"commands": [command.name for command in protocol.COMMANDS]},
        "workspace": {"workspaceFolders": {"supported": True, "changeNotifications": True}},
        "experimental": {
            "oasis": {"version": __version__, "methods": [method.name for method in protocol.METHODS]},
        },
    }
