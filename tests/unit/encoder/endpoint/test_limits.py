"""Back-off, rate limits and the token budget, in time that is given or passes only by sleeping."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oasis_search.encoder.endpoint.budget import TokenBudget, estimate_tokens
from oasis_search.encoder.endpoint.errors import EndpointError
from oasis_search.encoder.endpoint.rate import BURST_S, RateLimits, TokenBucket
from oasis_search.encoder.endpoint.retry import LONGEST_S, Clock, backoff_s, retry_after_s

MOMENT = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


def fake_clock(start_s: float = 0.0) -> Clock:
    now_s = [start_s]

    async def sleep(seconds: float) -> None:
        now_s[0] += seconds
        await asyncio.sleep(0)

    return Clock(lambda: now_s[0], sleep)


def test_pauses_double_up_to_half_a_minute() -> None:
    longest = [backoff_s(attempt, 1.0) for attempt in range(1, 10)]
    assert longest == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert [backoff_s(attempt, 0.0) for attempt in range(1, 10)] == [pause / 2 for pause in longest]


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_pause_of_any_attempt_is_bounded(attempt: int, draw: float) -> None:
    assert 0.25 <= backoff_s(attempt, draw) <= LONGEST_S


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:00 GMT"}, 0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
    ],
)
def test_pause_is_read_from_the_headers(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, MOMENT) == seconds


@given(
    st.integers(1, 10_000),
    st.lists(st.tuples(st.floats(0, 40), st.floats(1, 500)), min_size=1, max_size=40),
    st.floats(0, 1e6),
)
def test_bucket_never_gives_more_than_burst_and_rate(
    per_minute: int, arrivals: list[tuple[float, float]], start_s: float
) -> None:
    bucket = TokenBucket(per_minute, start_s)
    rate, capacity = per_minute / 60, max(1.0, per_minute / 60 * BURST_S)
    now_s, taken = start_s, []
    for pause_s, amount in arrivals:
        now_s += pause_s
        now_s += bucket.wait_s(amount, now_s)
        bucket.take(amount, now_s)
        taken.append((now_s, amount))
    for first, (start, _) in enumerate(taken):
        total = 0.0
        for end, amount in taken[first:]:
            total += amount
            excess = max(0.0, amount - capacity)  # of the last one, which has only left a debt so far
            assert total - excess <= capacity + rate * (end - start) + 1e-3 * total


def test_what_was_not_used_is_given_back() -> None:
    bucket = TokenBucket(600, 0.0)
    bucket.take(100, 0.0)
    assert bucket.wait_s(50, 0.0) == pytest.approx(5)
    bucket.take(-80, 0.0)
    assert bucket.wait_s(50, 0.0) == 0


async def run_all(*jobs: Awaitable[None]) -> None:
    await asyncio.gather(*jobs)


def test_waiting_callers_go_in_order_at_the_set_rate() -> None:
    clock = fake_clock()
    limits = RateLimits(60, 0, clock)
    gone: list[tuple[int, float]] = []

    async def go(number: int) -> None:
        await limits.acquire(1)
        gone.append((number, clock.now()))

    asyncio.run(run_all(*(go(number) for number in range(30))))
    assert [number for number, _ in gone] == list(range(30))
    moments = [moment for _, moment in gone]
    assert moments[9] == 0
    assert all(later - earlier == pytest.approx(1) for earlier, later in pairwise(moments[9:]))


@pytest.mark.parametrize("start_s", [0.0, 1e9])
def test_settled_tokens_let_others_go_sooner(start_s: float) -> None:
    def seconds(used: int) -> float:
        clock = fake_clock(start_s)
        limits = RateLimits(0, 600, clock)

        async def go() -> None:
            for _ in range(10):
                await limits.acquire(100)
                limits.settle(100, used)

        asyncio.run(go())
        return clock.now() - start_s

    assert seconds(100) == pytest.approx(90, abs=0.01)
    assert seconds(50) == pytest.approx(45, abs=0.01)


def test_hold_stops_everyone() -> None:
    clock = fake_clock()
    limits = RateLimits(0, 0, clock)
    limits.hold(30)
    limits.hold(10)
    asyncio.run(limits.acquire(1))
    assert clock.now() == 30


def test_cancelled_caller_leaves_the_queue() -> None:
    clock = fake_clock()
    limits = RateLimits(1, 0, clock)

    async def go() -> None:
        await limits.acquire(1)
        waiting = asyncio.create_task(limits.acquire(1))
        waiting.cancel()
        await limits.acquire(1)

    asyncio.run(asyncio.wait_for(go(), 20))
    assert clock.now() == pytest.approx(60)


ACTIONS: list[Callable[[int], int]] = [lambda n: 0, lambda n: n // 2, lambda n: n]


@given(st.integers(1, 1000), st.lists(st.tuples(st.integers(0, 300), st.sampled_from(ACTIONS))))
def test_spent_and_reserved_never_exceed_the_budget(
    total: int, requests: list[tuple[int, Callable[[int], int]]]
) -> None:
    budget = TokenBudget(total, "http://host/v1")
    spent = 0
    open_requests: list[tuple[int, Callable[[int], int]]] = []
    for n_tokens, used_of in requests:
        try:
            budget.reserve(n_tokens)
        except EndpointError:
            assert spent + sum(n for n, _ in open_requests) + n_tokens > total
        else:
            open_requests.append((n_tokens, used_of))
        if len(open_requests) > 2:
            n_tokens, used_of = open_requests.pop(0)
            budget.settle(n_tokens, used_of(n_tokens))
            spent += used_of(n_tokens)
        assert budget.spent == spent <= total


def test_no_budget_only_counts() -> None:
    budget = TokenBudget(0, "http://host/v1")
    budget.reserve(10**12)
    budget.settle(10**12, 5)
    assert budget.spent == 5


def test_estimate_counts_bytes_and_texts() -> None:
    assert estimate_tokens([]) == 0
    assert estimate_tokens(["abcd", "äöü"]) == (2 + 2) + (3 + 2)
