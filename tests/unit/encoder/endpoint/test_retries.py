"""An endpoint that is busy or costly: retries, rate limits and the budget, over real HTTP."""

import asyncio

import pytest

from oasis_search.encoder.endpoint.errors import EndpointError
from oasis_search.encoder.endpoint.identity import CONTROL, PROBES
from tests.bad_endpoint import (
    BadEndpoint,
    Connect,
    FakeTime,
    Reply,
    Request,
    assert_same,
    json_reply,
    refusal,
)

TEXTS = ["def read(path): ...", "class Parser: ...", "select 1", "how to sort", "x = 1"]


def test_overload_is_waited_for_with_growing_pauses(
    endpoint: BadEndpoint, connect: Connect, time: FakeTime
) -> None:
    encoder = connect()
    endpoint.next.extend([refusal(503, "Loading model"), Reply(b"x", is_cut=True), refusal(500, "oops")])
    assert_same(encoder.encode(["a"]), endpoint.vectors(["a"]))
    assert time.sleeps == [0.5, 1.0, 2.0]


def test_outage_is_reported_as_transient_after_the_last_attempt(
    endpoint: BadEndpoint, connect: Connect, time: FakeTime
) -> None:
    encoder = connect(attempts=3)
    endpoint.always = lambda request: refusal(502, "<html><title>Bad Gateway</title></html>")
    with pytest.raises(EndpointError, match=r"answered 502.*Bad Gateway") as error:
        encoder.encode(["a"])
    assert error.value.is_transient
    assert len(endpoint.requests) == 4
    assert len(time.sleeps) == 2
    endpoint.always = endpoint.good
    assert_same(encoder.encode(["a"]), endpoint.vectors(["a"]))


@pytest.mark.parametrize("headers", [{"Retry-After": "7"}, {"Retry-After-Ms": "7000"}])
def test_server_that_asks_for_a_pause_gets_it(
    endpoint: BadEndpoint, connect: Connect, time: FakeTime, headers: dict[str, str]
) -> None:
    encoder = connect()
    endpoint.next.append(refusal(429, "slow down", headers))
    encoder.encode(["a"])
    assert time.sleeps == [7.0]


def test_pause_that_was_asked_for_holds_for_all_requests(
    endpoint: BadEndpoint, connect: Connect, time: FakeTime
) -> None:
    encoder = connect(batch=2, concurrency=2)
    n_before, n_all = len(endpoint.requests), 2 * len(TEXTS)

    async def sleep_beside_others(seconds: float) -> None:
        time.sleeps.append(seconds)
        while len(time.sleeps) < 2 and len(endpoint.requests) < n_before + n_all:
            await asyncio.sleep(0.005)
        time.now_s += seconds

    time.sleep_as = sleep_beside_others
    endpoint.next.append(refusal(429, "slow down", {"Retry-After": "7"}))
    encoder.encode(TEXTS * 2)
    assert time.sleeps[:2] == [7.0, pytest.approx(7.0)]  # the refused request, and the next one beside it
    assert len(endpoint.requests) == n_before + n_all + 1


def test_pause_of_an_hour_is_reported_instead_of_waited_for(
    endpoint: BadEndpoint, connect: Connect, time: FakeTime
) -> None:
    encoder = connect()
    endpoint.next.append(refusal(429, "slow down", {"Retry-After": "3600"}))
    with pytest.raises(EndpointError) as error:
        encoder.encode(["a"])
    assert error.value.is_transient
    assert error.value.retry_after_s == 3600
    assert time.sleeps == []


def test_mistakes_are_not_tried_again(endpoint: BadEndpoint, connect: Connect, time: FakeTime) -> None:
    encoder = connect()
    endpoint.next.append(refusal(401, "no"))
    with pytest.raises(EndpointError, match="401"):
        encoder.encode(["a"])
    assert len(endpoint.requests) == 2
    assert time.sleeps == []


def test_requests_are_spread_over_the_minute(endpoint: BadEndpoint, connect: Connect, time: FakeTime) -> None:
    encoder = connect(batch=2, concurrency=4, requests_per_minute=6)
    start = time.now_s
    encoder.encode(TEXTS)
    assert len(endpoint.requests) == 7
    assert time.now_s - start == pytest.approx(50)


def test_tokens_are_spread_over_the_minute(endpoint: BadEndpoint, connect: Connect, time: FakeTime) -> None:
    encoder = connect(batch=2, concurrency=1, tokens_per_minute=600)
    start = time.now_s
    encoder.encode(["one two three four " * 50] * 3)  # 600 tokens by the server's count, 200 each
    assert 38 < time.now_s - start < 46  # 2 x 203 tokens at 10 a second, and what connecting took


def test_tokens_are_counted_as_the_server_counts_them(endpoint: BadEndpoint, connect: Connect) -> None:
    encoder = connect()
    before = encoder.spent_tokens
    assert before == sum(len(text.split()) for text in PROBES)
    encoder.encode(["one two three"])
    assert encoder.spent_tokens == before + 3 + len(CONTROL.split())


def test_tokens_are_estimated_where_the_server_does_not_count(
    endpoint: BadEndpoint, connect: Connect
) -> None:
    encoder = connect()
    before = encoder.spent_tokens

    def silent(request: Request) -> Reply:
        return json_reply({**endpoint.facts(request), "usage": None})

    endpoint.always = silent
    encoder.encode(["x" * 1000])
    assert 500 <= encoder.spent_tokens - before <= 600


def test_budget_stops_before_it_is_exceeded(endpoint: BadEndpoint, connect: Connect) -> None:
    encoder = connect(token_budget=2000, batch=2, concurrency=4)
    texts = ["word " * 100] * 100
    with pytest.raises(EndpointError, match=r"budget of 2,000 tokens.*Raise token_budget") as error:
        encoder.encode(texts)
    assert not error.value.is_transient
    n_tokens = sum(len(text.split()) for text in endpoint.texts)
    assert 1000 < n_tokens <= 2000
    n_requests = len(endpoint.requests)
    with pytest.raises(EndpointError, match="budget"):
        encoder.encode(texts)
    assert (
        len(endpoint.requests) <= n_requests + 4
    )  # what was reserved by cancelled requests may be free again


def test_refused_requests_cost_nothing_and_lost_ones_are_counted(
    endpoint: BadEndpoint, connect: Connect
) -> None:
    encoder = connect(attempts=1)
    before = encoder.spent_tokens
    endpoint.next.append(refusal(503, "busy"))
    with pytest.raises(EndpointError):
        encoder.encode(["x" * 1000])
    assert encoder.spent_tokens == before
    endpoint.next.append(Reply(b"{}" * 100, is_cut=True))
    with pytest.raises(EndpointError, match="broke off"):
        encoder.encode(["x" * 1000])
    assert encoder.spent_tokens > before + 400
