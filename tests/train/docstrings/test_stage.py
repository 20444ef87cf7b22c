"""The stage of docstrings against a real HTTP server that answers by script."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from oasis_train.chat import BudgetError, CacheMissError, ChatConfig
from oasis_train.data import Docstring, ShardedTable
from oasis_train.docstrings import DocstringConfig, plan_docstrings, write_docstrings
from oasis_train.docstrings.writing import Outcome
from oasis_train.errors import DataError, RecipeError, ReplyError
from tests.bad_endpoint import Reply, Request, refusal
from tests.train.chat.chat_server import ChatServer, chat_server
from tests.train.docstrings.real_corpus import real_functions, write_corpus

FUNCTIONS = real_functions()


def described(prompt: str) -> str:
    """A good reply, which depends on the prompt."""
    name = re.search(r"function `(\w+)`", prompt)
    assert name
    return json.dumps(
        {
            "logical_flow": f"Does what {name[1]} promises in {len(prompt)} steps of work.",
            "usage": "Call it with its arguments and take what it returns.",
            "context": f"It has {prompt.count('<caller')} callers and {prompt.count('<callee')} callees.",
        }
    )


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server(described) as found:
        yield found


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "run" / "corpus", FUNCTIONS)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "run" / "docstrings"


def docstrings(out: Path) -> list[Docstring]:
    return list(ShardedTable(out / "docstrings", Docstring))


def outcomes(out: Path) -> list[Outcome]:
    return list(ShardedTable(out / "outcomes", Outcome))


def table_bytes(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.parquet"))}


def test_every_function_gets_its_docstring_in_the_order_of_the_corpus(
    server: ChatServer, corpus: Path, out: Path
) -> None:
    seen: list[tuple[str, int, int]] = []
    config = DocstringConfig(chat=server.config())
    facts = write_docstrings(config, corpus, out, progress=lambda *at: seen.append(at))["facts"]
    rows = docstrings(out)
    assert [row.function for row in rows] == [function.id for function in FUNCTIONS]
    assert {row.source for row in rows} == {"scripted"}
    row = next(row for row, function in zip(rows, FUNCTIONS, strict=True) if function.name == "parse_answer")
    assert row.text.startswith("Does what parse_answer promises")
    assert row.text.endswith("It has 1 callers and 3 callees.")
    n = len(FUNCTIONS)
    assert seen == [("docstrings", done, n) for done in range(1, n + 1)]
    assert facts["outcomes"] == {"written": n}
    assert facts["usage"]["requests"] == n == len(server.requests)
    assert (out.parent / "chat-cache.sqlite").is_file()


def test_finished_stage_and_changed_layout_send_nothing(server: ChatServer, corpus: Path, out: Path) -> None:
    config = DocstringConfig(chat=server.config(concurrency=3))
    first = write_docstrings(config, corpus, out)
    n_sent = len(server.requests)
    moved = replace(config, chat=server.config(url="http://127.0.0.1:9/v1", concurrency=1))
    assert write_docstrings(moved, corpus, out) == first
    write_docstrings(replace(config, fields=("usage",)), corpus, out)
    assert len(server.requests) == n_sent
    assert {row.text for row in docstrings(out)} == {"Call it with its arguments and take what it returns."}


def test_shards_bytes_do_not_depend_on_concurrency(
    server: ChatServer, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oasis_train.docstrings.stage.ROWS_PER_SHARD", 20)
    for concurrency in (1, 7):
        config = DocstringConfig(chat=server.config(concurrency=concurrency))
        write_docstrings(config, corpus, tmp_path / str(concurrency) / "docstrings")
    one, seven = (table_bytes(tmp_path / number / "docstrings") for number in "17")
    assert one == seven
    assert len(one) == 2 * -(-len(FUNCTIONS) // 20)


WORKER = """
import sys
from pathlib import Path
from oasis_train.chat import ChatConfig
from oasis_train.docstrings import DocstringConfig, stage
stage.ROWS_PER_SHARD = 20
url, corpus, out = sys.argv[1:]
chat = ChatConfig(url=url, model="scripted", key_variable="", concurrency=3)
stage.write_docstrings(DocstringConfig(chat=chat), Path(corpus), Path(out))
"""


def test_killed_stage_goes_on_to_the_same_bytes(
    server: ChatServer, corpus: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(request: Request) -> Reply:
        time.sleep(0.02)
        return server.good(request)

    server.always = slowly
    command = [sys.executable, "-c", WORKER, server.url, str(corpus), str(out)]
    with subprocess.Popen(command, start_new_session=True) as process:
        while len(server.requests) < 35 and process.poll() is None:
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (out / "stage.json").exists()
    assert (out / "partial" / "docstrings" / "part-00000.parquet").is_file()
    server.always = server.good
    monkeypatch.setattr("oasis_train.docstrings.stage.ROWS_PER_SHARD", 20)
    config = DocstringConfig(chat=server.config())
    manifest = write_docstrings(config, corpus, out)
    assert max(Counter(server.prompts).values()) <= 2
    assert len(server.requests) <= len(FUNCTIONS) + 3  # only what was under way was lost
    whole = write_docstrings(config, corpus, tmp_path / "whole" / "docstrings")
    assert table_bytes(out) == table_bytes(tmp_path / "whole" / "docstrings")
    assert manifest["facts"] == whole["facts"]


def test_bad_replies_are_asked_for_again_then_salvaged_then_left_out(
    server: ChatServer, corpus: Path, out: Path
) -> None:
    prose = "Waits for a while before it tries the request again."
    good = described("function `x`")
    replies = {
        FUNCTIONS[1].name: ("```json\n" + good[:-1] + ",}\n```", good),
        FUNCTIONS[2].name: ("no idea", good),
        FUNCTIONS[3].name: (prose, prose),
        FUNCTIONS[4].name: ('{"usage": "Call it with two numbers."}', "As before."),
        FUNCTIONS[5].name: ("I'm sorry, I cannot help with that.", ""),
    }

    def behave(request: Request) -> Reply:
        messages = request.body["messages"]
        name = re.search(r"function `(\w+)`", messages[1]["content"])
        assert name
        is_again = len(messages) > 2
        server.script = lambda prompt: replies.get(name[1], (described("function `x`"),))[is_again]
        return server.good(request)

    server.always = behave
    write_corpus(corpus.parent / "few", FUNCTIONS[:6])
    config = DocstringConfig(chat=server.config(concurrency=1))
    facts = write_docstrings(config, corpus.parent / "few", out)["facts"]
    rows = outcomes(out)
    assert [row.outcome for row in rows] == ["written", "mended", "asked again", "prose", "prose", "failed"]
    assert [row.requests for row in rows] == [1, 1, 2, 2, 2, 2]
    assert rows[2].problem == rows[3].problem == "it is no JSON object"
    assert rows[4].problem == "it lacks logical_flow and context"
    texts = {row.function: row.text for row in docstrings(out)}
    assert texts[FUNCTIONS[3].id] == prose
    assert texts[FUNCTIONS[4].id] == "Call it with two numbers."
    assert FUNCTIONS[5].id not in texts
    assert (facts["functions"], facts["docstrings"]) == (6, 5)


def test_humans_words_stand_in_where_the_model_failed(server: ChatServer, corpus: Path, out: Path) -> None:
    function = next(function for function in FUNCTIONS if function.name == "parse_answer")

    def fails_there(prompt: str) -> str:
        return described(prompt) if "function `" in prompt and "`parse_answer`" not in prompt else "no"

    server.script = fails_there
    write_docstrings(DocstringConfig("llm-or-human", server.config()), corpus, out)
    row = next(row for row in docstrings(out) if row.function == function.id)
    assert (row.source, row.prompt) == ("human", "")
    assert row.text == " ".join(function.doc.split())


def test_human_docstrings_need_no_model(corpus: Path, out: Path) -> None:
    facts = write_docstrings(DocstringConfig("human"), corpus, out)["facts"]
    rows = docstrings(out)
    documented = {function.id: function for function in FUNCTIONS if function.doc}
    assert 0 < len(rows) <= len(documented) == facts["functions"]
    assert all(row.text in " ".join(documented[row.function].doc.split()) for row in rows)
    assert facts["docstrings"] == len(rows)
    assert not (out.parent / "chat-cache.sqlite").exists()


def test_limit_takes_the_same_sample_wherever_it_stops(server: ChatServer, corpus: Path, out: Path) -> None:
    write_docstrings(DocstringConfig(chat=server.config(), limit=5), corpus, out)
    five = {row.function for row in docstrings(out)}
    write_docstrings(DocstringConfig(chat=server.config(), limit=9), corpus, out)
    nine = {row.function for row in docstrings(out)}
    assert (len(five), len(nine)) == (5, 9)
    assert five < nine
    assert len(server.requests) == 9


def test_too_long_prompt_is_sent_without_neighbours_then_given_up(
    server: ChatServer, corpus: Path, out: Path
) -> None:
    def narrow(request: Request) -> Reply:
        if len(request.body["messages"][1]["content"]) > 1_800:
            return refusal(400, "exceeds the available context size (256 tokens)")
        return server.good(request)

    server.always = narrow
    write_docstrings(DocstringConfig(chat=server.config()), corpus, out)
    texts = {row.function: row.text for row in docstrings(out)}
    failed = [row for row in outcomes(out) if row.outcome == "failed"]
    alone = [id for id, text in texts.items() if "0 callers and 0 callees" in text]
    assert any(function.callers for function in FUNCTIONS if function.id in alone)
    assert failed
    assert {row.problem for row in failed} == {"its prompt is too long for the server"}
    n_sent = len(server.requests)
    replay = DocstringConfig(chat=replace(server.config(), offline=True), max_chars=1_000)
    write_docstrings(replay, corpus, out)
    assert len(server.requests) == n_sent
    assert {row.function: row.text for row in docstrings(out)} == texts


def test_model_that_never_answers_well_ends_the_stage(
    server: ChatServer, corpus: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oasis_train.docstrings.stage.HOPELESS", 10)
    server.script = lambda prompt: "no"
    with pytest.raises(ReplyError, match=r"None of 10 functions .* it is no JSON object"):
        write_docstrings(DocstringConfig(chat=server.config(concurrency=2)), corpus, out)
    assert len(server.requests) <= 2 * (10 + 4 * 2)


def test_useless_documentation_is_passed_over_however_much_and_solutions_of_tasks_are_not_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oasis_train.docstrings.stage.HOPELESS", 3)
    useless = [replace(row, doc="To do.") for row in FUNCTIONS[:4]]
    good, solution = (
        replace(FUNCTIONS[4], doc="Counts the words of a text and returns their number."),
        replace(FUNCTIONS[5], doc="Counts the words of a text and returns them.", task="kata:words"),
    )
    corpus = write_corpus(tmp_path / "corpus", [*useless, good, solution])
    write_docstrings(DocstringConfig(source="human"), corpus, tmp_path / "docstrings")
    assert [row.function for row in docstrings(tmp_path / "docstrings")] == [good.id]


def test_budget_ends_the_stage_and_a_higher_one_finishes_it(
    server: ChatServer, corpus: Path, out: Path
) -> None:
    chat = server.config(token_budget=9_000, max_tokens=100)
    with pytest.raises(BudgetError, match="9,000 tokens for docstrings"):
        write_docstrings(DocstringConfig(chat=chat), corpus, out)
    n_sent = len(server.requests)
    assert 0 < n_sent < len(FUNCTIONS)
    write_docstrings(DocstringConfig(chat=replace(chat, token_budget=0)), corpus, out)
    assert len(server.requests) == len(FUNCTIONS)


def test_dry_run_counts_without_sending(server: ChatServer, corpus: Path, out: Path) -> None:
    chat = server.config(prompt_price=1.0, answer_price=4.0)
    config = DocstringConfig(chat=chat)
    plan = plan_docstrings(config, corpus, out)
    assert (plan.requests, plan.answered, len(server.requests)) == (len(FUNCTIONS), 0, 0)
    assert plan.answer_tokens == 1_024 * len(FUNCTIONS)
    assert plan.cost == pytest.approx((plan.prompt_tokens + 4 * plan.answer_tokens) / 1e6)
    assert plan.basis == "estimated: 3.5 characters per token, 1,024 tokens per answer"
    assert not out.parent.joinpath("chat-cache.sqlite").exists()

    write_docstrings(replace(config, limit=30), corpus, out)
    usage = json.loads((out / "stage.json").read_text())["facts"]["usage"]
    plan = plan_docstrings(config, corpus, out)
    assert plan.answered == 30 == usage["requests"]
    assert plan.basis.startswith("measured on 30 requests:")
    write_docstrings(config, corpus, out)
    after = json.loads((out / "stage.json").read_text())["facts"]["usage"]
    assert plan.answer_tokens == pytest.approx(after["answer_tokens"] - usage["answer_tokens"], rel=0.05)
    assert plan.prompt_tokens == pytest.approx(after["prompt_tokens"] - usage["prompt_tokens"], rel=0.25)
    assert len(server.requests) == len(FUNCTIONS)


def test_replay_without_answers_says_so(corpus: Path, out: Path) -> None:
    config = DocstringConfig(chat=ChatConfig(model="scripted", offline=True))
    with pytest.raises(CacheMissError, match=r"chat-cache\.sqlite holds no answer of 'scripted'"):
        write_docstrings(config, corpus, out)


def test_corpus_without_documentation_is_refused_for_human_docstrings(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", [replace(function, doc="") for function in FUNCTIONS[:3]])
    with pytest.raises(DataError, match="holds no function with documentation"):
        write_docstrings(DocstringConfig("human"), corpus, tmp_path / "docstrings")


def test_unusable_settings_are_refused(corpus: Path, out: Path) -> None:
    with pytest.raises(RecipeError, match="source is 'robot'"):
        DocstringConfig("robot")
    with pytest.raises(RecipeError, match="fields are flow"):
        DocstringConfig(fields=("flow",))
    with pytest.raises(RecipeError, match="max_chars is 3"):
        DocstringConfig(max_chars=3)
    with pytest.raises(RecipeError, match="has no name"):
        write_docstrings(DocstringConfig(), corpus, out)
