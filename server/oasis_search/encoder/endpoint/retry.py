"""When to try again: exponential back-off with jitter, and what a server asks for in its headers."""

import asyncio
import email.utils
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

BASE_S = 0.5
LONGEST_S = 30.0

PATIENCE_S = 60.0
"""A server that asks for a longer pause is reported instead of waited for."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Time that passes, so that tests need not wait for it."""

    now: Callable[[], float] = time.monotonic
    """Seconds from some moment on."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    """Returns after so many seconds."""


def backoff_s(attempt: int, draw: float) -> float:
    """Seconds to wait after the failed `attempt` (from 1); `draw` from 0 to 1 spreads clients apart.

    Doubles from half a second to half a minute; half of it is random, so that clients that failed together
    do not come back together.
    """
    return min(LONGEST_S, BASE_S * 2.0 ** min(attempt - 1, 16)) * (0.5 + 0.5 * draw)


def retry_after_s(headers: Mapping[str, str], unix_time: float) -> float | None:
    """Seconds that the headers of an answer ask to wait (lower-case names), or None."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit_s
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    try:
        moment = email.utils.parsedate_to_datetime(headers["retry-after"])
        return max(0.0, moment.timestamp() - unix_time)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
