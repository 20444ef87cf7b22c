"""The first and the last moments of the server's process, byte by byte."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import psutil
import pytest

OASIS = [str(Path(sys.executable).with_name("oasis")), "serve"]
PATIENCE_S = 60.0


class Peer:
    """Speaks the framing by hand."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, message: object) -> None:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        self._writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._writer.flush()

    def receive(self) -> dict[str, Any]:
        length = 0
        while line := self._reader.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        assert length, "the server closed the stream"
        return cast("dict[str, Any]", json.loads(self._reader.read(length)))

    def answer(self, message_id: int) -> dict[str, Any]:
        while (message := self.receive()).get("id") != message_id or "method" in message:
            pass
        return message

    def request(self, message_id: int, method: str, params: object = None) -> dict[str, Any]:
        self.send({"jsonrpc": "2.0", "id": message_id, "method": method, "params": params})
        return self.answer(message_id)

    def notify(self, method: str, params: object = None) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def until_ready(self, root: Path, cache: Path, process_id: int | None) -> None:
        """Through the whole start, with a client that can nothing."""
        params = {
            "processId": process_id,
            "rootUri": root.as_uri(),
            "capabilities": {},
            "initializationOptions": {"oasis": {"cacheDir": str(cache)}},
        }
        assert self.request(1, "initialize", params)["result"]["capabilities"]["positionEncoding"] == "utf-16"
        self.notify("initialized", {})
        while (message := self.receive()).get("params", {}).get("phase") != "ready":
            assert "id" not in message, "nothing may be asked of a client without capabilities"


@pytest.fixture
def process() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(
        OASIS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        yield process
        process.kill()


@pytest.fixture
def peer(process: "subprocess.Popen[bytes]") -> Peer:
    assert process.stdout is not None
    assert process.stdin is not None
    return Peer(cast("BinaryIO", process.stdout), cast("BinaryIO", process.stdin))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "ws").mkdir()
    (tmp_path / "ws/a.py").write_text("def water_plants(garden):\n    garden.sprinkle()\n", encoding="utf-8")
    return tmp_path / "ws"


def end(process: "subprocess.Popen[bytes]") -> int:
    return process.wait(PATIENCE_S)


def test_goodbye_ends_the_process_with_0(process: "subprocess.Popen[bytes]", peer: Peer, root: Path) -> None:
    peer.until_ready(root, root.parent / "cache", os.getpid())
    children = psutil.Process(process.pid).children(recursive=True)
    assert peer.request(2, "shutdown")["result"] is None
    peer.notify("exit")
    assert end(process) == 0
    _, alive = psutil.wait_procs(children, PATIENCE_S)
    assert alive == []


def test_exit_without_shutdown_ends_with_1(process: "subprocess.Popen[bytes]", peer: Peer) -> None:
    peer.request(1, "initialize", {"capabilities": {}})
    peer.notify("initialized", {})
    peer.notify("exit")
    assert end(process) == 1


def test_exit_before_initialize_ends_with_1(process: "subprocess.Popen[bytes]", peer: Peer) -> None:
    peer.notify("exit")
    assert end(process) == 1


def test_vanished_client_ends_the_server_and_its_children(
    process: "subprocess.Popen[bytes]", peer: Peer, root: Path
) -> None:
    peer.until_ready(root, root.parent / "cache", None)
    children = psutil.Process(process.pid).children(recursive=True)
    assert process.stdin is not None
    process.stdin.close()
    assert end(process) == 1
    _, alive = psutil.wait_procs(children, PATIENCE_S)
    assert alive == []


def test_dead_client_process_ends_the_server_although_its_stream_stays_open(
    process: "subprocess.Popen[bytes]", peer: Peer, root: Path
) -> None:
    client = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    peer.until_ready(root, root.parent / "cache", client.pid)
    client.communicate(b"\n")
    assert end(process) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_terminated_server_leaves_no_children(
    process: "subprocess.Popen[bytes]", peer: Peer, root: Path
) -> None:
    peer.until_ready(root, root.parent / "cache", None)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    assert end(process) == 128 + signal.SIGTERM
    _, alive = psutil.wait_procs(children, PATIENCE_S)
    assert alive == []


def test_requests_before_initialize_are_refused(peer: Peer) -> None:
    assert peer.request(1, "oasis/search", {"query": "x"})["error"]["code"] == -32002
    peer.send(b"this is not json")
    assert peer.receive()["error"]["code"] == -32700
    assert peer.request(2, "initialize", [])["error"]["code"] == -32602
    assert "result" in peer.request(3, "initialize", {"capabilities": {}})


