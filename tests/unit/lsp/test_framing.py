"""Messages on a stream, however it is cut into pieces."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oasis_search.lsp.framing import BadMessage, FrameReader, frame


@given(st.lists(st.dictionaries(st.text(), st.text()), max_size=4), st.integers(1, 9))
def test_messages_survive_any_cutting(messages: list[dict[str, str]], size: int) -> None:
    stream = io.BytesIO(b"".join(frame(message) for message in messages))
    reader = FrameReader(lambda _: stream.read(size))
    assert [reader.next() for _ in messages] == messages
    assert reader.next() is None


def test_other_headers_and_any_case_are_accepted() -> None:
    raw = b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-length: 2\r\n\r\n{}"
    assert FrameReader(io.BytesIO(raw).read).next() == {}


def test_message_after_a_bad_one_is_read() -> None:
    reader = FrameReader(io.BytesIO(b"Content-Length: 4\r\n\r\noops" + frame([1])).read)
    with pytest.raises(BadMessage, match="not JSON"):
        reader.next()
    assert reader.next() == [1]


def test_cut_off_message_is_the_end() -> None:
    assert FrameReader(io.BytesIO(frame({"a": 1})[:-1]).read).next() is None


def test_broken_connection_is_the_end() -> None:
    def read(_: int) -> bytes:
        raise ConnectionResetError

    assert FrameReader(read).next() is None
