"""The chat client against a real HTTP server that misbehaves by script."""

import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from oasis_search.encoder.endpoint.connection import HEADERS
from oasis_train.chat import (
    BudgetError,
    CacheMissError,
    ChatClient,
    ChatConfig,
    ChatError,
    PromptTooLongError,
)
from oasis_train.chat.cache import ChatCache
from oasis_train.errors import DataError, RecipeError
from tests.bad_endpoint import FakeTime, Reply, Request, json_reply, refusal
from tests.train.chat.chat_server import ChatServer, ask_all, chat_server, completion, gather_replies

PROMPTS = [f"prompt {number}" for number in range(12)]
REPLIES = [f"said prompt {number}" for number in range(12)]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as found:
        yield found


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "chat-cache.sqlite"


def test_replies_come_in_order_within_the_concurrency(server: ChatServer, cache: Path) -> None:
    draw = random.Random(1)
    three = threading.Barrier(3)

    def late(request: Request) -> Reply:
        three.wait(10)
        time.sleep(draw.random() * 0.02)
        return server.good(request)

    server.always = late
    replies, n_sent = ask_all(server.config(concurrency=3), cache, PROMPTS)
    assert replies == REPLIES
    assert n_sent == 12
    assert server.most_at_once == 3


def test_second_run_sends_nothing(server: ChatServer, cache: Path) -> None:
    ask_all(server.config(), cache, PROMPTS)
    assert ask_all(server.config(concurrency=1, timeout_s=9), cache, PROMPTS) == (REPLIES, 0)
    assert len(server.requests) == 12


def test_cache_is_kept_apart_by_model_messages_and_sampling(server: ChatServer, cache: Path) -> None:
    for settings in ({}, {"model": "other"}, {"temperature": 0.5}, {"seed": 1}, {"max_tokens": 7}):
        assert ask_all(server.config(**settings), cache, PROMPTS[:1])[1] == 1
    bodies = [request.body for request in server.requests]
    assert bodies[0] == {
        "model": "scripted",
        "messages": [{"role": "user", "content": "prompt 0"}],
        "max_tokens": 1024,
        "temperature": 0.0,
        "seed": 3407,
    }


def test_parameters_that_a_model_does_not_take_are_not_sent(server: ChatServer, cache: Path) -> None:
    config = server.config(temperature=-1, seed=-1, length_parameter="max_completion_tokens")
    ask_all(config, cache, PROMPTS[:1])
    assert set(server.requests[0].body) == {"model", "messages", "max_completion_tokens"}


def test_replay_needs_no_server_and_names_what_is_missing(server: ChatServer, cache: Path) -> None:
    ask_all(server.config(), cache, PROMPTS)
    offline = ChatConfig(model="scripted", offline=True)
    assert ask_all(offline, cache, PROMPTS) == (REPLIES, 0)
    with pytest.raises(CacheMissError, match=r"chat-cache\.sqlite holds no answer .* offline"):
        ask_all(offline, cache, ["never asked"])


def test_equal_requests_at_the_same_time_are_sent_once(server: ChatServer, cache: Path) -> None:
    numbers = iter(range(100))
    server.script = lambda _: f"reply {next(numbers)}"
    replies, n_sent = ask_all(server.config(), cache, ["same"] * 8)
    assert (set(replies), n_sent) == ({"reply 0"}, 1)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_passing_failures_are_waited_for_as_long_as_the_server_asks(
    server: ChatServer, cache: Path, status: int
) -> None:
    server.next.extend([refusal(status, "later", {"Retry-After": "7"}), refusal(status, "still later")])
    fake = FakeTime()
    replies, n_sent = ask_all(server.config(), cache, PROMPTS[:1], clock=fake.clock)
    assert (replies, n_sent) == (REPLIES[:1], 3)
    assert fake.sleeps == [7.0, 1.0]


