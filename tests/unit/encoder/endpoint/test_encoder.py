"""An endpoint over real HTTP: what is sent and comes back, batches, concurrency and giving up."""

import threading

import numpy as np
import pytest

from oasis_search.encoder import Vectors
from oasis_search.encoder.endpoint.encoder import connect_endpoint
from oasis_search.encoder.endpoint.errors import EndpointError
from oasis_search.encoder.endpoint.identity import CONTROL, PROBES
from oasis_search.encoder.endpoint.options import EndpointOptions
from oasis_search.errors import Cancelled, EncoderError
from tests.bad_endpoint import BadEndpoint, Connect, Reply, Request, assert_same, refusal

KEY = "sk-a-secret-of-the-tests"
TEXTS = ["def read(path): ...", "class Parser: ...", "select 1", "how to sort", "x = 1"]


def test_vectors_are_the_servers_in_the_order_of_the_texts(endpoint: BadEndpoint, connect: Connect) -> None:
    encoder = connect(batch=3)
    vectors = encoder.encode(TEXTS)
    assert vectors.dtype == np.float32
    assert_same(vectors, endpoint.vectors(TEXTS))
    assert (encoder.dim, encoder.name) == (16, "some-model")
    assert encoder.place == f"sends text to {endpoint.url}"


def test_no_text_and_blank_texts_are_not_sent(endpoint: BadEndpoint, connect: Connect) -> None:
    encoder = connect(query_prompt="Query: ")
    assert encoder.encode([]).shape == (0, 16)
    assert len(endpoint.requests) == 1
    vectors = encoder.encode(["", "a", " \n"], "query")
    assert endpoint.requests[-1].texts == ["Query: a", CONTROL]
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([0, 1, 0])


def test_prompt_goes_before_the_text_by_role(endpoint: BadEndpoint, connect: Connect) -> None:
    encoder = connect(query_prompt="Query: ", code_prompt="passage: ")
    encoder.encode(["a"], "query")
    encoder.encode(["a"], "code")
    assert endpoint.texts[len(PROBES) :] == ["Query: a", CONTROL, "passage: a", CONTROL]


def test_nothing_is_sent_besides_the_texts_and_what_http_needs(
    endpoint: BadEndpoint, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "not-for-this-host")
    monkeypatch.setenv(
        "OPENAI_CUSTOM_HEADERS", "X-Other: not-for-this-host\nAuthorization: Bearer not-for-this"
    )
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    connect().encode(["a"])
    for request in endpoint.requests:
        assert set(request.headers) <= {
            "host", "accept", "accept-encoding", "connection", "content-type", "content-length", "user-agent",
        }  # fmt: skip
        assert request.headers["user-agent"].startswith("oasis-code-search/")
        assert set(request.body) == {"model", "input", "encoding_format"}
        assert request.path == "/v1/embeddings"


