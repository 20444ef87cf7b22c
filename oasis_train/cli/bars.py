"""Progress on stderr: a bar with rate and time left on a terminal, a line every few seconds elsewhere."""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oasis_train.data.progress import Progress

QUIET_S = 10.0
"""Seconds between two lines where there is no terminal."""


@contextlib.contextmanager
def progress_bars() -> "Iterator[Progress]":
    """A function (what, done, total) that shows progress; a total of 0 is an unknown one."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:>12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, tuple[TaskID, float]] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total or None, rate=""), time.monotonic()
            task, begun = tasks[what]
            rate = done / max(1.0, time.monotonic() - begun)
            bars.update(task, completed=done, total=total or None, rate=f"{rate:,.1f}/s")

        yield show


def _lines() -> "Progress":
    last, begun = time.monotonic(), dict[str, float]()

    def show(what: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        begun.setdefault(what, now)
        if now - last >= QUIET_S:
            last = now
            elapsed_s = now - begun[what]
            rate = done / elapsed_s if elapsed_s > 1 else 0.0
            of = f" of {total:,}" if total else ""
            left = f", {(total - done) / rate:,.0f} s left" if total and rate else ""
            pace = f", {rate:,.1f}/s" if rate else ""
            print(f"{what}: {done:,}{of}{pace}{left}", file=sys.stderr, flush=True)

    return show
