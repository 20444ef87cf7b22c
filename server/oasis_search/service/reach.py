"""How a client comes to a connection: knock, start a process if nobody opens, knock again.

Any number of clients may start processes at the same moment; all but one of those end at once, and every
client finds the one that stays.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from oasis_search.errors import OasisError
from oasis_search.service.address import Address, Door, knock, make_private
from oasis_search.service.launch import EXIT_ELSEWHERE, HostProcess
from oasis_search.service.spec import EncoderSpec
from oasis_search.service.wire import Link, WireError
from oasis_search.version import __version__

HELLO_S = 10.0
"""For the first answer. The process gives it whatever it computes, but importing may hold it up."""

KNOCK_S = 0.01
"""Between two knocks while a process starts, which takes 0.2 s."""

FIRST_PAUSE_S = 0.1
"""Between two starts, when the first found another process serving that does not answer us; then doubled."""

REAP_S = 0.2
"""For the status of a process whose connection has just ended."""


class Unreachable(OasisError):
    """There is no process, and one that was started did not come up."""


@dataclass(frozen=True, slots=True, eq=False)
class Reached:
    """A connection to a process that has said welcome."""

    link: Link
    pid: int
    started: HostProcess | None
    """The process, if it was this client that started it."""

    def epitaph(self) -> str:
        """What can be said of its end, for the user."""
        return _epitaph(self.pid, self.started if self.started and self.started.pid == self.pid else None)


def reach(
    address: Address, spec: EncoderSpec, start_s: float, given_up: Callable[[], bool]
) -> Reached | None:
    """A connection to the process of this address, started if need be; None when `given_up`.

    Raises Unreachable when there is none after `start_s`, and EncoderUnavailable when there cannot be one.
    """
    make_private(address.folder)
    deadline = time.monotonic() + start_s
    started: HostProcess | None = None
    next_start, pause_s = 0.0, FIRST_PAUSE_S
    while not given_up():
        found = knock(address, HELLO_S)
        if found is not None:
            link = Link(found[0])
            with contextlib.suppress(WireError, TimeoutError):
                if _is_welcome(link, found[1], address):
                    return Reached(link, found[1].pid, started)
            link.close()
            link.release()
        status = started.exit_status() if started else EXIT_ELSEWHERE
        if started is not None and status not in (None, 0, EXIT_ELSEWHERE):
            raise Unreachable(_epitaph(started.pid, started))
        if time.monotonic() > deadline:
            raise Unreachable(_silence(address, started, start_s))
        if status is not None and time.monotonic() >= next_start:
            next_start, pause_s = time.monotonic() + pause_s, 2 * pause_s
            try:
                started = HostProcess(address, spec)
            except OSError as error:
                raise Unreachable(f"The encoder process cannot be started ({error}).") from error
        time.sleep(KNOCK_S)
    return None


def _is_welcome(link: Link, door: Door, address: Address) -> bool:
    link.set_timeout(HELLO_S)
    link.send({"op": "hello", "token": door.token, "version": __version__, "identity": address.identity})
    frame = link.receive()
    link.set_timeout(None)
    return frame is not None and frame.op == "welcome"


def _silence(address: Address, started: HostProcess | None, start_s: float) -> str:
    if started is not None and started.exit_status() is None:
        started.kill()
        words = _words(started)
        return f"The encoder process (pid {started.pid}) did not open its door in {start_s:g} s.{words}"
    return (
        f"Another encoder process holds {address.file('lock')} but does not answer. "
        "End it (its pid is in the file beside it that ends in .door)."
    )


def _epitaph(pid: int, started: HostProcess | None) -> str:
    status = started.exit_status(REAP_S) if started else None
    how = "" if status is None else f" with status {status}"
    if status is not None and status < 0:
        how = f" by signal {-status}" + (", perhaps for want of memory" if status == -9 else "")
    return f"The encoder process (pid {pid}) ended{how}.{_words(started)}"


def _words(started: HostProcess | None) -> str:
    words = started.last_words() if started else ""
    return f' Its last words: "{words}"' if words else ""
