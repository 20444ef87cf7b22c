"""An endpoint that is broken, down, slow, elsewhere or another one: what a user is told, over real HTTP."""

import json
import logging
import math
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from oasis_search.encoder.endpoint.errors import EndpointError
from oasis_search.encoder.endpoint.options import EndpointOptions
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

KEY = "sk-a-secret-of-the-tests"
TEXTS = ["def read(path): ...", "class Parser: ...", "select 1", "how to sort", "x = 1"]


def spoil(change: Callable[[dict[str, Any]], object]) -> Callable[[BadEndpoint], Callable[[Request], Reply]]:
    def of(endpoint: BadEndpoint) -> Callable[[Request], Reply]:
        def behave(request: Request) -> Reply:
            body = {**request.body, "encoding_format": "float"}
            facts = endpoint.facts(Request(request.path, request.headers, body))
            change(facts)
            return json_reply(facts)

        return behave

    return of


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda facts: facts["data"].pop(), "1 vectors for 2 texts"),
        (lambda facts: facts["data"].append(facts["data"][0]), "3 vectors for 2 texts"),
        (lambda facts: facts["data"][0]["embedding"].__setitem__(3, math.nan), "NaN"),
        (lambda facts: facts["data"][0]["embedding"].__setitem__(3, math.inf), "infinite"),
        (lambda facts: facts["data"][0]["embedding"].__setitem__(3, None), "null"),
        (lambda facts: facts["data"][0].update(embedding=[0.0] * 16), "all-zero"),
        (lambda facts: facts["data"][0].update(index=1), "numbered its vectors"),
        (lambda facts: [row["embedding"].pop() for row in facts["data"]], "15 numbers instead of 16"),
        (lambda facts: facts["data"][0]["embedding"].pop(), "different lengths"),
    ],
)
def test_bad_vectors_are_refused_and_the_next_good_ones_taken(
    endpoint: BadEndpoint, connect: Connect, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    encoder = connect()
    endpoint.next.append(spoil(change)(endpoint))
    with pytest.raises(EndpointError, match=reason) as error:
        encoder.encode(["a"])
    assert endpoint.url in str(error.value)
    assert not error.value.is_transient
    assert_same(encoder.encode(["a"]), endpoint.vectors(["a"]))


def test_vectors_in_another_order_are_put_in_order(endpoint: BadEndpoint, connect: Connect) -> None:
    endpoint.always = spoil(lambda facts: facts["data"].reverse())(endpoint)
    assert_same(connect().encode(TEXTS), endpoint.vectors(TEXTS))


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(b"vectors? what vectors?"), r"not JSON.*what vectors"),
        (Reply(b"<html><title>Sign in</title></html>"), r"not JSON.*Sign in.*/v1"),
        (Reply(b""), "not JSON"),
        (Reply(b"\xff\xfe\x00"), "not JSON"),
        (json_reply({"error": "no such thing"}), "no list of vectors.*no such thing"),
        (Reply(b"", 204), "not JSON"),
        (refusal(403, "wrong region"), "wrong region"),
        (Reply(b"404 page not found", 404), "offers embeddings"),
        (refusal(404, "model 'some-model' not found"), "ollama pull"),
        (refusal(501, "This server does not support embeddings"), "does not support embeddings"),
    ],
)
def test_what_is_no_embeddings_server_is_named_on_connecting(
    endpoint: BadEndpoint, connect: Connect, reply: Reply, reason: str
) -> None:
    endpoint.always = lambda request: reply
    with pytest.raises(EndpointError, match=f"(?s){reason}") as error:
        connect()
    assert endpoint.url in str(error.value)
    assert not error.value.is_transient


def test_another_model_behind_the_same_name_is_noticed(endpoint: BadEndpoint, connect: Connect) -> None:
    encoder = connect()
    endpoint.model = "second"
    for _ in range(2):
        with pytest.raises(EndpointError, match="Another model was loaded") as error:
            encoder.encode(["a"])
        assert not error.value.is_transient
    endpoint.model = "first"
    with pytest.raises(EndpointError, match="Load the encoder again"):
        encoder.encode(["a"])
    assert len(endpoint.requests) == 2


