"""The judge against a real HTTP server that answers by script."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from oasis_train.chat import BudgetError
from oasis_train.errors import RecipeError
from oasis_train.refine.judge import (
    Candidate,
    JudgeConfig,
    is_candidate_first,
    judge_candidates,
    read_binary,
    read_pairwise,
)
from tests.bad_endpoint import refusal
from tests.train.chat.chat_server import ChatServer, chat_server
from tests.train.docstrings.real_corpus import real_functions

FUNCTIONS = real_functions()
CANDIDATES = [
    Candidate(f"What {own.name} does.", own.code, other.code, own.id, other.id)
    for own, other in zip(FUNCTIONS[:20], FUNCTIONS[20:40], strict=True)
]
RIGHT = {candidate.candidate_code for candidate in CANDIDATES[::3]}
"""What the scripted judge takes for right besides each docstring's own function."""


def verdict(prompt: str) -> str:
    """Confirms the candidates in `RIGHT`."""
    if "Code A:" not in prompt:
        code = re.search(r"Code:\n(.*)\n\nDoes this code", prompt, re.DOTALL)
        return "Yes." if code and code[1] in RIGHT else "No."
    codes = re.search(r"Code A:\n(.*)\n\nCode B:\n(.*)\n\nWhich code", prompt, re.DOTALL)
    assert codes
    right = RIGHT | {candidate.gt_code for candidate in CANDIDATES}
    answers = {(True, True): "both", (True, False): "A", (False, True): "B", (False, False): "neither"}
    return answers[codes[1] in right, codes[2] in right]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server(verdict) as found:
        yield found


@pytest.mark.parametrize("form", ["binary", "pairwise"])
def test_candidates_come_back_in_order_with_their_verdicts(
    server: ChatServer, tmp_path: Path, form: str
) -> None:
    config = JudgeConfig(form, server.config())
    judged = list(judge_candidates(config, iter(CANDIDATES), tmp_path / "cache.sqlite"))
    assert [candidate for candidate, _ in judged] == CANDIDATES
    right = ["yes" if candidate.candidate_code in RIGHT else "no" for candidate in CANDIDATES]
    assert [judgement.verdict for _, judgement in judged] == right
    assert {judgement.judge for _, judgement in judged} == {f"scripted/{form}"}
    assert all(judgement.reply for _, judgement in judged)
    assert list(judge_candidates(config, CANDIDATES, tmp_path / "cache.sqlite")) == judged
    assert len(server.requests) == len(CANDIDATES)


def test_order_of_a_pair_is_drawn_by_seed_and_pair_alone(server: ChatServer, tmp_path: Path) -> None:
    first = [is_candidate_first(1, candidate) for candidate in CANDIDATES]
    assert 2 < sum(first) < 18
    assert [is_candidate_first(1, candidate) for candidate in reversed(CANDIDATES)] == first[::-1]
    assert [is_candidate_first(2, candidate) for candidate in CANDIDATES] != first
    config = JudgeConfig("pairwise", server.config(concurrency=1), seed=1)
    list(judge_candidates(config, CANDIDATES, tmp_path / "cache.sqlite"))
    shown_first = [
        f"Code A:\n{candidate.candidate_code}\n\nCode B:\n{candidate.gt_code}" in prompt
        for candidate, prompt in zip(CANDIDATES, server.prompts, strict=True)
    ]
    assert shown_first == first


@pytest.mark.parametrize("letter", ["A", "B"])
def test_pairwise_verdict_is_yes_only_for_the_candidates_letter(
    server: ChatServer, tmp_path: Path, letter: str
) -> None:
    server.script = lambda prompt: letter
    for candidate, judgement in judge_candidates(
        JudgeConfig("pairwise", server.config()), CANDIDATES, tmp_path / "cache.sqlite"
    ):
        expected = is_candidate_first(3407, candidate) == (letter == "A")
        assert judgement.verdict == ("yes" if expected else "no")


