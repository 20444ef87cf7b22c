"""pygls' protocol, changed where its ways do not fit; every change says what it corrects."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from cattrs import Converter
from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams, JsonRpcInvalidRequest
from pygls.protocol import (
    JsonRPCNotification,
    JsonRPCRequestMessage,
    JsonRPCResponseMessage,
    LanguageServerProtocol,
    default_converter,
)

from oasis_search.lsp.client import ClientProfile
from oasis_search.lsp.unreadable import complaint

_OURS = (
    # Raises SystemExit within the loop, past everything that has to be ended first.
    types.EXIT,
    # Comes once, and has been answered when pygls hears of it: see `adopt`.
    types.INITIALIZE,
    # Keep texts whose lines are split also at form feeds, and a future for every notification for ever.
    types.TEXT_DOCUMENT_DID_OPEN,
    types.TEXT_DOCUMENT_DID_CHANGE,
    types.TEXT_DOCUMENT_DID_CLOSE,
    # Refuses left out arguments, and runs a command beside its request, where no cancel reaches it.
    types.WORKSPACE_EXECUTE_COMMAND,
)
"""Methods that pygls answers itself before it looks for our handlers, and why ours alone shall answer."""


class OasisProtocol(LanguageServerProtocol):
    """JSON-RPC dispatch for the server."""

    def adopt(self, client: ClientProfile) -> None:
        """Sets pygls' own state as if it had answered `initialize` itself; then the handlers are ours.

        From the profile, not from the message: that may be malformed, and to structure it costs 0.2 s.
        """
        params = types.InitializeParams(
            capabilities=types.ClientCapabilities(
                general=types.GeneralClientCapabilities(position_encodings=[client.encoding]),
                window=types.WindowClientCapabilities(work_done_progress=client.has_progress),
                workspace=types.WorkspaceClientCapabilities(configuration=client.has_configuration),
            ),
            process_id=client.process_id,
            workspace_folders=[types.WorkspaceFolder(uri, uri) for uri in client.folder_uris],
        )
        steps: Iterator[object] = self.lsp_initialize(params)
        for _ in steps:
            pass  # it has no steps without a handler of ours; its result was the reply
        for method in _OURS:
            self.fm.builtin_features.pop(method)

    def structure_message(self, data: dict[str, Any]) -> Any:  # noqa: ANN401 - pygls' signature
        """One message as an object."""
        if "method" in data and not self._is_read(data["method"]):
            # pygls would judge the parameters of a method before it finds that there is none.
            return _plain(data, JsonRPCRequestMessage if "id" in data else JsonRPCNotification)
        if "error" in data and data["error"] is None:
            # pygls takes a result beside an empty error for a failure.
            data = {name: value for name, value in data.items() if name != "error"}
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            if "id" in data and "method" not in data:
                # pygls drops an answer of a wrong shape, and who asked would wait for ever.
                return JsonRPCResponseMessage(data["id"], self.VERSION, data.get("result"))
            if "id" in data:
                # pygls never answers a request that it cannot read.
                sentence = complaint(str(data["method"]), error.__cause__)
                self._send_response(data["id"], error=JsonRpcInvalidParams(sentence).to_response_error())
            raise

    def _is_read(self, method: object) -> bool:
        is_known = method in self.fm.features or method in self.fm.builtin_features
        return (is_known or method == types.CANCEL_REQUEST) and method != types.INITIALIZE

    def handle_message(self, message: Any) -> None:  # noqa: ANN401 - pygls' signature
        """Refuses what is JSON but no message; pygls only logs it."""
        if not hasattr(message, "jsonrpc"):
            error = JsonRpcInvalidRequest("The message is not an object of JSON-RPC 2.0.")
            self._send_response(None, error=error.to_response_error())  # type: ignore[arg-type]
            return
        super().handle_message(message)


def plain_converter() -> Converter:
    """The converter of pygls, with custom methods' parameters and results left as the JSON they are.

    pygls makes named tuples of them, whose fields nobody can list and whose absence is an AttributeError.
    """
    converter: Converter = default_converter()  # type: ignore[no-untyped-call]
    for kind in (JsonRPCRequestMessage, JsonRPCNotification, JsonRPCResponseMessage):
        converter.register_structure_hook(kind, _plain)
    # Results that are JSON already are not walked again (1 ms for ten hits); what is nested in them and is
    # not, the encoder hands back to pygls piece by piece.
    converter.register_unstructure_hook(JsonRPCResponseMessage, _fields)
    return converter


def _fields(message: JsonRPCResponseMessage) -> dict[str, Any]:
    return {"id": message.id, "jsonrpc": message.jsonrpc, "result": message.result}


def _plain(data: Mapping[str, Any], kind: type) -> Any:  # noqa: ANN401 - one of pygls' three kinds
    names = [field.name for field in kind.__attrs_attrs__]  # type: ignore[attr-defined]
    return kind(**{name: data.get(name) for name in names})


def keep_refusals_out_of_the_log() -> None:
    """Errors that are answers stop being logged with a traceback by pygls."""
    logging.getLogger("pygls.protocol.json_rpc").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, JsonRpcException)