def test_model_of_another_length_is_noticed(endpoint: BadEndpoint, connect: Connect) -> None:
    encoder = connect()
    endpoint.dim = 32
    with pytest.raises(EndpointError, match=r"32 numbers instead of 16.*Another model"):
        encoder.encode(["a"])


def test_server_that_is_down_may_come_back(endpoint: BadEndpoint, connect: Connect, time: FakeTime) -> None:
    endpoint.close()
    with pytest.raises(EndpointError, match=r"cannot be reached.*Start the server") as error:
        connect(attempts=2)
    assert endpoint.url in str(error.value)
    assert error.value.is_transient
    assert time.sleeps == [0.5]


def test_server_that_does_not_answer_in_time_is_named(endpoint: BadEndpoint, connect: Connect) -> None:
    encoder = connect(timeout_s=0.2, attempts=2)
    endpoint.next.extend([Reply(b"", is_late=True), Reply(b"", is_late=True)])
    with pytest.raises(EndpointError, match=r"did not answer within 0.2 s.*timeout_s") as error:
        encoder.encode(["a"])
    assert error.value.is_transient
    assert_same(encoder.encode(["a"]), endpoint.vectors(["a"]))


def test_server_that_drips_is_late_as_a_whole(endpoint: BadEndpoint, connect: Connect) -> None:
    encoder = connect(timeout_s=0.3, attempts=1)
    endpoint.next.append(Reply(b" " * 1000, drips=True))
    with pytest.raises(EndpointError, match="did not answer within"):
        encoder.encode(["a"])


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_carries_neither_text_nor_key_elsewhere(
    endpoint: BadEndpoint, connect: Connect, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    elsewhere = BadEndpoint()
    try:
        location = f"{elsewhere.url}/embeddings"
        endpoint.always = lambda request: Reply(b"", status, {"Location": location})
        with pytest.raises(EndpointError, match="redirects to") as error:
            connect(key_variable="MY_KEY")
        assert location in str(error.value)
        assert elsewhere.requests == []
    finally:
        elsewhere.close()


def test_this_machine_is_never_reached_through_a_proxy(
    endpoint: BadEndpoint, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    proxy = BadEndpoint()
    try:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.address)
        assert_same(connect().encode(["a"]), endpoint.vectors(["a"]))
        assert proxy.requests == []
    finally:
        proxy.close()


def test_other_hosts_are_reached_through_the_proxy_of_the_environment(
    endpoint: BadEndpoint, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, endpoint.address)
    encoder = connect(url="http://embeddings.invalid/v1")
    assert_same(encoder.encode(["a"]), endpoint.vectors(["a"]))
    assert {request.path for request in endpoint.requests} == {"http://embeddings.invalid/v1/embeddings"}


def test_key_is_in_no_error_no_log_and_no_fingerprint(
    endpoint: BadEndpoint, connect: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("MY_KEY", KEY)
    encoder = connect(key_variable="MY_KEY", attempts=1)

    def echo(status: int) -> Callable[[Request], Reply]:
        def behave(request: Request) -> Reply:
            said = json.dumps({"error": {"message": f"You sent {request.headers['authorization']}"}})
            return Reply(said.encode(), status)

        return behave

    written = [repr(encoder), repr(EndpointOptions(endpoint.url, "m", "MY_KEY")), encoder.fingerprint]
    for status in (200, 302, 400, 401, 403, 404, 413, 422, 429, 500, 503):
        endpoint.next.append(echo(status))
        with pytest.raises(EndpointError) as error:
            encoder.encode(["a"])
        written += ["".join(traceback.format_exception(error.value)), repr(error.value)]
    endpoint.next.append(Reply(b"x", is_cut=True))
    with pytest.raises(EndpointError) as error:
        encoder.encode(["a"])
    written.append("".join(traceback.format_exception(error.value)))
    assert KEY not in "\n".join([*written, caplog.text])
    assert "***" in "\n".join(written)
    assert encoder.fingerprint == connect().fingerprint