def test_lasting_failure_is_reported_after_all_attempts(server: ChatServer, cache: Path) -> None:
    def fails(request: Request) -> Reply:
        is_bad = request.body["messages"][0]["content"] == "prompt 5"
        return refusal(500, "out of order") if is_bad else server.good(request)

    server.always = fails
    seen: list[str] = []
    config = server.config(concurrency=2, attempts=3)
    with (
        ChatClient(config, cache, "test", clock=FakeTime().clock) as chat,
        pytest.raises(ChatError, match=r"127\.0\.0\.1:\d+/v1 answered 500: \"out of order\""),
    ):
        gather_replies(chat, PROMPTS, seen)
    assert seen == REPLIES[:5]
    assert server.prompts.count("prompt 5") == 3
    server.always = server.good
    n_before = len(server.requests)
    assert ask_all(server.config(), cache, PROMPTS)[0] == REPLIES
    assert len(set(server.prompts[n_before:]) & set(PROMPTS[:5])) == 0


def test_pause_beyond_patience_is_reported(server: ChatServer, cache: Path) -> None:
    server.next.append(refusal(429, "tomorrow", {"Retry-After": "86400"}))
    with pytest.raises(ChatError, match="tomorrow"):
        ask_all(server.config(), cache, PROMPTS[:1])
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply(b"<html><title>Log in</title></html>"), "no JSON.*Log in"),
        (json_reply({"object": "list", "data": []}), "no choices"),
        (json_reply({"choices": []}), "no choices"),
        (json_reply({"choices": [{"message": "text"}]}), "no message"),
        (json_reply({"choices": [{"message": {"content": 5}}]}), "no message"),
        (json_reply([1]), "no choices"),
        (Reply(b'{"choices": [{"message": {"content": "half', is_cut=True), "broke off"),
    ],
)
def test_answers_that_are_none_are_asked_for_again_then_named(
    server: ChatServer, cache: Path, reply: Reply, message: str
) -> None:
    fake = FakeTime()
    server.next.append(reply)
    assert ask_all(server.config(), cache, ["a"], clock=fake.clock) == (["said a"], 2)
    server.always = lambda _: reply
    with pytest.raises(ChatError, match=message):
        ask_all(server.config(attempts=2), cache, ["b"], clock=fake.clock)


def test_late_answer_is_asked_for_again_and_may_have_cost(server: ChatServer, cache: Path) -> None:
    server.next.append(Reply(b"", is_late=True))
    config = server.config(timeout_s=0.3, max_tokens=50)
    assert ask_all(config, cache, ["a"]) == (["said a"], 2)
    spent = ChatCache(cache).spending("test", "scripted")
    assert (spent.requests, spent.answer_tokens) == (2, 50 + 2)


def test_a_filtered_reply_is_an_empty_answer(server: ChatServer, cache: Path) -> None:
    server.next.append(json_reply(completion(None, finish="content_filter")))
    assert ask_all(server.config(), cache, ["a"]) == ([""], 1)


def test_too_long_prompt_is_told_apart_and_replayed(server: ChatServer, cache: Path) -> None:
    server.next.append(refusal(400, "This model's maximum context length is 256 tokens"))
    with pytest.raises(PromptTooLongError, match="maximum context length"):
        ask_all(server.config(), cache, ["a"])
    with pytest.raises(PromptTooLongError, match="maximum context length"):
        ask_all(ChatConfig(model="scripted", offline=True), cache, ["a"])
    assert ask_all(server.config(), cache, ["a"]) == (["said a"], 1)
    assert ask_all(server.config(), cache, ["a"]) == (["said a"], 0)


