"""Answers `initialize` with the standard library alone, before the server's libraries are loaded.

Importing pygls, lsprotocol and the index takes 1 s of CPU (lsprotocol compiles 554 classes at each start),
and a client would wait for `initialize` all that time. So the first exchange happens here and the rest is
imported afterwards, while the client already goes on. The message framing here serves this exchange only;
everything later goes through pygls.
"""

import json
from collections.abc import Mapping

from oasis_search.lsp import protocol
from oasis_search.lsp.client import ClientProfile, parse_client
from oasis_search.lsp.streams import Sink, Source, write_all
from oasis_search.version import __version__


def greet(source: Source, sink: Sink) -> ClientProfile | None:
    """The client's profile once its `initialize` was answered; None when it left before.

    Takes no byte off the stream beyond that message.
    """
    while (body := _read_body(source)) is not None:
        try:
            message = json.loads(body)
        except ValueError as error:
            _refuse(sink, None, protocol.PARSE_ERROR, f"The message is not JSON: {error}.")
            continue
        if not isinstance(message, Mapping):
            _refuse(sink, None, protocol.INVALID_REQUEST, "The message is not an object.")
            continue
        method, message_id, params = message.get("method"), message.get("id"), message.get("params")
        if method == "exit":
            return None
        if "id" not in message:
            continue
        if method != "initialize":
            _refuse(sink, message_id, protocol.NOT_INITIALIZED, "The server waits for initialize first.")
        elif not isinstance(params, Mapping):
            sentence = "initialize needs an object with capabilities."
            _refuse(sink, message_id, protocol.INVALID_PARAMS, sentence)
        else:
            client = parse_client(params)
            server = {"name": "oasis", "version": __version__}
            result = {"capabilities": server_capabilities(client), "serverInfo": server}
            _write(sink, {"jsonrpc": "2.0", "id": message_id, "result": result})
            return client
    return None


def server_capabilities(client: ClientProfile) -> dict[str, object]:
    """What is announced to this client."""
    incremental = 2
    return {
        "positionEncoding": client.encoding,
        "textDocumentSync": {"openClose": True, "change": incremental, "save": {"includeText": True}},
        "codeActionProvider": {"codeActionKinds": [protocol.SIMILAR_ACTION, protocol.SEARCH_ACTION]},
        "codeLensProvider": {"resolveProvider": True},
        "diagnosticProvider": {
            "identifier": "oasis",
            "interFileDependencies": True,
            "workspaceDiagnostics": False,
        },
        "workspaceSymbolProvider": {"resolveProvider": False},
        "executeCommandProvider": {"commands": [command.name for command in protocol.COMMANDS]},
        "workspace": {
            "workspaceFolders": {"supported": True, "changeNotifications": True},
            **({"textDocumentContent": {"schemes": [protocol.RESULTS_SCHEME]}} if client.has_content else {}),
        },
        "experimental": {
            "oasis": {"version": __version__, "methods": [method.name for method in protocol.METHODS]},
        },
    }


def _read_body(source: Source) -> bytes | None:
    """The next message; None at the end of the stream, which a broken connection is too."""
    length = 0
    try:
        while header := source.readline():
            name, _, value = header.partition(b":")
            if name.strip().lower() == b"content-length" and value.strip().isdigit():
                length = int(value)
            elif not header.strip() and length:
                body = bytearray()
                while len(body) < length and (piece := source.read(length - len(body))):
                    body += piece
                return bytes(body) if len(body) == length else None
    except OSError:
        return None
    return None


def _refuse(sink: Sink, message_id: object, code: int, sentence: str) -> None:
    _write(sink, {"jsonrpc": "2.0", "id": message_id, "error": {"code": code, "message": sentence}})


def _write(sink: Sink, message: Mapping[str, object]) -> None:
    body = json.dumps(message).encode()
    write_all(sink, b"Content-Length: %d\r\n\r\n" % len(body) + body)
