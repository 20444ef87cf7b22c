"""Dispatch, replies, cancelling and our own requests, over pipes within the process."""

import asyncio
import json
import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from oasis_search.errors import Cancelled, StoreError
from oasis_search.lsp.framing import FrameReader, frame
from oasis_search.lsp.rpc import Connection, Refusal


class Wire:
    """The client's ends of a connection."""

    def __init__(self) -> None:
        source, self._sink = os.pipe()
        self._sent: asyncio.Queue[object] = asyncio.Queue()
        self.connection = Connection(FrameReader(lambda n: os.read(source, n)), self._take)
        self._source = source

    def _take(self, data: bytes) -> None:
        self._sent.put_nowait(json.loads(data.split(b"\r\n\r\n", 1)[1]))

    def send(self, message: object) -> None:
        os.write(self._sink, message if isinstance(message, bytes) else frame(message))

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
    running = asyncio.ensure_future(wire.connection.run())
    yield wire
    wire.hang_up()
    await asyncio.wait_for(running, 30)


def error_of(message: dict[str, object]) -> tuple[object, int, str]:
    error = message["error"]
    assert isinstance(error, dict)
    return message["id"], error["code"], error["message"]


async def test_answer_is_the_result(wire: Wire) -> None:
    async def double(params: object) -> object:
        assert isinstance(params, list)
        return params * 2

    wire.connection.on_request("double", double)
    wire.request("a", "double", [1])
    assert await wire.receive() == {"jsonrpc": "2.0", "id": "a", "result": [1, 1]}


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (Refusal(-32602, "No."), -32602, "No."),
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
    assert error_of(await wire.receive()) == (5, -32800, "wait was cancelled.")
    assert learnt.is_set()


async def test_request_cancelled_before_its_first_step_is_answered(wire: Wire) -> None:
    async def never_reached(_params: object) -> object:
        return None

    wire.connection.on_request("work", never_reached)
    cancel = {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 5}}
    wire.send(frame({"jsonrpc": "2.0", "id": 5, "method": "work"}) + frame(cancel))
    answer = await wire.receive()
    assert answer["id"] == 5


async def test_unknown_and_malformed_messages_are_refused(wire: Wire) -> None:
    wire.request(1, "nonsense")
    assert error_of(await wire.receive())[:2] == (1, -32601)
    wire.send([])
    assert error_of(await wire.receive())[:2] == (None, -32600)
    wire.send(b"Content-Length: 3\r\n\r\n{a}")
    assert error_of(await wire.receive())[:2] == (None, -32700)


async def test_failing_notification_is_logged_and_the_next_is_handled(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    seen = asyncio.Event()

    def fail(_params: object) -> None:
        raise KeyError("uri")

    wire.connection.on_notification("fail", fail)
    wire.connection.on_notification("see", lambda _: seen.set())
    for method in ("fail", "unknown", "see"):
        wire.send({"jsonrpc": "2.0", "method": method})
    await asyncio.wait_for(seen.wait(), 30)
    assert [record.message for record in caplog.records] == ["fail failed."]


async def test_own_request_gets_the_clients_answer_or_its_refusal(wire: Wire) -> None:
    for reply, expected in (({"result": 3}, 3), ({"error": {"code": 1, "message": "no"}}, Refusal)):
        asking = asyncio.ensure_future(wire.connection.ask("window/ask", {"x": 1}))
        message = await wire.receive()
        assert message["params"] == {"x": 1}
        wire.send({"jsonrpc": "2.0", "id": message["id"], **reply})
        if expected is Refusal:
            with pytest.raises(Refusal, match="no"):
                await asking
        else:
            assert await asking == expected


async def test_failing_task_is_logged_by_name(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise RuntimeError("oh")

    wire.connection.spawn("chore", fail())
    wire.request(1, "nothing")
    await wire.receive()
    assert "Task chore failed." in [record.message for record in caplog.records]


async def test_gone_client_ends_the_connection() -> None:
    source, sink = os.pipe()

    def write(_data: bytes) -> None:
        raise BrokenPipeError

    connection = Connection(FrameReader(lambda n: os.read(source, n)), write)
    running = asyncio.ensure_future(connection.run())
    connection.notify("hello", None)
    await asyncio.wait_for(running, 30)
    os.close(sink)