def test_key_comes_from_the_environment_and_is_in_no_error(
    server: ChatServer, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret")
    config = server.config(key_variable="MY_KEY")
    ask_all(config, cache, ["a"])
    assert server.requests[0].headers["authorization"] == "Bearer sk-secret"
    assert set(server.requests[0].headers) <= HEADERS | {"authorization"}
    server.next.append(refusal(401, "bad key sk-secret"))
    with pytest.raises(ChatError, match=r"bad key \*\*\*.*MY_KEY") as caught:
        ask_all(config, cache, ["b"])
    assert "secret" not in str(caught.value)
    assert len(server.requests) == 2
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    ask_all(server.config(), cache, ["c"])
    assert "authorization" not in server.requests[-1].headers


def test_token_budget_stops_before_it_is_passed_and_a_higher_one_goes_on(
    server: ChatServer, cache: Path
) -> None:
    limits: dict[str, Any] = {"max_tokens": 10, "concurrency": 4}
    with pytest.raises(
        BudgetError, match=r"50 tokens for test .* raise token_budget and run it again"
    ) as caught:
        ask_all(server.config(token_budget=50, **limits), cache, PROMPTS * 3)
    spent = ChatCache(cache).spending("test", "scripted")
    used = spent.prompt_tokens + spent.answer_tokens
    assert 50 - used < 10 + 8 + 6 + len("prompt 11")  # less than the next request may take
    assert f"{used:,} went into {spent.requests} answers" in str(caught.value)
    assert len(server.requests) == spent.requests
    assert ask_all(server.config(token_budget=1_000, **limits), cache, PROMPTS)[0] == REPLIES
    assert len(server.requests) == 12


def test_budget_counts_earlier_starts(server: ChatServer, cache: Path) -> None:
    config = server.config(token_budget=50, max_tokens=10)
    answered = 0
    for prompt in PROMPTS:
        try:
            ask_all(config, cache, [prompt])
            answered += 1
        except BudgetError:
            break
    spent = ChatCache(cache).spending("test", "scripted")
    assert 0 < answered == len(server.requests) < 12
    assert spent.prompt_tokens + spent.answer_tokens <= 50


def test_cost_budget_counts_prices(server: ChatServer, cache: Path) -> None:
    prices = {"prompt_price": 1_000_000.0, "answer_price": 2_000_000.0}
    with pytest.raises(BudgetError, match=r"budget of 60\.00 .* raise cost_budget"):
        ask_all(server.config(cost_budget=60, max_tokens=10, **prices), cache, PROMPTS)
    spent = ChatCache(cache).spending("test", "scripted")
    assert spent.prompt_tokens + 2 * spent.answer_tokens <= 60


def test_requests_that_are_paid_for_are_kept_when_another_fails(server: ChatServer, cache: Path) -> None:
    is_failed = threading.Event()

    def behave(request: Request) -> Reply:
        if request.body["messages"][0]["content"] == "prompt 0":
            is_failed.set()
            return refusal(400, "no such parameter")
        is_failed.wait(5)
        time.sleep(0.1)
        return server.good(request)

    server.always = behave
    with pytest.raises(ChatError, match="no such parameter"):
        ask_all(server.config(concurrency=4), cache, PROMPTS)
    sent = set(server.prompts) - {"prompt 0"}
    assert ask_all(server.config(offline=True), cache, sorted(sent))[1] == 0


def test_damaged_cache_is_named(tmp_path: Path, server: ChatServer) -> None:
    cache = tmp_path / "chat.sqlite"
    cache.write_bytes(b"no database " * 100)
    with pytest.raises(DataError, match=r"chat\.sqlite is no cache of answers"):
        ask_all(server.config(), cache, ["a"])


def test_cache_of_another_format_is_refused(cache: Path, server: ChatServer) -> None:
    with sqlite3.connect(cache) as db:
        db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(DataError, match="has format 9"):
        ask_all(server.config(), cache, ["a"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": ""}, 'no "url"'),
        ({"url": "http://h/v1/chat/completions"}, "must end before /chat/completions"),
        ({"url": "nonsense"}, "https://host:port/v1"),
        ({"model": " "}, "has no name"),
        ({"max_tokens": 0}, "max_tokens is 0"),
        ({"top_p": 0}, "top_p is 0"),
        ({"timeout_s": float("nan")}, "timeout_s is nan"),
        ({"length_parameter": "n"}, "length_parameter is 'n'"),
        ({"cost_budget": 5}, "cost_budget needs prompt_price"),
    ],
)
def test_unusable_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        ChatConfig(**{"url": "http://127.0.0.1:1/v1", "model": "m", **settings}).check()
