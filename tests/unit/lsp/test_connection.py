"""Dispatch, replies, cancelling and our own requests, over pipes within the process."""

import asyncio
import io
import json
import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from oasis_search.errors import Cancelled, StoreError
from oasis_search.lsp.client import ClientProfile
from oasis_search.lsp.connection import Connection


def frame(message: object) -> bytes:
    body = json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


class Wire:
    """The client's ends of a connection."""

    def __init__(self, client: ClientProfile | None = None) -> None:
        self.source, self._sink = os.pipe()
        self._sent: asyncio.Queue[object] = asyncio.Queue()
        self.connection = Connection(client or ClientProfile())

    def write(self, data: memoryview) -> int:
        """What the connection sends; one message at a time."""
        self._sent.put_nowait(json.loads(bytes(data).split(b"\r\n\r\n", 1)[1]))
        return len(data)

    async def serve(self) -> None:
        await self.connection.serve(io.FileIO(self.source, closefd=False), self)

    def send(self, *messages: object) -> None:
        os.write(self._sink, b"".join(m if isinstance(m, bytes) else frame(m) for m in messages))

    def request(self, message_id: object, method: str, params: object = None) -> None:
        self.send({"jsonrpc": "2.0", "id": message_id, "method": method, "params": params})

    async def receive(self) -> dict[str, object]:
        message = await asyncio.wait_for(self._sent.get(), 30)
        assert isinstance(message, dict)
        return message

    def hang_up(self) -> None:
        os.close(self._sink)


@pytest_asyncio.fixture
async def wire() -> AsyncIterator[Wire]:
    wire = Wire()
    running = asyncio.ensure_future(wire.serve())
    yield wire
    wire.hang_up()
    await asyncio.wait_for(running, 30)
    os.close(wire.source)


def error_of(message: dict[str, object]) -> tuple[object, int, str]:
    error = message["error"]
    assert isinstance(error, dict)
    return message.get("id"), error["code"], error["message"]


async def test_answer_is_the_result_and_json_stays_json(wire: Wire) -> None:
    async def double(params: list[object]) -> object:
        return params * 2

    wire.connection.on_request("double", double)
    wire.request("a", "double", [{"class": 1}])
    answer = await wire.receive()
    assert (answer["id"], answer["result"]) == ("a", [{"class": 1}, {"class": 1}])


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (JsonRpcInvalidParams("No."), -32602, "No."),
        (StoreError("The index is broken."), -32803, "The index is broken."),
        (Cancelled(), -32800, "work was cancelled."),
        (
            ZeroDivisionError("oh"),
            -32603,
            "work failed: ZeroDivisionError: oh. The server's log has the details.",
        ),
    ],
)
async def test_errors_become_sentences(
    wire: Wire, caplog: pytest.LogCaptureFixture, error: Exception, code: int, sentence: str
) -> None:
    async def work(_params: object) -> object:
        raise error

    wire.connection.on_request("work", work)
    wire.request(1, "work")
    assert error_of(await wire.receive()) == (1, code, sentence)
    assert len(caplog.records) == (code == -32603)


async def test_cancelled_request_is_answered_and_its_work_learns_of_it(wire: Wire) -> None:
    learnt = asyncio.Event()

    async def wait(_params: object) -> object:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            learnt.set()
            raise
        return None

    wire.connection.on_request("wait", wait)
    wire.request(5, "wait")
    wire.request(6, "nothing")
    assert error_of(await wire.receive())[0] == 6  # by now the first one runs
    wire.send({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 5}})
    assert error_of(await wire.receive())[:2] == (5, -32800)
    assert learnt.is_set()


async def test_request_cancelled_before_its_first_step_is_answered(wire: Wire) -> None:
    async def never_ends(_params: object) -> object:
        return await asyncio.Event().wait()

    wire.connection.on_request("work", never_ends)
    cancel = {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 5}}
    wire.send({"jsonrpc": "2.0", "id": 5, "method": "work"}, cancel)
    assert error_of(await wire.receive())[:2] == (5, -32800)


