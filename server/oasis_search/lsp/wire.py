"""pygls' protocol, changed where its ways do not fit.

- `initialize` was answered by `handshake.py`; a second one is an error.
- Open texts are kept in `documents.py`, so pygls keeps no copies and knows no workspace.
- Parameters of custom methods arrive as plain JSON values, not as named tuples.
- A request whose parameters cannot be read is answered; pygls would only show a message.
- Commands run as one task, so that cancelling the request reaches them.
- Refusals that are part of an answer are not logged as failures.
"""

import logging
from collections.abc import Mapping
from typing import Any, NoReturn

from cattrs import Converter
from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams, JsonRpcInvalidRequest
from pygls.protocol import (
    JsonRPCNotification,
    JsonRPCRequestMessage,
    JsonRPCResponseMessage,
    LanguageServerProtocol,
    default_converter,
    lsp_method,
)

_BAD_REQUEST = "$/oasis/unreadable"
"""Stands in for the method of a request that could not be read."""


class OasisProtocol(LanguageServerProtocol):
    """JSON-RPC dispatch for the server."""

    def structure_message(self, data: dict[str, Any]) -> Any:  # noqa: ANN401 - pygls' signature
        """One message as an object; requests that cannot be read become refused requests."""
        try:
            return super().structure_message(data)
        except JsonRpcException:
            if "id" not in data or "method" not in data:
                raise
            sentence = f"The parameters of {data['method']} are not what the protocol defines for it."
            return JsonRPCRequestMessage(
                id=data["id"], method=_BAD_REQUEST, jsonrpc=self.VERSION, params=sentence
            )

    @lsp_method(_BAD_REQUEST)
    def refuse_unreadable(self, sentence: str) -> NoReturn:
        """Answers a request that could not be read."""
        raise JsonRpcInvalidParams(str(sentence))

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> NoReturn:
        """Refuses a second `initialize`."""
        raise JsonRpcInvalidRequest("The server is initialized already.")

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        """Hands on."""
        self.fm.features[types.TEXT_DOCUMENT_DID_OPEN](params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        """Hands on."""
        self.fm.features[types.TEXT_DOCUMENT_DID_CHANGE](params)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        """Hands on."""
        self.fm.features[types.TEXT_DOCUMENT_DID_CLOSE](params)

    @lsp_method(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def lsp_workspace__did_change_workspace_folders(
        self, params: types.DidChangeWorkspaceFoldersParams
    ) -> None:
        """Hands on."""
        self.fm.features[types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS](params)

    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    async def lsp_workspace__execute_command(  # type: ignore[override]
        self, params: types.ExecuteCommandParams
    ) -> Any:  # noqa: ANN401 - whatever the command returns
        """Runs a command; its result is the answer."""
        command = self.fm.commands.get(params.command)
        if command is None:
            known = ", ".join(sorted(self.fm.commands))
            raise JsonRpcInvalidParams(f'There is no command "{params.command}". The commands are {known}.')
        return await command(*(params.arguments or ()))


def plain_converter() -> Converter:
    """The converter of pygls, with custom methods' parameters and results left as they are."""
    converter: Converter = default_converter()  # type: ignore[no-untyped-call]
    for kind in (JsonRPCRequestMessage, JsonRPCNotification):
        converter.register_structure_hook(
            kind, lambda data, kind: kind(**_known(data, kind, {"params": None}))
        )
    converter.register_structure_hook(
        JsonRPCResponseMessage, lambda data, kind: kind(**_known(data, kind, {"result": None}))
    )
    return converter


def _known(data: Mapping[str, Any], kind: type, defaults: Mapping[str, Any]) -> dict[str, Any]:
    names = {field.name for field in kind.__attrs_attrs__}  # type: ignore[attr-defined]
    return {name: value for name, value in {**defaults, **data}.items() if name in names}


def keep_refusals_out_of_the_log() -> None:
    """Errors that are answers stop being logged with a traceback by pygls."""
    logging.getLogger("pygls.protocol.json_rpc").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, JsonRpcException)
