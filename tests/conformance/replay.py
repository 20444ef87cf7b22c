"""Replays what an editor said in a recorded session to a real server, and keeps what the server answers.

A session is a file of lines: first the folders with their files, then every message as `record.py` wrote it.
Paths stand in it as `{root}`, `{second}` and `{cache}`.
"""

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.conformance.record import read_message, write_message

OASIS = [str(Path(sys.executable).with_name("oasis")), "serve"]
PATIENCE_S = 60.0
"""Ends a test that would wait for ever; says nothing about speed."""

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Session:
    """What was recorded."""

    editor: str
    folders: Mapping[str, Mapping[str, str]]
    """Name -> path within it -> text."""
    lines: Sequence[Mapping[str, Any]]


def load_session(path: Path) -> Session:
    """The session in a file."""
    first, *lines = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return Session(path.stem, first["folders"], [line for line in lines if not _is_asked_again(line, lines)])


def _is_asked_again(line: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> bool:
    """The editor asks the same next, as the answer came too early: only the last answer counts."""
    message = line["message"]
    if line["from"] != "client" or not {"id", "method"} <= set(message):
        return False
    later = lines[lines.index(line) + 1 :]
    following = (one["message"] for one in later if one["from"] == "client" and "id" in one["message"])
    after: Message = next((one for one in following if "method" in one), {})
    return all(after.get(key) == message.get(key) for key in ("method", "params"))


@dataclass(slots=True)
class Player:
    """A client that says what was recorded."""

    places: Mapping[str, str]
    """Name -> path that stands for `{name}`."""
    answers: dict[object, Message] = field(default_factory=dict)
    notes: list[Message] = field(default_factory=list)
    """Notifications of the server."""
    asked: list[str] = field(default_factory=list)
    """Methods of the server's requests."""
    _server: "subprocess.Popen[bytes]" = field(init=False)
    _reader: threading.Thread = field(init=False)
    _incoming: "queue.Queue[Message | None]" = field(default_factory=queue.Queue)

    def __enter__(self) -> Self:
        self._server = subprocess.Popen(
            OASIS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.kill()
        self._server.wait()
        self._reader.join()
        for stream in (self._server.stdin, self._server.stdout):
            assert stream is not None
            stream.close()

    def filled(self, message: Mapping[str, Any]) -> Message:
        """The message with the places of this replay."""
        text = json.dumps(message)
        for name, place in self.places.items():
            text = text.replace("{" + name + "}", place)
        filled: Message = json.loads(text)
        return filled

    def say(self, message: Mapping[str, Any]) -> None:
        """Sends a message as it is."""
        assert self._server.stdin is not None
        write_message(self._server.stdin, json.dumps({"jsonrpc": "2.0", **message}).encode())

    def answer_to(self, message_id: object) -> Message:
        """The server's answer, whatever it says before; TimeoutError without one."""
        self.listen(lambda: message_id in self.answers)
        return self.answers[message_id]

    def listen(self, is_enough: Any) -> None:  # noqa: ANN401 - a function without arguments
        """Takes what the server says until that holds, and answers its requests."""
        end = time.monotonic() + PATIENCE_S
        while not is_enough():
            message = self._incoming.get(timeout=max(0.0, end - time.monotonic()))
            if message is None:
                raise EOFError("The server left.")
            if "method" in message and "id" in message:
                self.asked.append(message["method"])
                items = (
                    message["params"].get("items") if message["method"] == "workspace/configuration" else None
                )
                self.say({"id": message["id"], "result": [None] * len(items) if items else None})
            elif "method" in message:
                self.notes.append(message)
            else:
                self.answers[message["id"]] = message

    def is_ready(self) -> bool:
        """Every folder that the server told of is indexed, and there is one."""
        phases: dict[str, str] = {}
        for note in self.notes:
            if note["method"] == "oasis/statusChanged":
                phases[note["params"]["uri"]] = note["params"]["phase"]
        return bool(phases) and set(phases.values()) == {"ready"}

    def left(self) -> int:
        """The exit code of the server, which was told to leave by the session's `exit`."""
        return self._server.wait(PATIENCE_S)

    def _read(self) -> None:
        assert self._server.stdout is not None
        while (body := read_message(self._server.stdout)) is not None:
            self._incoming.put(json.loads(body))
        self._incoming.put(None)
