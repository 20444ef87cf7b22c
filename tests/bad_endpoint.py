"""An embeddings server over real HTTP that answers well until it is told how to misbehave, and fake time."""

import asyncio
import base64
import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from oasis_search.encoder import Vectors
from oasis_search.encoder.endpoint.encoder import EndpointEncoder
from oasis_search.encoder.endpoint.retry import Clock


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    is_cut: bool = False
    """Break the connection in the middle of the body."""
    is_late: bool = False
    """Answer only when the server closes."""
    drips: bool = False
    """Send a byte now and then, so that only a deadline for the whole request ends it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived."""

    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: Mapping[str, Any]

    @property
    def texts(self) -> list[str]:
        texts: list[str] = self.body["input"]
        return texts


Behaviour = Callable[[Request], Reply]

Connect = Callable[..., EndpointEncoder]
"""Takes fields of `EndpointOptions`; url and model have defaults."""


class BadEndpoint:
    """Listens on a free port of 127.0.0.1; `next` are the coming answers, then `always` gives them."""

    def __init__(self, dim: int = 16) -> None:
        self.dim = dim
        self.model = "first"
        """Seeds the vectors; another value is another model."""
        self.next: deque[Reply | Behaviour] = deque()
        self.always: Behaviour = self.good
        self.requests: list[Request] = []
        self.most_at_once = 0
        """Requests under way at the same time, at most."""
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._at_once = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{self.address}/v1"

    @property
    def texts(self) -> list[str]:
        """All texts that arrived, in order."""
        return [text for request in self.requests for text in request.texts]

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dim) unit vectors as the present model computes them."""
        rows = []
        for text in texts:
            seed = int.from_bytes(hashlib.sha256(f"{self.model}\0{text}".encode()).digest()[:8])
            rows.append(np.random.default_rng(seed).normal(size=self.dim))
        stacked = np.stack(rows)
        stacked /= np.linalg.norm(stacked, axis=1, keepdims=True)
        return stacked.astype(np.float32)

    def good(self, request: Request) -> Reply:
        """The right answer."""
        return json_reply(self.facts(request))

    def facts(self, request: Request) -> dict[str, Any]:
        """The right answer's JSON, to be spoilt."""
        vectors = self.vectors(request.texts)
        rows = [
            {"object": "embedding", "index": index, "embedding": vector.tolist()}
            for index, vector in enumerate(vectors)
        ]
        if request.body.get("encoding_format") == "base64":
            for row, vector in zip(rows, vectors, strict=True):
                row["embedding"] = base64.b64encode(vector.astype("<f4").tobytes()).decode()
        n_tokens = sum(len(text.split()) for text in request.texts)
        return {
            "object": "list",
            "model": request.body["model"],
            "data": rows,
            "usage": {"prompt_tokens": n_tokens, "total_tokens": n_tokens},
        }

    def answer(self, request: Request) -> Reply:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self.requests.append(request)
            behaviour = self.next.popleft() if self.next else self.always
        try:
            return behaviour if isinstance(behaviour, Reply) else behaviour(request)
        finally:
            with self._lock:
                self._at_once -= 1


class FakeTime:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.sleeps: list[float] = []
        self.sleep_as = self.pass_by
        self.clock = Clock(lambda: self.now_s, lambda seconds: self.sleep_as(seconds))

    async def pass_by(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now_s += seconds
        await asyncio.sleep(0)


def assert_same(vectors: Vectors, expected: Vectors) -> None:
    np.testing.assert_allclose(vectors, expected, atol=1e-6)


def json_reply(facts: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(json.dumps(facts).encode(), status, {"Content-Type": "application/json", **(headers or {})})


def refusal(status: int, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    """An error as OpenAI words it."""
    return json_reply({"error": {"message": message, "type": "error", "code": None}}, status, headers)


def _handler(endpoint: BadEndpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = endpoint.answer(Request(self.path, headers, body))
            if reply.is_late:
                endpoint.closing.wait()
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if reply.drips:
                self.close_connection = True
                for byte in reply.body:
                    if endpoint.closing.wait(0.02) or not self._send(bytes([byte])):
                        return
            elif reply.is_cut:
                self.close_connection = True
                self._send(reply.body[: len(reply.body) // 2])
            else:
                self._send(reply.body)

        def _send(self, data: bytes) -> bool:
            try:
                self.wfile.write(data)
                self.wfile.flush()
            except OSError:  # the client has gone, as some tests want
                self.close_connection = True
                return False
            return True

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
