"""Frames and links: data comes back as it was, garbage is refused, nobody waits for a deaf peer."""

import io
import socket
import struct

import pytest

from oasis_search.service.wire import MAX_BYTES, Frame, Link, WireError, pack, read_frame


@pytest.mark.parametrize("text", ["", "größe 🙂", "\ud83d alone", "a\0b\r\n"])
def test_texts_and_bytes_come_back(text: str) -> None:
    frame = read_frame(io.BytesIO(pack({"op": "x", "texts": [text]}, b"\x00\xff" * 100)))
    assert frame is not None
    assert frame.texts("texts") == [text]
    assert frame.body == b"\x00\xff" * 100


def test_every_cut_of_a_frame_is_the_end_of_the_stream() -> None:
    data = pack({"op": "x"}, b"body")
    assert all(read_frame(io.BytesIO(data[:end])) is None for end in range(len(data)))


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        pack({})[:4] + struct.pack("<II", MAX_BYTES + 1, 0),
        pack({})[:4] + struct.pack("<II", 5, 0) + b"{oops",
        pack({})[:4] + struct.pack("<II", 2, 0) + b"[]",
        pack({})[:4] + struct.pack("<II", 3, 0) + b'"\xff"',
    ],
)
def test_what_is_no_frame_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        read_frame(io.BytesIO(data))


@pytest.mark.parametrize("value", [None, 1.5, [1, "a"], {}, ["a", 1]])
def test_fields_of_another_type_are_refused(value: object) -> None:
    frame = Frame({"x": value})
    for accessor in (frame.text, frame.number, frame.numbers, frame.texts):
        with pytest.raises(WireError, match="x = "):
            accessor("x")


def test_nobody_waits_for_a_peer_that_does_not_read() -> None:
    here, there = socket.socketpair()
    link = Link(here)
    for _ in range(64):
        link.send({"op": "x"}, bytes(1 << 20))  # Far more than a socket holds.
    link.close()
    link.release()
    there.close()


def test_last_words_are_flushed() -> None:
    here, there = socket.socketpair()
    speaker, listener = Link(here), Link(there)
    speaker.send({"op": "bye"})
    speaker.close(flush_s=10)
    frame = listener.receive()
    assert frame is not None
    assert frame.op == "bye"
    assert listener.receive() is None
    for link in (speaker, listener):
        link.close()
        link.release()
