"""An encoder in a process of its own, seen from the process that needs vectors.

Calls may come from any thread; one thread of the client finds or starts the process, listens to it, and
starts it again when it has died. Bulk calls survive that: what is still missing is asked for again. A
question does not wait: it fails at once with `EncoderUnavailable`, and its caller answers by words.
Deliberately knows nothing of files, units or the store; and computes nothing itself, whatever happens.
"""

import itertools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from oasis_search.encoder.protocol import Role, Vectors
from oasis_search.errors import Cancelled, EncoderError, ModelFolderError, OasisError
from oasis_search.service.address import Address
from oasis_search.service.calls import Call
from oasis_search.service.errors import EncoderUnavailable
from oasis_search.service.reach import Reached, Unreachable, reach
from oasis_search.service.spec import Description, EncoderSpec, Phase, ServiceState, identity
from oasis_search.service.wire import Frame, WireError

log = logging.getLogger(__name__)

POLL_S = 0.02
"""Between two looks at `cancelled`."""

CLOSE_S = 5.0
"""Longest wait for the client's own thread when it is closed."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How a client deals with a process that does not stay alive."""

    first_pause_s: float = 0.1
    """Before the first new start; doubles with every death that no vector came before."""
    longest_pause_s: float = 30.0
    max_deaths: int = 10
    """So many in a row without one vector: given up, until `describe` is called again or `failed_pause_s`."""
    failed_pause_s: float = 300.0
    start_s: float = 30.0
    """For a process to open its door; loading the model comes after that and has no limit here."""


def never() -> bool:
    """Of a call that nobody cancels."""
    return False


