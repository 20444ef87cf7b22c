"""A bare language client that takes times: JSON-RPC over the server's standard streams, nothing in between.

Answers are stamped by the reader thread on arrival, so a slow caller does not spoil a measurement.
"""

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, Self, cast

import psutil

SERVE = ("-P", "-m", "oasis_search.cli", "serve")
"""Arguments of Python."""


class Client:
    """Starts `oasis serve` and speaks to it."""

    def __init__(self, cache_dir: Path, command: Sequence[str] = SERVE, **settings: object) -> None:
        self.started = time.perf_counter()
        self._settings = {**settings, "cacheDir": str(cache_dir)}
        self._process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._numbers = itertools.count(1)
        self._waiting: dict[int, tuple[threading.Event, dict[str, Any]]] = {}
        self.statuses: list[tuple[float, dict[str, Any]]] = []
        """(arrival, params) of every `oasis/statusChanged`."""
        self._lock = threading.Lock()
        threading.Thread(target=self._read, name="client-reader", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.request("shutdown", None)
            self.notify("exit", None)
            self._process.wait(20)

    @property
    def pid(self) -> int:
        """Process number of the server."""
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL, as a crash or the kernel would."""
        self._process.kill()
        self._process.wait()

    def initialize(self, root: Path, **index: object) -> float:
        """Opens `root`; seconds from the request to its answer."""
        params = {
            "processId": None,
            "rootUri": root.as_uri(),
            "workspaceFolders": [{"uri": root.as_uri(), "name": root.name}],
            "capabilities": {"workspace": {"workspaceFolders": True}},
            "initializationOptions": {**self._settings, "index": index},
        }
        _, seconds = self.request("initialize", params)
        self.notify("initialized", {})
        return seconds

    def request(self, method: str, params: object, timeout_s: float = 600) -> tuple[Any, float]:
        """(result, seconds from sending to arrival); raises on an error answer."""
        number = next(self._numbers)
        arrived = threading.Event()
        answer: dict[str, Any] = {}
        self._waiting[number] = (arrived, answer)
        began = time.perf_counter()
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        if not arrived.wait(timeout_s):
            raise TimeoutError(f"{method} was not answered within {timeout_s} s")
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer.get("result"), cast(float, answer["at"]) - began

    def notify(self, method: str, params: object) -> None:
        """Sends a notification."""
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def search(self, query: str, limit: int = 10) -> tuple[dict[str, Any], float]:
        """(answer, seconds) of `oasis/search`."""
        return cast(
            "tuple[dict[str, Any], float]", self.request("oasis/search", {"query": query, "limit": limit})
        )

    def folder_status(self) -> dict[str, Any]:
        """The state of the one folder."""
        result, _ = self.request("oasis/status", {})
        return cast("dict[str, Any]", result["folders"][0])

    def wait_for(self, condition: Callable[[dict[str, Any]], bool], timeout_s: float = 3600) -> float:
        """Waits for a status that fulfils the condition; its time of arrival."""
        end, seen = time.perf_counter() + timeout_s, 0
        while time.perf_counter() < end:
            while seen < len(self.statuses):
                at, status = self.statuses[seen]
                seen += 1
                if condition(status):
                    return at
            time.sleep(0.005)
        raise TimeoutError("the status never came")

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        stream = cast("IO[bytes]", self._process.stdin)
        with self._lock:
            stream.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            stream.flush()

    def _read(self) -> None:
        stream = cast("IO[bytes]", self._process.stdout)
        while line := stream.readline():
            length = 0
            while line.strip():
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
                line = stream.readline()
            at = time.perf_counter()
            message = json.loads(stream.read(length))
            if "method" in message and "id" in message:
                self._send({"jsonrpc": "2.0", "id": message["id"], "result": None})
            elif message.get("method") == "oasis/statusChanged":
                self.statuses.append((at, message["params"]))
            elif "id" in message:
                arrived, answer = self._waiting.pop(message["id"])
                answer.update(message, at=at)
                arrived.set()


class MemoryMeter:
    """Samples the memory of a process and its children while it lasts.

    A page that several of them share is one page of memory, so each counts its share of it (PSS). The sum of
    resident sizes, which counts such pages once for every process, is told besides.
    """

    def __init__(self, pid: int) -> None:
        self.peak_bytes = 0
        """Highest sum of proportional sizes."""
        self.peak_resident_bytes = 0
        """Highest sum of resident sizes."""
        self._process = psutil.Process(pid)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory-meter", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.2):  # a look costs some milliseconds of the two cores that are measured
            try:
                processes = (self._process, *self._process.children(recursive=True))
                resident = sum(process.memory_info().rss for process in processes)
                # Adding up shares makes the kernel walk all pages: done only where the peak may be.
                if resident > 0.95 * self.peak_resident_bytes:
                    shares = sum(process.memory_full_info().pss for process in processes)
                    self.peak_bytes = max(self.peak_bytes, shares)
            except psutil.NoSuchProcess:
                continue
            self.peak_resident_bytes = max(self.peak_resident_bytes, resident)