def test_unreadable_replies_are_unclear_and_kept_for_audit(server: ChatServer, tmp_path: Path) -> None:
    server.script = lambda prompt: "It depends. " * 100
    config = JudgeConfig("binary", server.config())
    for _, judgement in judge_candidates(config, CANDIDATES[:3], tmp_path / "cache.sqlite"):
        assert judgement.verdict == "unclear"
        assert judgement.reply == ("It depends. " * 100)[:400]


def test_prompt_that_is_too_long_is_unclear(server: ChatServer, tmp_path: Path) -> None:
    server.next.append(refusal(400, "maximum context length is 256 tokens"))
    config = JudgeConfig("binary", server.config(concurrency=1))
    judged = list(judge_candidates(config, CANDIDATES[:2], tmp_path / "cache.sqlite"))
    assert [judgement.verdict for _, judgement in judged] == ["unclear", "no"]
    assert judged[0][1].reply == "(the prompt is too long for the server)"


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_without_a_judge_all_or_none_are_confirmed(tmp_path: Path, is_confirmed: bool) -> None:
    config = JudgeConfig("none", confirm_all=is_confirmed)
    judged = list(judge_candidates(config, CANDIDATES, tmp_path / "cache.sqlite"))
    assert {(judgement.verdict, judgement.judge) for _, judgement in judged} == {
        ("yes" if is_confirmed else "no", "none")
    }
    assert not (tmp_path / "cache.sqlite").exists()


def test_budget_ends_judging_after_what_it_pays_for(server: ChatServer, tmp_path: Path) -> None:
    config = JudgeConfig("binary", server.config(token_budget=3_000, concurrency=1))
    judged: list[object] = []
    with pytest.raises(BudgetError, match="3,000 tokens for judge"):
        judged.extend(judge_candidates(config, CANDIDATES * 2, tmp_path / "cache.sqlite"))
    n_sent = len(server.requests)
    more = replace(config, chat=server.config(token_budget=0))
    assert len(list(judge_candidates(more, CANDIDATES, tmp_path / "cache.sqlite"))) == len(CANDIDATES)
    assert 0 < n_sent < len(CANDIDATES) == len(server.requests)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("yes", "yes"),
        ("No", "no"),
        ("**Yes**", "yes"),
        ("Answer: no.", "no"),
        ('{"answer": "yes"}', "yes"),
        ("No, it sorts instead.", "no"),
        ("The code sorts a list.\n\nYes", "yes"),
        ("The code sorts. So the answer is no, since nothing waits.", "no"),
        ("Yes it does", "yes"),
        ("", "unclear"),
        ("yes or no", "unclear"),
        ("There is nothing known of it.", "unclear"),
    ],
)
def test_binary_replies_are_read_leniently(reply: str, said: str) -> None:
    assert read_binary(reply) == said


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("A", "A"),
        ("B.", "B"),
        ("both", "both"),
        ("Neither", "neither"),
        ("Code B", "B"),
        ("Answer: Code A", "A"),
        ("**Both**, as each waits.", "both"),
        ("A, because it waits.", "A"),
        ("B answers the query.", "B"),
        ('{"answer": "A"}', "A"),
        ("The first sorts.\nThe answer is B", "B"),
        ("A function that waits.", "unclear"),
        ("a", "unclear"),
        ("Code A sorts and Code B waits.", "unclear"),
        ("", "unclear"),
    ],
)
def test_pairwise_replies_are_read_leniently(reply: str, said: str) -> None:
    assert read_pairwise(reply) == said


def test_unusable_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="form is 'jury'"):
        JudgeConfig("jury")
    with pytest.raises(RecipeError, match="code_chars is 3"):
        JudgeConfig(code_chars=3)
    with pytest.raises(RecipeError, match="has no name"):
        list(judge_candidates(JudgeConfig(), CANDIDATES, tmp_path / "cache.sqlite"))


def test_facts_hold_what_decides_a_verdict_and_no_limits() -> None:
    config = JudgeConfig("pairwise")
    facts = config.decisive_facts()
    assert (
        facts == replace(config, chat=replace(config.chat, concurrency=1, url="http://h/v1")).decisive_facts()
    )
    assert facts != replace(config, seed=1).decisive_facts()
    assert JudgeConfig("none").decisive_facts() == {"form": "none", "confirm_all": False}
