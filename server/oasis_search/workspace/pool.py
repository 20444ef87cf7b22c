"""Worker processes with a queue: urgent tasks first, few in flight, crashes contained.

Used from one thread alone (the session's); reader threads only pass what workers say on to `deliver`. A
worker that dies gives its tasks back; a file that kills two workers is reported as such and never tried
again.
"""

import contextlib
import heapq
import itertools
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import BinaryIO, cast

from oasis_search.index.store import Entry
from oasis_search.workspace.memory import LARGE_BLOCK_BYTES, SLACK_BYTES
from oasis_search.workspace.tasks import FileResult, Task, TaskResult, WorkerSetup
from oasis_search.workspace.worker import read_frame, write_frame

log = logging.getLogger(__name__)

WORKER_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(LARGE_BLOCK_BYTES),
    "MALLOC_TRIM_THRESHOLD_": str(SLACK_BYTES),
}
"""A worker is one core of the budget, and gives back the memory that a large file took."""

IN_FLIGHT = 2
"""Tasks a worker holds: one to work on and one so that it never waits for us."""

MAX_FAILURES = 5
"""Workers that gave up by themselves in a row without one result: then they cannot run here at all."""

LONGEST_PAUSE_S = 3.0
"""Most time before a killed worker is replaced; doubles from 0.1 s while nothing is finished in between."""


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """Said by a reader thread when a worker's output ends."""

    worker: "WorkerProcess"


@dataclass(eq=False)
class WorkerProcess:
    """One child process and the tasks it holds."""

    process: subprocess.Popen[bytes]
    tasks: dict[int, tuple[int, Task]] = field(default_factory=dict)
    """Number -> (priority, task)."""


class WorkerPool:
    """Up to `size` workers, started when there is work."""

    def __init__(
        self, size: int, setup: WorkerSetup, deliver: Callable[[TaskResult | WorkerDied], None]
    ) -> None:
        """`deliver` is called from reader threads and must only enqueue."""
        self._size = size
        self._setup = setup
        self._deliver = deliver
        self._workers: list[WorkerProcess] = []
        self._waiting: list[tuple[int, int, Task]] = []
        self._numbers = itertools.count(1)
        self._suspects: dict[tuple[str, str], int] = {}
        self._deaths = self._failures = 0
        self._not_before = 0.0
        self.paused_from = 1_000_000
        """Tasks of this priority and later wait; set by the session when it is paused."""

    @property
    def failed(self) -> bool:
        """Whether workers failed so often that no more are started; being killed is no failure."""
        return self._failures >= MAX_FAILURES

    @property
    def load(self) -> int:
        """Tasks waiting and running."""
        return len(self._waiting) + sum(len(worker.tasks) for worker in self._workers)

    def warm_up(self) -> None:
        """Starts all workers before there is work: they load while the folder is walked."""
        while len(self._workers) < self._size and not self.failed:
            self._start()

    def submit(self, task: Task, priority: int) -> None:
        """Queues a task (its number is given here); 0 is most urgent."""
        number = next(self._numbers)
        heapq.heappush(self._waiting, (priority, number, replace(task, number=number)))

    def dispatch(self) -> None:
        """Hands waiting tasks to workers, and starts workers while there is more to do than they hold."""
        while self._waiting and self._waiting[0][0] < self.paused_from and not self.failed:
            worker = min(self._workers, key=lambda w: len(w.tasks), default=None)
            if worker is None or (worker.tasks and len(self._workers) < self._size):
                if time.monotonic() < self._not_before:
                    return
                worker = self._start()
            if len(worker.tasks) >= IN_FLIGHT:
                return
            priority, number, task = heapq.heappop(self._waiting)
            worker.tasks[number] = (priority, task)
            try:
                write_frame(cast(BinaryIO, worker.process.stdin), task)
            except (BrokenPipeError, OSError):
                return  # Its reader thread says so too, and then the task comes back.

    def finished(self, result: TaskResult) -> None:
        """A worker answered."""
        self._deaths = self._failures = 0
        for worker in self._workers:
            worker.tasks.pop(result.number, None)

    def died(self, worker: WorkerProcess) -> list[TaskResult]:
        """A worker ended: its tasks wait again, file by file; those that did it twice are given up."""
        if worker not in self._workers:
            return []
        self._workers.remove(worker)
        code = _end(worker)
        self._deaths += 1
        self._failures += code >= 0
        self._not_before = time.monotonic() + min(LONGEST_PAUSE_S, 0.05 * 2**self._deaths)
        log.warning("Worker %d ended with status %d.", worker.process.pid, code)
        given_up: list[TaskResult] = []
        for priority, task in worker.tasks.values():
            for file in task.files:
                suspect = (task.root, file.path)
                # Alone in its task, the file did it; among others it is only a suspect.
                self._suspects[suspect] = self._suspects.get(suspect, 0) + (len(task.files) == 1)
                if self._suspects[suspect] < 2:
                    self.submit(replace(task, files=(file,)), priority)
                    continue
                detail = f"Reading or cutting this file ended a worker process twice (status {code})."
                entry = Entry(-1, 0, 0, 0, None, "", "crashed", detail)
                result = FileResult(file.path, file.ticket, entry, unsaved=file.text is not None)
                given_up.append(TaskResult(task.number, task.root, "", (result,)))
        return given_up

    def forget(self, root: str) -> None:
        """Drops what waits for a folder; what runs comes back and is ignored by the session."""
        self._waiting = [item for item in self._waiting if item[2].root != root]
        heapq.heapify(self._waiting)

    def shrink(self) -> None:
        """Ends idle workers but one, which keeps edits fast."""
        for worker in [w for w in self._workers[1:] if not w.tasks]:
            self._workers.remove(worker)
            _end(worker)

    def close(self) -> None:
        """Ends all workers and drops what waits."""
        self._waiting.clear()
        workers, self._workers = self._workers, []
        for worker in workers:
            _end(worker)

    def _start(self) -> WorkerProcess:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "oasis_search.workspace.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **WORKER_ENVIRONMENT},
        )
        worker = WorkerProcess(process)
        write_frame(cast(BinaryIO, process.stdin), self._setup)
        name = f"oasis-worker-{process.pid}"
        threading.Thread(target=self._read, args=(worker,), name=name, daemon=True).start()
        self._workers.append(worker)
        return worker

    def _read(self, worker: WorkerProcess) -> None:
        stream = cast(BinaryIO, worker.process.stdout)
        while isinstance(result := read_frame(stream), TaskResult):
            self._deliver(result)
        stream.close()
        self._deliver(WorkerDied(worker))


def _end(worker: WorkerProcess) -> int:
    """Makes sure that a worker has ended; its exit status."""
    process = worker.process
    with contextlib.suppress(OSError):  # What was still to be written has no reader any more.
        cast(BinaryIO, process.stdin).close()
    process.terminate()
    try:
        return process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