class EncoderClient:
    """One window's hold on a shared encoder process; the process ends some time after the last hold."""

    def __init__(
        self,
        spec: EncoderSpec,
        runtime_dir: Path,
        *,
        on_state: Callable[[ServiceState], None] | None = None,
        patience: Patience | None = None,
    ) -> None:
        """Starts nothing. `runtime_dir` must be this user's; it is made and closed to others when needed.

        `on_state` is called from the client's thread and must return at once. Raises EncoderError when an
        option of `spec` is not plain data.
        """
        self._spec = spec.resolved()
        self._address = Address(runtime_dir.absolute(), identity(self._spec))
        self._on_state = on_state
        self._patience = patience or Patience()
        self._changed = threading.Condition()
        self._numbers = itertools.count(1)
        self._calls: dict[int, Call] = {}
        self._state = self._told = ServiceState()
        self._description: Description | None = None
        self._refusal: EncoderError | None = None
        self._reached: Reached | None = None
        self._thread: threading.Thread | None = None
        self._is_wanted = self._is_closed = False
        self._deaths = self._n_describing = 0
        self._not_before = 0.0

    @property
    def state(self) -> ServiceState:
        """How the process is just now."""
        return self._state

    def describe(self, timeout_s: float | None = None) -> Description:
        """What is loaded; starts or joins the process and waits until it has loaded the model.

        Raises EncoderUnavailable when that takes longer than `timeout_s` or the process keeps dying, and
        another EncoderError (a ModelFolderError for a folder) when the model cannot be honoured. Calling
        again after an error tries again.
        """
        with self._changed:
            self._want(retry=True)
            self._n_describing += 1
            try:
                return self._wait_until_ready(timeout_s)
            finally:
                self._n_describing -= 1

    def encode(
        self,
        texts: Sequence[str],
        role: Role = "code",
        *,
        urgent: bool = False,
        timeout_s: float | None = None,
        cancelled: Callable[[], bool] = never,
    ) -> Vectors:
        """(len(texts), dim) float32, each row of length 1 or all zeros. Several calls may be under way.

        With `urgent`, goes before everything that is not, and never waits for a process that has died.
        Raises EncoderUnavailable (the process is down, or later than `timeout_s`), TextsRefused (some texts
        cannot be encoded; the exception has the vectors of the others), Cancelled, or what the encoder said.
        """
        if not texts:
            return np.zeros((0, (self._description or self.describe(timeout_s)).dim), dtype=np.float32)
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        call = Call(next(self._numbers), list(texts), role, is_urgent=urgent)
        with self._changed:
            self._want(retry=False)
            if urgent and self._deaths and self._reached is None:
                raise EncoderUnavailable(self._state.message)
            self._calls[call.number] = call
            self._ask(call)
        try:
            while True:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                if cancelled is not never:
                    left = POLL_S if left is None else min(POLL_S, left)
                if call.done.wait(left):
                    return call.result()
                if cancelled():
                    raise Cancelled("The encoding was cancelled.")
                if deadline is not None and time.monotonic() >= deadline:
                    raise EncoderUnavailable(self._late(timeout_s))
        finally:
            self._forget(call)

    def close(self) -> None:
        """Lets go of the process; calls that are under way raise EncoderUnavailable."""
        with self._changed:
            self._is_closed = True
            if self._reached is not None:
                self._reached.link.close()
            self._fail_calls(EncoderUnavailable("The encoder was closed."))
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(CLOSE_S)

    # -- called with the lock held -------------------------------------------------------------------------

    def _want(self, *, retry: bool) -> None:
        """There shall be a process; raises when it is known that there cannot be one."""
        if self._is_closed:
            raise EncoderUnavailable("The encoder was closed.")
        if self._state.phase == "failed":
            if retry or (self._refusal is None and time.monotonic() >= self._not_before):
                self._refusal, self._deaths, self._not_before = None, 0, 0.0
                self._state = replace(self._state, phase="starting", message="")
            elif self._refusal is not None:
                raise _copy(self._refusal)
            else:
                raise EncoderUnavailable(self._state.message)
        self._is_wanted = True
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="oasis-encoder-client", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _wait_until_ready(self, timeout_s: float | None) -> Description:
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while self._state.phase != "ready" or self._description is None:
            if self._refusal is not None:
                raise _copy(self._refusal)
            if self._is_closed or self._state.phase == "failed":
                raise EncoderUnavailable(self._state.message or "The encoder was closed.")
            if not self._changed.wait(None if deadline is None else max(0.0, deadline - time.monotonic())):
                raise EncoderUnavailable(self._late(timeout_s))
        return self._description

    def _ask(self, call: Call) -> None:
        if self._reached is not None and not call.done.is_set():
            for fields in call.requests():
                self._reached.link.send(fields)

    def _fail_calls(self, error: EncoderError, *, only_urgent: bool = False) -> None:
        for call in self._calls.values():
            if call.is_urgent or not only_urgent:
                call.fail(_copy(error))

    # -- called without the lock ---------------------------------------------------------------------------

    def _forget(self, call: Call) -> None:
        with self._changed:
            self._calls.pop(call.number, None)
            if not call.done.is_set() and self._reached is not None:
                self._reached.link.send({"op": "cancel", "id": call.number})

    def _late(self, timeout_s: float | None) -> str:
        state = self._state
        why = f" {state.message}" if state.message else ""
        return f"The encoder process ({state.phase}) did not answer within {timeout_s} s.{why}"

    # -- the client's thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        while self._wait_until_wanted():
            self._say("restarting" if self._deaths else "starting", self._state.message, None)
            try:
                reached = reach(self._address, self._spec, self._patience.start_s, lambda: self._is_closed)
            except Unreachable as error:
                self._died(str(error))
            except OasisError as error:
                self._give_up(EncoderUnavailable(str(error)))
            else:
                if reached is not None:
                    self._listen(reached)
        with self._changed:
            self._fail_calls(EncoderUnavailable("The encoder was closed."))
        self._say("idle", "", None)

    def _wait_until_wanted(self) -> bool:
        """Waits for a reason to have a process, and for the end of the pause; False when closed."""
        with self._changed:
            while not self._is_closed:
                pause_s = self._not_before - time.monotonic()
                if self._is_wanted and pause_s <= 0:
                    return True
                self._changed.wait(pause_s if self._is_wanted else None)
            return False

    def _listen(self, reached: Reached) -> None:
        """Asks for all that is missing, and passes on what the process says until it is gone."""
        link = reached.link
        with self._changed:
            self._reached = reached
            if self._is_closed:
                link.close()
            for call in self._calls.values():
                self._ask(call)
        self._say("loading", "", reached.pid)
        bye = ""
        try:
            while not bye and (frame := link.receive()) is not None:
                bye = self._hear(frame, reached.pid)
        except WireError as error:
            log.error("%s", error)
        with self._changed:
            self._reached = None
        link.close()
        link.release()
        if not bye and not self._is_closed:
            self._died(reached.epitaph())
        elif bye != "failed":
            with self._changed:
                # Calls that came too late for that process are reason enough for another one.
                is_waited_for = any(not call.done.is_set() for call in self._calls.values())
                self._is_wanted = is_waited_for or self._n_describing > 0
            self._say("idle", "", None)

    def _hear(self, frame: Frame, pid: int) -> str:
        """Obeys one message; the reason when it is a goodbye."""
        match frame.op:
            case "ready":
                return self._made_ready(frame, pid)
            case "failed":
                kind = ModelFolderError if frame.text("kind") == "ModelFolderError" else EncoderError
                self._give_up(kind(frame.text("message")))
                return "failed"
            case "bye":
                return frame.text("reason")
            case "vectors" | "refused" | "error":
                with self._changed:
                    call = self._calls.get(frame.number("id"))
                    if call is not None and not call.done.is_set() and self._description is not None:
                        self._answer(call, frame, self._description)
            case op:
                raise WireError(f"The encoder process says {op!r:.40}, which is not in the protocol.")
        return ""

    def _answer(self, call: Call, frame: Frame, description: Description) -> None:
        if frame.op == "vectors":
            self._deaths = 0
            call.take(frame, description.dim, description.fingerprint)
        elif frame.op == "refused":
            call.refuse(frame, description.dim)
        else:
            call.fail(EncoderError(frame.text("message")))

    def _made_ready(self, frame: Frame, pid: int) -> str:
        found = Description(
            frame.text("name"),
            frame.text("fingerprint"),
            frame.number("dim"),
            frame.text("place"),
            frame.text("kind"),
        )
        known = self._description
        if known is not None and known.fingerprint != found.fingerprint:
            self._give_up(
                EncoderError(
                    f"The model {self._spec.model} changed while it was in use "
                    f"({known.fingerprint}, now {found.fingerprint}). Restart the server to use it."
                )
            )
            return "failed"
        self._description = found
        self._say("ready", "", pid)
        return ""

    def _died(self, message: str) -> None:
        """The process ended by itself or never came up: another one after a pause, or none any more."""
        patience = self._patience
        with self._changed:
            self._deaths += 1
            deaths = self._deaths
            pause_s = min(patience.longest_pause_s, patience.first_pause_s * 2.0 ** (deaths - 1))
            self._not_before = time.monotonic() + pause_s
        log.warning("%s", message)
        if deaths >= patience.max_deaths:
            self._give_up(EncoderUnavailable(f"{message} It was started {deaths} times in vain."), died=True)
            return
        self._say("restarting", message, None, died=True)
        with self._changed:
            self._fail_calls(EncoderUnavailable(f"{message} It is started again."), only_urgent=True)

    def _give_up(self, error: EncoderError, *, died: bool = False) -> None:
        """No process until somebody asks again; a refusal by the model is remembered as what it is."""
        with self._changed:
            self._is_wanted = False
            self._not_before = time.monotonic() + self._patience.failed_pause_s
            self._refusal = None if isinstance(error, EncoderUnavailable) else error
        self._say("failed", str(error), None, died=died)
        with self._changed:
            self._fail_calls(error)

    def _say(self, phase: Phase, message: str, pid: int | None, *, died: bool = False) -> None:
        with self._changed:
            state = ServiceState(phase, pid, message, self._state.restarts + died)
            is_new, self._state, self._told = state != self._told, state, state
            self._changed.notify_all()
        if is_new and self._on_state is not None:
            try:
                self._on_state(state)
            except Exception:
                log.exception("A listener to the encoder's state failed.")


def _copy(error: EncoderError) -> EncoderError:
    """A fresh instance: one exception raised in several threads would mix their tracebacks."""
    return type(error)(*error.args)
