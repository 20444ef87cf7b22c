"""The prompt shows a function with its callers and callees, shortened to the room there is."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oasis_train.chat import ChatRequest
from oasis_train.docstrings.prompt import (
    OWN_PROMPT,
    build_request,
    excerpt,
    fill,
    load_prompt,
    repair_request,
    shorten,
)
from oasis_train.errors import RecipeError
from tests.train.docstrings.real_corpus import real_functions

FUNCTIONS = {function.name: function for function in real_functions()}
BY_ID = {function.id: function for function in FUNCTIONS.values()}


def request_for(name: str, neighbours: int = 3, chars: int = 8_000) -> ChatRequest:
    return build_request(
        load_prompt(),
        FUNCTIONS[name],
        BY_ID,
        most_neighbours=neighbours,
        prompt_chars=chars,
        wants_json=False,
    )


def test_function_callers_and_callees_are_shown() -> None:
    (_, system), (role, text) = request_for("parse_answer").messages
    assert role == "user"
    assert "plain English" in system
    assert FUNCTIONS["parse_answer"].code in text
    assert "Read this python function `parse_answer` of answer.py" in text
    assert '<caller name="_send">' in text
    assert '<callee name="_in_order">' in text
    assert "await self._client.post(texts)" in text
    assert text.count("<callee") == 3
    assert text.endswith("Write nothing before or after the JSON object.")
    assert (
        "{"
        not in text.replace('{"logical_flow"', "").replace(FUNCTIONS["parse_answer"].code, "").split("<ca")[0]
    )


def test_neighbours_can_be_left_out() -> None:
    text = request_for("parse_answer", neighbours=0).messages[1][1]
    assert "<caller" not in text
    assert "<callee" not in text


@pytest.mark.parametrize("chars", [200, 1_000, 3_000])
def test_code_keeps_within_the_room(chars: int) -> None:
    whole = request_for("_explain_refusal").n_chars
    assert request_for("_explain_refusal", chars=chars).n_chars < min(whole, chars + 1_500)


def test_caller_is_shown_around_its_call() -> None:
    code = FUNCTIONS["_send"].code
    shown = excerpt(code, 300, "parse_answer")
    assert shown.startswith(code.split("\n")[0])
    assert "parse_answer(body" in shown
    assert "..." in shown
    assert len(shown) < len(code)


@given(st.text(alphabet="ab\n ", max_size=300), st.integers(0, 200))
def test_shortened_code_has_only_its_own_lines_and_keeps_within_the_room(code: str, most: int) -> None:
    for short in (shorten(code, most), excerpt(code, most, "ab")):
        if len(code) <= most:
            assert short == code
        else:
            assert len(short) <= most + len(code.split("\n")[0]) * (short != shorten(code, most)) + 8


def test_code_that_looks_like_a_place_is_left_alone() -> None:
    assert fill("{code} {callers}", {"code": "f'{callers}{name}'", "callers": "x"}) == "f'{callers}{name}' x"


def test_repair_names_the_problem_and_keeps_the_talk() -> None:
    first = request_for("parse_answer")
    again = repair_request(load_prompt(), first, "no idea", "it is no JSON object")
    assert again.messages[:2] == first.messages
    assert again.messages[2] == ("assistant", "no idea")
    assert again.messages[3][1].startswith("That reply cannot be used: it is no JSON object.")


def test_other_wording_has_another_digest(tmp_path: Path) -> None:
    own = tmp_path / "prompt.toml"
    text = OWN_PROMPT.read_text(encoding="utf-8")
    own.write_text(text, encoding="utf-8")
    assert load_prompt(own).digest == load_prompt().digest
    own.write_text(text.replace("plain English", "plain French"), encoding="utf-8")
    assert load_prompt(own).digest != load_prompt().digest


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{code}", "", r"lacks \{code\}"),
        ("repair =", "mend =", "wrong are mend, repair"),
        ("version = 1", 'version = "1"', "version must be text"),
        ("version = 1", "version = ", "cannot be read as a prompt"),
    ],
)
def test_damaged_wording_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "prompt.toml"
    path.write_text(OWN_PROMPT.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(RecipeError, match=message):
        load_prompt(path)
