"""The first exchange: one message is taken off the stream, however it arrives, and nothing behind it."""

import io
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oasis_search.lsp.client import ClientProfile
from oasis_search.lsp.handshake import greet

INITIALIZE = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"clientInfo": {"name": "ed"}}}


def frame(message: object) -> bytes:
    body = json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


class Slow(io.RawIOBase):
    """Gives and takes at most `size` bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data = io.BytesIO(data)
        self._size = size
        self.taken = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._data.read(min(self._size, len(buffer)))
        buffer[: len(piece)] = piece
        return len(piece)

    def write(self, data: memoryview) -> int:  # type: ignore[override]
        self.taken += data[: self._size]
        return min(self._size, len(data))


@given(st.integers(1, 99), st.integers(1, 99))
def test_message_survives_any_cutting(read_size: int, write_size: int) -> None:
    sink = Slow(b"", write_size)
    client = greet(Slow(frame(INITIALIZE), read_size), sink)
    assert client == ClientProfile(name="ed")
    header, body = sink.taken.split(b"\r\n\r\n")
    assert header == b"Content-Length: %d" % len(body)
    assert json.loads(body)["id"] == 1


def test_bytes_behind_the_message_stay_in_the_stream() -> None:
    source, sink = os.pipe()
    os.write(sink, frame(INITIALIZE) + b"next")
    with io.FileIO(source) as reader:
        greet(reader, io.BytesIO())
        assert reader.read(100) == b"next"
    os.close(sink)


def test_other_headers_and_any_case_are_accepted() -> None:
    body = json.dumps(INITIALIZE).encode()
    raw = b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-length: %d\r\n\r\n" % len(body)
    assert greet(io.BytesIO(raw + body), io.BytesIO()) == ClientProfile(name="ed")


@pytest.mark.parametrize(
    "data", [b"", frame(INITIALIZE)[:-1], b"Content-Length: 5\r\n", frame({"method": "exit"})]
)
def test_client_that_leaves_before_is_none(data: bytes) -> None:
    answer = io.BytesIO()
    assert greet(io.BytesIO(data), answer) is None
    assert answer.getvalue() == b""


def test_broken_connection_is_the_end() -> None:
    class Broken(io.BytesIO):
        def readline(self, _size: int | None = -1, /) -> bytes:
            raise ConnectionResetError

    assert greet(Broken(), io.BytesIO()) is None


def test_messages_before_are_refused_and_notifications_passed_over() -> None:
    answer = io.BytesIO()
    stream = (
        b"Content-Length: 4\r\n\r\noops"
        + frame([1])
        + frame({"method": "initialized"})
        + frame({"id": 7, "method": "shutdown"})
        + frame(INITIALIZE)
    )
    assert greet(io.BytesIO(stream), answer) is not None
    replies = [json.loads(body) for body in _bodies(answer.getvalue())]
    codes = [(reply["id"], reply["error"]["code"]) for reply in replies[:-1]]
    assert codes == [(None, -32700), (None, -32600), (7, -32002)]
    assert "result" in replies[-1]


def _bodies(stream: bytes) -> list[bytes]:
    bodies = []
    while stream:
        header, _, rest = stream.partition(b"\r\n\r\n")
        length = int(header.split(b":")[1])
        bodies.append(rest[:length])
        stream = rest[length:]
    return bodies
