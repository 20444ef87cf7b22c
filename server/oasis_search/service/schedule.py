"""What is encoded next: questions before everything, then one slice of each client in turn.

Work is cut into slices of about a twentieth of a second, so that a question never waits longer than that for
indexing, also for the rest of a request that is being worked on. Long texts first and like with like: that
is what batches without padding need. Deliberately knows nothing of encoders and sockets.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from oasis_search.encoder.protocol import Role

SLICE_S = 0.05
"""Longest wait of a question for indexing, aimed at. Slices cost 0.3 ms each beside their encoding."""

FIRST_CHARACTERS = 4096
"""Of the first slice, before anything was measured: some 30 ms of the slowest encoder that ships."""

OVERHEAD_CHARACTERS = 64
"""A text costs as much as this many characters before its first one."""


class Pace:
    """How many texts make a slice, learnt from the slices before."""

    def __init__(self, fixed_texts: int = 0) -> None:
        """With `fixed_texts` every slice has so many, whatever it takes (an encoder that only waits)."""
        self._fixed_texts = fixed_texts
        self._characters = float(FIRST_CHARACTERS)

    def n_texts(self, lengths: Sequence[int]) -> int:
        """How many of the texts with these lengths, from the first on; at least one."""
        if self._fixed_texts:
            return min(self._fixed_texts, len(lengths))
        room = self._characters
        for number, length in enumerate(lengths):
            room -= length + OVERHEAD_CHARACTERS
            if room < 0:
                return max(1, number)
        return len(lengths)

    def learn(self, lengths: Sequence[int], seconds: float) -> None:
        """A slice of these lengths took so long. Small and quick ones say little, and are not listened to."""
        done = sum(lengths) + OVERHEAD_CHARACTERS * len(lengths)
        if done >= self._characters / 2 or seconds >= SLICE_S:
            fitting = done * SLICE_S / max(seconds, 1e-6)
            self._characters = min(max(fitting, self._characters / 4), self._characters * 4)


@dataclass(eq=False, slots=True)
class Job:
    """Some texts of one call of one client."""

    client: object
    number: int
    role: Role
    is_urgent: bool
    rows: Sequence[int]
    """Places of the texts in the call, only passed on."""
    texts: Sequence[str]
    waiting: list[int] = field(default_factory=list)
    """Texts not yet encoded, shortest first: they are taken from the end."""
    alone: list[int] = field(default_factory=list)
    """Those to be encoded one at a time, after all others."""
    is_dropped: bool = False
    """Nobody waits for it any more."""


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """Texts of one job that are encoded in one go."""

    job: Job
    picks: Sequence[int]

    @property
    def texts(self) -> list[str]:
        """In the order in which they are encoded."""
        return [self.job.texts[pick] for pick in self.picks]

    @property
    def rows(self) -> list[int]:
        """Their places in the call."""
        return [self.job.rows[pick] for pick in self.picks]


class Schedule:
    """Waiting jobs; one slice is out at a time, so that two threads never exceed the budget of one.

    For an encoder that only waits for another machine, a question may be out beside a slice.
    """

    def __init__(self, pace: Pace | None = None) -> None:
        self._pace = pace or Pace()
        self._changed = threading.Condition()
        self._urgent: deque[Job] = deque()
        self._bulk: dict[object, deque[Job]] = {}
        self._out: dict[bool, Slice] = {}
        self._takes_turns = True
        self._is_closed = False
        self._last_used = time.monotonic()

    def suit_remote(self, slice_texts: int) -> None:
        """From now on slices have this many texts, however long they take, and no question waits for one."""
        with self._changed:
            self._pace = Pace(slice_texts)
            self._takes_turns = False

    def add(self, job: Job, is_suspect: Callable[[str], bool]) -> None:
        """Queues a job; texts that `is_suspect` are encoded alone."""
        order = sorted(range(len(job.texts)), key=lambda pick: len(job.texts[pick]))
        suspects = {pick for pick in order if is_suspect(job.texts[pick])}
        job.waiting = [pick for pick in order if pick not in suspects]
        job.alone = [pick for pick in order if pick in suspects]
        with self._changed:
            if job.texts and not self._is_closed:
                self._queue(job)
                self._changed.notify_all()

    def drop(self, client: object, number: int | None = None) -> None:
        """Forgets one job of a client, or all of them; a slice that is out finishes unheard."""
        with self._changed:
            self._last_used = time.monotonic()
            for piece in self._out.values():
                if _is_of(piece.job, client, number):
                    piece.job.is_dropped = True
            for job in [*self._urgent, *self._bulk.get(client, ())]:
                if _is_of(job, client, number):
                    self._remove(job)

    def take(self, *, urgent: bool) -> Slice | None:
        """Waits for the next slice; questions and the rest have different takers. None when closed."""
        with self._changed:
            while not self._is_closed:
                if self._may_take(urgent):
                    self._out[urgent] = self._next_slice(urgent)
                    return self._out[urgent]
                self._changed.wait()
            return None

    def finish(self, piece: Slice, seconds: float, *, again_alone: bool = False) -> None:
        """The slice that was out is done; with `again_alone` it has failed, and its texts are tried alone."""
        with self._changed:
            del self._out[piece.job.is_urgent]
            self._last_used = time.monotonic()
            self._pace.learn([len(text) for text in piece.texts], seconds)
            if again_alone and not piece.job.is_dropped:
                if not piece.job.waiting and not piece.job.alone:
                    self._queue(piece.job)
                piece.job.alone.extend(piece.picks)
            self._changed.notify_all()

    def touch(self) -> None:
        """Something useful happened: idling begins anew."""
        with self._changed:
            self._last_used = time.monotonic()

    def close_if_idle(self, idle_s: float) -> bool:
        """Closes unless there is work or there was some within `idle_s`; whether it is closed now."""
        with self._changed:
            is_used = self._out or self._urgent or self._bulk
            if not is_used and time.monotonic() - self._last_used >= idle_s:
                self._is_closed = True
                self._changed.notify_all()
            return self._is_closed

    def close(self) -> None:
        """Nothing is given out any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _may_take(self, urgent: bool) -> bool:
        if not self._takes_turns:
            return urgent not in self._out and bool(self._urgent if urgent else self._bulk)
        return not self._out and bool(self._urgent) == urgent and bool(self._urgent or self._bulk)

    def _queue(self, job: Job) -> None:
        self._last_used = time.monotonic()
        if job.is_urgent:
            self._urgent.append(job)
        else:
            self._bulk.setdefault(job.client, deque()).append(job)

    def _remove(self, job: Job) -> None:
        job.is_dropped = True
        if job.is_urgent:
            self._urgent.remove(job)
        else:
            self._bulk[job.client].remove(job)
            if not self._bulk[job.client]:
                del self._bulk[job.client]

    def _next_slice(self, urgent: bool) -> Slice:
        job = self._urgent[0] if urgent else next(iter(self._bulk.values()))[0]
        if job.waiting:
            n_texts = self._pace.n_texts([len(job.texts[pick]) for pick in reversed(job.waiting)])
            picks = job.waiting[-n_texts:][::-1]
            del job.waiting[-n_texts:]
        else:
            picks = [job.alone.pop()]
        is_done = not job.waiting and not job.alone
        if urgent:
            if is_done:
                self._urgent.popleft()
            return Slice(job, picks)
        jobs = self._bulk.pop(job.client)  # Put back behind the other clients.
        if is_done:
            jobs.popleft()
        if jobs:
            self._bulk[job.client] = jobs
        return Slice(job, picks)


def _is_of(job: Job, client: object, number: int | None) -> bool:
    return job.client is client and number in (None, job.number)