async def test_unknown_and_malformed_messages_are_refused(wire: Wire) -> None:
    wire.request(1, "nonsense")
    assert error_of(await wire.receive())[:2] == (1, -32601)
    wire.request(2, "textDocument/hover", {"position": "here"})
    assert error_of(await wire.receive())[:2] == (2, -32601)
    wire.send([])
    assert error_of(await wire.receive())[:2] == (None, -32600)
    wire.send(b"Content-Length: 3\r\n\r\n{a}")
    assert error_of(await wire.receive())[:2] == (None, -32700)
    wire.send({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": 3})
    wire.request(3, "nonsense")
    assert error_of(await wire.receive())[0] == 3


async def test_failing_notification_is_logged_and_the_next_is_handled(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    seen = asyncio.Event()

    def fail(_params: object) -> None:
        raise KeyError("uri")

    wire.connection.on_notification("fail", fail)
    wire.connection.on_notification("see", lambda _: seen.set())
    for method in ("fail", "see"):
        wire.send({"jsonrpc": "2.0", "method": method})
    await asyncio.wait_for(seen.wait(), 30)
    assert [record.message for record in caplog.records] == ["fail failed."]


@pytest.mark.parametrize("reply", [{"result": [3]}, {"result": [3], "error": None}])
async def test_own_request_gets_the_clients_answer(wire: Wire, reply: dict[str, object]) -> None:
    params = types.ConfigurationParams([types.ConfigurationItem(section="oasis")])
    asking = asyncio.ensure_future(wire.connection.workspace_configuration_async(params))
    message = await wire.receive()
    assert message["params"] == {"items": [{"section": "oasis"}]}
    wire.send({"jsonrpc": "2.0", "id": message["id"], **reply})
    assert list(await asking) == [3]


async def test_own_request_that_is_refused_or_answered_wrongly_ends(wire: Wire) -> None:
    params = types.RegistrationParams([])
    asking = asyncio.ensure_future(wire.connection.client_register_capability_async(params))
    message = await wire.receive()
    wire.send({"jsonrpc": "2.0", "id": message["id"], "error": {"code": 1, "message": "no"}})
    with pytest.raises(JsonRpcException, match="no"):
        await asking
    show = types.ShowDocumentParams("file:///a")
    showing = asyncio.ensure_future(wire.connection.window_show_document_async(show))
    message = await wire.receive()
    wire.send({"jsonrpc": "2.0", "id": message["id"], "result": "yes"})
    assert str(await asyncio.wait_for(showing, 30)) == "yes"


async def test_failing_task_is_logged_by_name(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise RuntimeError("oh")

    wire.connection.spawn("chore", fail())
    wire.request(1, "nothing")
    await wire.receive()
    assert "Task chore failed." in [record.message for record in caplog.records]


async def test_gone_client_ends_the_connection() -> None:
    class Gone(Wire):
        def write(self, _data: memoryview) -> int:
            raise BrokenPipeError

    wire = Gone()
    running = asyncio.ensure_future(wire.serve())
    await asyncio.sleep(0)
    wire.connection.say("hello")
    await asyncio.wait_for(running, 30)
    wire.hang_up()


async def test_many_notifications_leave_nothing_behind(wire: Wire) -> None:
    opened: list[str] = []

    def note(params: types.DidOpenTextDocumentParams) -> None:
        opened.append(params.text_document.uri)

    wire.connection.on_notification(types.TEXT_DOCUMENT_DID_OPEN, note)
    document = {"uri": "file:///a", "languageId": "python", "version": 1, "text": "a\x0cb"}
    did_open = {"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": document}}
    wire.send(*[did_open] * 50)
    wire.request(1, "nothing")
    await wire.receive()
    assert opened == ["file:///a"] * 50
    assert wire.connection.protocol._request_futures == {}
    assert wire.connection.workspace.text_documents == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_pygls_knows_what_was_agreed(encoding: str) -> None:
    client = ClientProfile(encoding=encoding, folder_uris=("file:///a%20b",), process_id=7)  # type: ignore[arg-type]
    connection = Connection(client)
    assert connection.workspace.position_encoding == encoding
    assert [folder.uri for folder in connection.workspace.folders.values()] == ["file:///a%20b"]
    assert connection.process_id == 7
