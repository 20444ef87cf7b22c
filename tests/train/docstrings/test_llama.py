"""Docstrings and verdicts of a real llama.cpp server; the model is weak, so only the machinery is judged."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from oasis_train.chat import ChatClient, ChatConfig, ChatRequest, PromptTooLongError
from oasis_train.data import Docstring, ShardedTable
from oasis_train.docstrings import DocstringConfig, write_docstrings
from oasis_train.docstrings.writing import OUTCOMES, Outcome
from oasis_train.refine.judge import Candidate, JudgeConfig, judge_candidates
from tests.llama_server import llama_server
from tests.train.docstrings.real_corpus import real_functions, write_corpus


@pytest.fixture(scope="module")
def chat() -> Iterator[ChatConfig]:
    with llama_server(embeddings=False, tokens_per_slot=512) as url:
        yield ChatConfig(url=url, model="smollm2", key_variable="", max_tokens=24, concurrency=1)


PROMPT = """
version = 1
system = ""
user = "{code}{callers}{callees} Describe {name} as JSON with the fields logical_flow, usage, context."
caller = " # caller: {code}"
callee = " # callee: {code}"
repair = "Write JSON with these fields."
"""


def test_replies_become_docstrings_and_a_replay_gives_the_same_bytes(
    chat: ChatConfig, tmp_path: Path
) -> None:
    functions = [function for function in real_functions() if function.name in ("backoff_s", "mask")]
    corpus = write_corpus(tmp_path / "corpus", functions)
    prompt = tmp_path / "prompt.toml"
    prompt.write_text(PROMPT, encoding="utf-8")
    config = DocstringConfig(
        "llm-or-human", chat, prompt=prompt, prompt_chars=200, neighbours=1, force_json=True
    )
    out = tmp_path / "run" / "docstrings"
    facts = write_docstrings(config, corpus, out)["facts"]
    rows = list(ShardedTable(out / "outcomes", Outcome))
    assert [row.outcome in OUTCOMES for row in rows] == [True] * 2
    assert facts["docstrings"] == len(ShardedTable(out / "docstrings", Docstring)) > 0
    assert all(row.prompt_tokens > 20 * row.requests > 0 for row in rows)
    assert all(0 < row.answer_tokens <= 24 * row.requests for row in rows)

    cache = out.parent / "chat-cache.sqlite"
    offline = replace(config, chat=replace(chat, url="", offline=True, cache=cache))
    again = tmp_path / "again" / "docstrings"
    assert write_docstrings(offline, corpus, again)["facts"] == facts
    for name in ("docstrings", "outcomes"):
        part = f"{name}/part-00000.parquet"
        assert (again / part).read_bytes() == (out / part).read_bytes()


@pytest.mark.parametrize("form", ["binary", "pairwise"])
def test_verdicts_are_read_and_replayed(chat: ChatConfig, tmp_path: Path, form: str) -> None:
    first, second, *_ = (function for function in real_functions() if len(function.code) < 200)
    candidate = Candidate("Seconds to wait.", first.code, second.code, first.id, second.id)
    config = JudgeConfig(form, replace(chat, max_tokens=4))
    ((found, judgement),) = judge_candidates(config, [candidate], tmp_path / "cache.sqlite")
    assert found is candidate
    assert judgement.verdict in ("yes", "no", "unclear")
    assert judgement.judge == f"smollm2/{form}"
    assert judgement.reply
    offline = replace(config, chat=replace(config.chat, url="", offline=True))
    assert list(judge_candidates(offline, [candidate], tmp_path / "cache.sqlite")) == [(candidate, judgement)]


def test_prompt_beyond_the_context_is_told_apart(chat: ChatConfig, tmp_path: Path) -> None:
    request = ChatRequest((("user", "word " * 600),))
    with (
        ChatClient(chat, tmp_path / "cache.sqlite", "test") as client,
        pytest.raises(PromptTooLongError, match="context"),
    ):
        list(client.in_order(client.ask, [request]))