def test_key_is_sent_as_bearer_token(
    endpoint: BadEndpoint, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    connect(key_variable="MY_KEY")
    assert endpoint.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("key", ["x", "1", "data"])
def test_short_keys_of_servers_that_want_any_spoil_no_answer(
    endpoint: BadEndpoint, connect: Connect, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    plain = connect().encode(["a"])
    monkeypatch.setenv("MY_KEY", key)
    assert (connect(key_variable="MY_KEY").encode(["a"]) == plain).all()


def test_dimensions_are_sent_only_when_set(endpoint: BadEndpoint, connect: Connect) -> None:
    assert connect(dimensions=16).dim == 16
    assert endpoint.requests[0].body["dimensions"] == 16


def test_other_dimensions_than_asked_for_are_an_error(connect: Connect) -> None:
    with pytest.raises(EndpointError, match=r"16 numbers instead of 8.*set dimensions to 0 or 16"):
        connect(dimensions=8)


def test_vectors_as_plain_numbers_are_understood(endpoint: BadEndpoint, connect: Connect) -> None:
    def plain(request: Request) -> Reply:
        body = {**request.body, "encoding_format": "float"}
        return endpoint.good(Request(request.path, request.headers, body))

    endpoint.always = plain
    assert_same(connect().encode(TEXTS), endpoint.vectors(TEXTS))


def test_lone_surrogates_are_replaced(endpoint: BadEndpoint, connect: Connect) -> None:
    connect().encode(["a\ud800b"])
    assert endpoint.requests[-1].texts[0] == "a?b"


def test_long_text_is_cut_on_the_right_prompt_included(endpoint: BadEndpoint, connect: Connect) -> None:
    connect(max_chars=300, code_prompt="passage: ").encode(["abc" * 200])
    assert endpoint.requests[-1].texts[0] == ("passage: " + "abc" * 200)[:300]


def test_requests_hold_at_most_batch_texts_control_included(endpoint: BadEndpoint, connect: Connect) -> None:
    encoder = connect(batch=3)
    encoder.encode(TEXTS)
    sent = [request.texts for request in endpoint.requests[1:]]
    assert sorted(map(len, sent)) == [2, 3, 3]
    assert all(texts[-1] == CONTROL for texts in sent)


def test_texts_at_once_fill_every_request(endpoint: BadEndpoint, connect: Connect) -> None:
    options = EndpointOptions(endpoint.url, "some-model", batch=5, concurrency=3)
    encoder = connect(batch=5, concurrency=3)
    encoder.encode([f"text {number}" for number in range(options.texts_at_once)])
    assert [len(request.texts) for request in endpoint.requests[1:]] == [5, 5, 5]


def test_requests_hold_at_most_so_many_characters(endpoint: BadEndpoint, connect: Connect) -> None:
    texts = ["a" * 40, "b" * 40, "c" * 40, "d" * 300, "e"]
    connect(batch_chars=100, concurrency=1).encode(texts)
    sent = [[text[0] for text in request.texts if text != CONTROL] for request in endpoint.requests]
    assert [letters for letters in sent if letters[0] in "abcde"] == [["a", "b"], ["c"], ["d"], ["e"]]


def test_requests_run_side_by_side_up_to_the_limit(endpoint: BadEndpoint, connect: Connect) -> None:
    encoder = connect(batch=2, concurrency=3)
    meeting = threading.Barrier(3)

    def meet(request: Request) -> Reply:
        meeting.wait(20)  # broken, and so an error, unless three are here at once
        return endpoint.good(request)

    endpoint.always = meet
    texts = [f"text {number}" for number in range(12)]
    assert_same(encoder.encode(texts), endpoint.vectors(texts))
    assert endpoint.most_at_once == 3


def test_threads_share_one_encoder(endpoint: BadEndpoint, connect: Connect) -> None:
    encoder = connect(batch=3)

    def take_a_while(request: Request) -> Reply:
        endpoint.closing.wait(0.02)
        return endpoint.good(request)

    endpoint.always = take_a_while
    found: dict[int, Vectors] = {}

    def encode(number: int) -> None:
        found[number] = encoder.encode([f"{number} {text}" for text in TEXTS])

    threads = [threading.Thread(target=encode, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(6):
        assert_same(found[number], endpoint.vectors([f"{number} {text}" for text in TEXTS]))
    assert endpoint.most_at_once <= 4


async def test_can_be_called_from_a_thread_with_a_running_loop(
    endpoint: BadEndpoint, connect: Connect
) -> None:
    assert_same(connect().encode(["a"]), endpoint.vectors(["a"]))


def test_too_many_texts_are_halved_and_the_limit_is_remembered(
    endpoint: BadEndpoint, connect: Connect
) -> None:
    encoder = connect(concurrency=1)

    def at_most_4(request: Request) -> Reply:
        n_texts = len(request.texts)
        if n_texts > 4:
            return refusal(422, f"batch size {n_texts} > maximum allowed batch size 4")
        return endpoint.good(request)

    endpoint.always = at_most_4
    texts = [f"text {number}" for number in range(12)]
    assert_same(encoder.encode(texts), endpoint.vectors(texts))
    n_requests = len(endpoint.requests)
    assert_same(encoder.encode(texts), endpoint.vectors(texts))
    assert {len(request.texts) for request in endpoint.requests[n_requests:]} == {4}


def test_too_large_requests_are_halved_and_small_texts_keep_their_batch(
    endpoint: BadEndpoint, connect: Connect
) -> None:
    encoder = connect(concurrency=1)

    def at_most_1000(request: Request) -> Reply:
        return endpoint.good(request) if sum(map(len, request.texts)) <= 1000 else Reply(b"", 413)

    endpoint.always = at_most_1000
    large = [f"{number}" * 400 for number in range(8)]
    assert_same(encoder.encode(large), endpoint.vectors(large))
    n_requests = len(endpoint.requests)
    small = [f"text {number}" for number in range(31)]
    encoder.encode(small)
    assert [len(request.texts) for request in endpoint.requests[n_requests:]] == [32]


def test_server_of_one_text_per_request_is_used_without_control(
    endpoint: BadEndpoint, connect: Connect
) -> None:
    def one(request: Request) -> Reply:
        return endpoint.good(request) if len(request.texts) == 1 else refusal(400, "too many inputs")

    endpoint.always = one
    encoder = connect()
    n_requests = len(endpoint.requests)
    assert_same(encoder.encode(TEXTS), endpoint.vectors(TEXTS))
    assert sorted(endpoint.texts[-5:]) == sorted(TEXTS)
    assert len(endpoint.requests) == n_requests + 5


def test_text_that_is_too_long_is_shortened_alone(endpoint: BadEndpoint, connect: Connect) -> None:
    encoder = connect(concurrency=1)

    def at_most_500(request: Request) -> Reply:
        longest = max(map(len, request.texts))
        if longest > 500:
            return refusal(400, f"request ({longest} tokens) exceeds the available context size (500 tokens)")
        return endpoint.good(request)

    endpoint.always = at_most_500
    texts = [*TEXTS, "y" * 1000]
    vectors = encoder.encode(texts)
    assert_same(vectors, endpoint.vectors([*TEXTS, "y" * 475]))
    assert_same(encoder.encode(texts[-1:]), vectors[-1:])
    n_requests = len(endpoint.requests)
    others = [f"{number:0490}" for number in range(31)]
    assert_same(encoder.encode(others), endpoint.vectors(others))
    assert len(endpoint.requests) == n_requests + 1


def test_server_that_takes_no_length_at_all_is_an_error(endpoint: BadEndpoint, connect: Connect) -> None:
    encoder = connect()
    endpoint.always = lambda request: refusal(400, "input is too long")
    with pytest.raises(EndpointError, match="max_chars"):
        encoder.encode(["y" * 5000])
    assert len(endpoint.requests) < 20


def test_cancelled_call_returns_while_the_server_still_works(endpoint: BadEndpoint, connect: Connect) -> None:
    encoder = connect()
    arrived = threading.Event()

    def hang(request: Request) -> Reply:
        arrived.set()
        return Reply(b"", is_late=True)

    endpoint.next.append(hang)
    with pytest.raises(Cancelled):
        encoder.encode_unless(arrived.is_set, ["a"])
    assert_same(encoder.encode(["a"]), endpoint.vectors(["a"]))


def test_cancelled_call_sends_no_more_requests(endpoint: BadEndpoint, connect: Connect) -> None:
    encoder = connect(batch=2, concurrency=1)
    n_requests = len(endpoint.requests)
    cancelled = threading.Event()

    def last(request: Request) -> Reply:
        cancelled.set()
        endpoint.closing.wait(0.3)  # long enough for the caller to notice
        return endpoint.good(request)

    endpoint.next.append(last)
    with pytest.raises(Cancelled):
        encoder.encode_unless(cancelled.is_set, TEXTS)
    encoder.encode(["after"])
    assert [request.texts[0] for request in endpoint.requests[n_requests:]] == [TEXTS[0], "after"]


def test_failure_of_one_request_stops_the_others(endpoint: BadEndpoint, connect: Connect) -> None:
    encoder = connect(batch=2, concurrency=2)
    endpoint.next.append(refusal(401, "no"))
    with pytest.raises(EndpointError, match="401"):
        encoder.encode([f"text {number}" for number in range(100)])
    assert len(endpoint.requests) < 50
    assert_same(encoder.encode(["a"]), endpoint.vectors(["a"]))


def test_closed_encoder_says_so(endpoint: BadEndpoint, connect: Connect) -> None:
    encoder = connect()
    encoder.close()
    encoder.close()
    with pytest.raises(EncoderError, match="was closed"):
        encoder.encode(["a"])


def test_no_thread_is_left_behind(endpoint: BadEndpoint, connect: Connect) -> None:
    def threads() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name == "oasis-endpoint"]

    encoder = connect_endpoint(EndpointOptions(endpoint.url, "some-model"))
    assert threads() == ["oasis-endpoint"]
    del encoder
    assert threads() == []
    endpoint.always = lambda request: refusal(401, "no")
    with pytest.raises(EndpointError):
        connect()
    assert threads() == []