def test_malformed_capabilities_count_as_none(peer: Peer) -> None:
    params = {
        "capabilities": {"general": 3, "window": {"workDoneProgress": "yes"}},
        "workspaceFolders": {"a": 1},
    }
    assert peer.request(1, "initialize", params)["result"]["capabilities"]["positionEncoding"] == "utf-16"
    peer.notify("initialized", {})
    assert peer.request(2, "oasis/status")["result"]["folders"] == []


@pytest.mark.parametrize(
    ("method", "code", "fragment"),
    [
        ("workspace/symbol", -32602, '"query" must be a text'),
        ("workspace/executeCommand", -32602, '"command" must be a text'),
        ("initialize", -32600, "once"),
        ("textDocument/hover", -32601, "textDocument/hover"),
    ],
)
def test_unreadable_parameters_are_named(peer: Peer, method: str, code: int, fragment: str) -> None:
    peer.request(1, "initialize", {"capabilities": {}})
    peer.notify("initialized", {})
    error = peer.request(2, method, {"arguments": 3})["error"]
    assert (error["code"], fragment in error["message"]) == (code, True)
    peer.notify("textDocument/didOpen", {"textDocument": 7})
    peer.notify("$/unknown", [])
    assert peer.request(3, "oasis/status")["result"]["folders"] == []


def test_index_is_used_again_after_a_restart(root: Path) -> None:
    for is_first in (True, False):
        with subprocess.Popen(OASIS, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            peer = Peer(cast("BinaryIO", process.stdout), cast("BinaryIO", process.stdin))
            peer.until_ready(root, root.parent / "cache", None)
            (folder,) = peer.request(2, "oasis/status")["result"]["folders"]
            assert (folder["embedded"] > 0) == is_first
            hits = peer.request(3, "oasis/search", {"query": "sprinkle the plants"})["result"]["hits"]
            assert hits[0]["name"] == "water_plants"
            peer.request(4, "shutdown")
            peer.notify("exit")
            assert end(process) == 0


def test_socket_serves_one_client_on_this_machine_only(root: Path) -> None:
    with subprocess.Popen([*OASIS, "--tcp", "127.0.0.1:0"], stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        found = re.search(rb"listening on 127\.0\.0\.1:(\d+)", process.stderr.readline())
        assert found is not None
        with (
            socket.create_connection(("127.0.0.1", int(found[1]))) as connection,
            connection.makefile("rb") as reader,
            connection.makefile("wb") as writer,
        ):
            peer = Peer(cast("BinaryIO", reader), cast("BinaryIO", writer))
            peer.until_ready(root, root.parent / "cache", None)
            assert peer.request(2, "shutdown")["result"] is None
            peer.notify("exit")
            assert end(process) == 0


def test_address_that_cannot_be_used_is_named() -> None:
    done = subprocess.run([*OASIS, "--tcp", "nonsense"], capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 2
    assert '"nonsense" is not an address' in done.stderr
    assert done.stdout == ""


def test_nothing_heavy_is_imported_before_initialize_is_answered() -> None:
    script = """
import io, json, sys
from oasis_search.lsp import serve
from oasis_search.lsp.handshake import greet

request = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"rootPath": "/x"}}
body = json.dumps(request).encode()
answer = io.BytesIO()
stream = io.BytesIO(b"Content-Length: %d\\r\\n\\r\\n" % len(body) + body)
client = greet(stream, answer)
assert client.folder_uris == ("file:///x",)
assert b"positionEncoding" in answer.getvalue()
heavy = {"pygls", "lsprotocol", "attrs", "cattrs", "asyncio", "numpy", "tree_sitter", "platformdirs"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    assert done.stdout == "[]\n"


def test_prints_do_not_reach_the_protocol(root: Path) -> None:
    """A library that writes to standard output must not break the connection."""
    script = """
import os, sys
from oasis_search.lsp import entry

greet = entry.greet

def noisy(reader, write):
    print("noise", flush=True)
    os.write(1, b"more noise")
    return greet(reader, write)

entry.greet = noisy
sys.exit(entry.serve())
"""
    command = [sys.executable, "-P", "-c", script]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        peer = Peer(cast("BinaryIO", process.stdout), cast("BinaryIO", process.stdin))
        assert "result" in peer.request(1, "initialize", {"capabilities": {}})
        assert peer.request(2, "shutdown")["result"] is None
        peer.notify("exit")
        _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert b"noise" in errors
    assert b"more noise" in errors
