"""The encoder process: `python -P -m oasis_search.service.host RUNTIME_FOLDER IDENTITY`.

It holds one model for all editors and terminals of a user. Being connected is a client's lease: the process
ends a few seconds after the last one is gone, however that happened, and after minutes without work, which
gives back all memory for certain (the next call starts it again). It inherits nothing but its environment:
no terminal, no working folder of a project, no standard streams but its log. It never starts processes.
"""

import contextlib
import faulthandler
import hmac
import logging
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

from oasis_search.errors import OasisError
from oasis_search.service.address import Address, Door, close_door, open_door, try_lock
from oasis_search.service.budget import keep_to_cores, lower_process_priority
from oasis_search.service.launch import EXIT_ELSEWHERE, SPEC_VARIABLE, trim_log
from oasis_search.service.notes import WorkNotes
from oasis_search.service.schedule import Job, Schedule
from oasis_search.service.spec import Description, EncoderSpec
from oasis_search.service.wire import Frame, Link, WireError
from oasis_search.service.work import Workshop
from oasis_search.version import __version__

log = logging.getLogger(__name__)

HELLO_S = 10.0
"""Longest time in which a connection must say who it is."""

LOOK_S = 1.0
"""Between two looks at whether anybody is still there; less if that is decided within less."""

SHORTEST_LOOK_S = 0.02

FLUSH_S = 1.0
"""For last words to clients that read."""


class Host:
    """Connections and the end of the process; the work is done by the workshop."""

    def __init__(self, address: Address, spec: EncoderSpec, listener: socket.socket, door: Door) -> None:
        self._address = address
        self._spec = spec
        self._listener = listener
        self._door = door
        self._schedule = Schedule()
        self._notes = WorkNotes(address.file("work"))
        self._workshop = Workshop(spec, self._schedule, self._notes, self._loaded)
        self._guard = threading.Lock()
        self._links: set[Link] = set()
        self._alone_since = time.monotonic()
        self._outcome: Description | OasisError | None = None
        self._is_ending = self._is_failure_told = False
        self._asked_to_end = threading.Event()

    def run(self) -> str:
        """Serves until there is a reason to end, and returns that."""
        self._workshop.start()
        threading.Thread(target=self._accept, name="oasis-encoder-accept", daemon=True).start()
        look_s = max(SHORTEST_LOOK_S, min(LOOK_S, self._spec.linger_s / 4, (self._spec.idle_s or 60) / 4))
        while not (reason := self._reason_to_end()):
            self._asked_to_end.wait(look_s)
            trim_log(self._address)
        return reason

    def ask_to_end(self) -> None:
        """From a signal handler or any thread."""
        self._asked_to_end.set()

    def end(self, reason: str) -> None:
        """Says goodbye to all clients; nothing of the process is left in the runtime folder but its log."""
        with self._guard:
            self._is_ending = True
            links = list(self._links)
        self._schedule.close()
        close_door(self._address)
        for link in links:
            link.send({"op": "bye", "reason": reason})
        deadline = time.monotonic() + FLUSH_S
        for link in links:
            link.close(flush_s=max(0.01, deadline - time.monotonic()))
        self._notes.remove()

    def _reason_to_end(self) -> str:
        with self._guard:
            if self._is_failure_told:
                return "failed"
            if self._asked_to_end.is_set():
                return "asked"
            is_left = not self._links and time.monotonic() - self._alone_since >= self._spec.linger_s
            self._is_ending = is_left
        if is_left:
            return "left"
        may_idle = isinstance(self._outcome, Description) and self._spec.idle_s > 0
        return "idle" if may_idle and self._schedule.close_if_idle(self._spec.idle_s) else ""

    def _loaded(self, outcome: Description | OasisError) -> None:
        self._schedule.touch()
        with self._guard:
            self._outcome = outcome
            for link in self._links:
                self._tell(link, outcome)

    def _tell(self, link: Link, outcome: Description | OasisError) -> None:
        if isinstance(outcome, Description):
            link.send({"op": "ready", **asdict(outcome)})
            return
        link.send({"op": "failed", "kind": type(outcome).__name__, "message": str(outcome)})
        self._is_failure_told = True  # Not before: who started the process may not have come yet.
        self.ask_to_end()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError as error:  # Out of descriptors, or the caller has gone: neither is our end.
                log.warning("A client was not accepted: %s", error)
                time.sleep(LOOK_S)
                continue
            threading.Thread(
                target=self._attend, args=(connection,), name="oasis-encoder-client", daemon=True
            ).start()

    def _attend(self, connection: socket.socket) -> None:
        link = Link(connection)
        try:
            if self._welcome(link):
                while (frame := link.receive()) is not None:
                    self._obey(link, frame)
        except (WireError, TimeoutError) as error:
            log.warning("A client was sent away: %s", error)
        finally:
            with self._guard:
                self._links.discard(link)
                self._alone_since = time.monotonic()
            self._schedule.drop(link)
            link.close()
            link.release()

    def _welcome(self, link: Link) -> bool:
        link.set_timeout(HELLO_S)
        frame = link.receive()
        if frame is None or frame.op != "hello":
            return False
        if not hmac.compare_digest(frame.text("token").encode(), self._door.token.encode()):
            raise WireError("it does not know the token.")
        if (frame.text("version"), frame.text("identity")) != (__version__, self._address.identity):
            raise WireError("it is of another version or wants another encoder.")
        link.set_timeout(None)
        with self._guard:
            if self._is_ending:
                return False
            self._links.add(link)
            link.send({"op": "welcome", "pid": os.getpid()})
            if self._outcome is not None:
                self._tell(link, self._outcome)
        return True

    def _obey(self, link: Link, frame: Frame) -> None:
        match frame.op:
            case "encode":
                rows, texts = frame.numbers("rows"), frame.texts("texts")
                if len(rows) != len(texts):
                    raise WireError("a request has other rows than texts.")
                role = "query" if frame.text("role") == "query" else "code"
                is_urgent = bool(frame.number("urgent"))
                job = Job(link, frame.number("id"), role, is_urgent, rows, texts)  # type: ignore[arg-type]
                self._schedule.add(job, self._notes.is_suspect)
            case "cancel":
                self._schedule.drop(link, frame.number("id"))
            case op:
                raise WireError(f"it says {op!r:.40}, which is not in the protocol.")


