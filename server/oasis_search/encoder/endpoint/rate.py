"""Client-side rate limits: requests and tokens per minute as token buckets, and pauses a server asked for.

Used from one event loop only, so nothing is locked but the queue, which keeps waiting callers in order.
"""

import asyncio

from oasis_search.encoder.endpoint.retry import Clock

BURST_S = 10.0
"""A bucket holds what flows in within this time: servers count in windows shorter than a minute."""

_EPSILON_S = 1e-6


class TokenBucket:
    """Fills at a steady rate up to its capacity; pure, the time is given.

    In any span of T seconds at most `capacity + rate * T` is taken, plus the excess of one amount that is
    larger than the bucket: such an amount waits for a full bucket and leaves a debt.
    """

    def __init__(self, per_minute: float, now: float) -> None:
        self._rate = per_minute / 60.0
        self._capacity = max(1.0, self._rate * BURST_S)
        self._level = self._capacity
        self._filled_at = now

    def wait_s(self, amount: float, now: float) -> float:
        """Seconds until `amount` can be taken; 0 when it can be now."""
        self._fill(now)
        return max(0.0, min(amount, self._capacity) - self._level) / self._rate

    def take(self, amount: float, now: float) -> None:
        """Take `amount` out; a negative one gives back what was not needed after all."""
        self._fill(now)
        self._level = min(self._capacity, self._level - amount)

    def _fill(self, now: float) -> None:
        self._level = min(self._capacity, self._level + (now - self._filled_at) * self._rate)
        self._filled_at = now


class RateLimits:
    """Lets a request go when all limits allow it; a limit of 0 is none."""

    def __init__(self, requests_per_minute: float, tokens_per_minute: float, clock: Clock) -> None:
        self._clock = clock
        self._requests = TokenBucket(requests_per_minute, clock.now()) if requests_per_minute else None
        self._tokens = TokenBucket(tokens_per_minute, clock.now()) if tokens_per_minute else None
        self._held_until = clock.now()
        self._queue = asyncio.Lock()

    async def acquire(self, n_tokens: int) -> None:
        """Return when one request of `n_tokens` may be sent."""
        async with self._queue:
            while (wait_s := self._wait_s(n_tokens)) > _EPSILON_S:
                await self._clock.sleep(wait_s)
            now = self._clock.now()
            if self._requests:
                self._requests.take(1, now)
            if self._tokens:
                self._tokens.take(n_tokens, now)

    def settle(self, estimated: int, used: int) -> None:
        """Correct an acquired estimate by what the server counted."""
        if self._tokens:
            self._tokens.take(used - estimated, self._clock.now())

    def hold(self, seconds: float) -> None:
        """Let nothing go for so long; for all callers, since the server asked."""
        self._held_until = max(self._held_until, self._clock.now() + seconds)

    def _wait_s(self, n_tokens: int) -> float:
        now = self._clock.now()
        waits = [self._held_until - now]
        if self._requests:
            waits.append(self._requests.wait_s(1, now))
        if self._tokens:
            waits.append(self._tokens.wait_s(n_tokens, now))
        return max(waits)
