"""Answers `initialize` with the standard library alone, before the server's libraries are loaded.

Importing pygls and lsprotocol takes 0.5 to 0.7 s (measured on two cores: 554 attrs classes are compiled
at each start), and a client would wait for `initialize` all that time. So the first exchange happens here and
the rest of the server is imported afterwards, while the client already goes on. The message framing here
serves this exchange only; everything later goes through pygls.
"""

import json
from collections.abc import Mapping
from typing import BinaryIO

from oasis_search.lsp.client import ClientProfile, parse_client
from oasis_search.lsp.protocol import COMMANDS, METHODS
from oasis_search.version import __version__

_PARSE_ERROR = -32700
_INVALID_PARAMS = -32602
_NOT_INITIALIZED = -32002


def greet(reader: BinaryIO, writer: BinaryIO) -> ClientProfile | None:
    """The client's profile once its `initialize` was answered; None when it left before."""
    while (body := _read_body(reader)) is not None:
        try:
            message = json.loads(body)
        except ValueError as error:
            _refuse(writer, None, _PARSE_ERROR, f"The message is not JSON: {error}.")
            continue
        if not isinstance(message, Mapping):
            _refuse(writer, None, _PARSE_ERROR, "The message is not an object.")
            continue
        method = message.get("method")
        if method == "exit":
            return None
        if "id" not in message:
            continue
        if method != "initialize":
            _refuse(writer, message["id"], _NOT_INITIALIZED, "The server waits for initialize first.")
            continue
        params = message.get("params")
        if not isinstance(params, Mapping):
            _refuse(writer, message["id"], _INVALID_PARAMS, "initialize needs an object with capabilities.")
            continue
        client = parse_client(params)
        result = {
            "capabilities": server_capabilities(client),
            "serverInfo": {"name": "oasis", "version": __version__},
        }
        _write(writer, {"jsonrpc": "2.0", "id": message["id"], "result": result})
        return client
    return None


def server_capabilities(client: ClientProfile) -> dict[str, object]:
    """What is announced to this client."""
    incremental = 2
    return {
        "positionEncoding": client.encoding,
        "textDocumentSync": {"openClose": True, "change": incremental, "save": {"includeText": True}},
        "workspaceSymbolProvider": {"resolveProvider": False},
        "executeCommandProvider": {"commands": [command.name for command in COMMANDS]},
        "workspace": {"workspaceFolders": {"supported": True, "changeNotifications": True}},
        "experimental": {
            "oasis": {"version": __version__, "methods": [method.name for method in METHODS]},
        },
    }


def _read_body(reader: BinaryIO) -> bytes | None:
    """The next message; None at the end of the stream."""
    length = 0
    while header := reader.readline():
        name, _, value = header.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value) if value.strip().isdigit() else 0
        elif not header.strip() and length:
            body = reader.read(length)
            return body if len(body) == length else None
    return None


def _refuse(writer: BinaryIO, message_id: object, code: int, sentence: str) -> None:
    _write(writer, {"jsonrpc": "2.0", "id": message_id, "error": {"code": code, "message": sentence}})


def _write(writer: BinaryIO, message: Mapping[str, object]) -> None:
    body = json.dumps(message).encode()
    writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    writer.flush()