def main(arguments: list[str]) -> None:
    """Becomes the one process of this identity and serves, or ends with `EXIT_ELSEWHERE`."""
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(asctime)s %(process)d %(message)s")
    address = Address(Path(arguments[0]), arguments[1])
    if not _elected(address):
        log.info("Another process serves already.")
        sys.exit(EXIT_ELSEWHERE)
    spec = EncoderSpec.from_json(os.environ[SPEC_VARIABLE])
    keep_to_cores(spec.threads)
    lower_process_priority()
    listener, door = open_door(address)
    host = Host(address, spec, listener, door)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # A terminal's; clients alone decide.
    signal.signal(signal.SIGTERM, lambda *_: host.ask_to_end())
    reason = host.run()
    host.end(reason)
    log.info("Ended (%s).", reason)
    logging.shutdown()
    with contextlib.suppress(OSError):
        address.file("lock").unlink()  # Still held: `try_lock` knows of this.
    os._exit(0)  # Threads may be in the middle of loading; nothing waits for them.


def _elected(address: Address) -> bool:
    """Holds the lock from here to the end of the process; False when somebody else serves.

    A predecessor that is about to end has no door any more but still the lock: worth waiting for.
    """
    deadline = time.monotonic() + HELLO_S
    while try_lock(address.file("lock")) is None:
        if address.file("door").exists() or time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


if __name__ == "__main__":
    main(sys.argv[1:])
