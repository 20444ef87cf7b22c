"""The encoder process' share of the machine: so many cores, below the priority of everything else.

Thread counts are told to every library by its variable, before it is loaded; the affinity mask makes the
same limit hold for a library that has no such variable. Priority is per thread where the system can do that
(Linux): the thread that indexes and every thread that a library started while it loaded a model run at `nice`
10; the thread that answers questions stays at 0. Measured with two busy programs on two cores, a question of
9 ms took 127 ms (median) with everything at 10, 27 ms at 5, and 10 ms this way.
"""

import contextlib
import os
import sys
import threading

BULK_NICE = 10
"""Of threads that index."""

LOADING_NICE = 5
"""While the model is loaded: somebody may wait for it, but the editor starts at the same time."""

SHARED_NICE = 5
"""Of the whole process, where a thread has no priority of its own: questions suffer more from 10."""

MOST_THREADS = 8
"""Chosen at most; who wants more says so."""

VARIABLES = (
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""OpenMP (torch), linear algebra (numpy) and rayon (tokenizers) read their number of threads from these."""


def choose_threads(wanted: int = 0) -> int:
    """`wanted`, else a quarter of the cores, at least 2 and at most `MOST_THREADS`; never more than exist."""
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(n_cores, wanted if wanted > 0 else max(2, min(MOST_THREADS, n_cores // 4)))


def library_environment(threads: int) -> dict[str, str]:
    """Variables that keep libraries to `threads`; they are read when a library is loaded."""
    return {name: str(threads) for name in VARIABLES}


def keep_to_cores(threads: int) -> None:
    """No more than `threads` cores from now on, for this thread and all that it starts (Linux).

    The last ones of those allowed: interrupts and most programs prefer the first, and processors with
    cores of two kinds list the frugal ones last.
    """
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        with contextlib.suppress(OSError):  # A container may forbid it; the variables still hold.
            os.sched_setaffinity(0, allowed[-threads:])


def lower_process_priority() -> None:
    """For systems where priority belongs to the process; does nothing on Linux."""
    if sys.platform != "linux" and hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(SHARED_NICE)


def lower_thread_priority(nice: int) -> None:
    """For the calling thread and all that it starts; does nothing but on Linux. There is no way back."""
    if sys.platform == "linux":
        _renice(threading.get_native_id(), nice)


def lower_started_threads(nice: int) -> None:
    """For each thread below the priority of the first one: it lowered its own, or inherited a lowered one."""
    if sys.platform == "linux":
        usual = os.getpriority(os.PRIO_PROCESS, os.getpid())
        for name in os.listdir("/proc/self/task"):
            with contextlib.suppress(OSError):  # It may just have ended.
                if os.getpriority(os.PRIO_PROCESS, int(name)) > usual:
                    _renice(int(name), nice)


def _renice(thread_id: int, nice: int) -> None:
    with contextlib.suppress(OSError):
        found = os.getpriority(os.PRIO_PROCESS, thread_id)
        os.setpriority(os.PRIO_PROCESS, thread_id, max(found, nice))
