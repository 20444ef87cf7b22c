"""Replies as models give them: what is read, what is mended, what is refused."""

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oasis_train.docstrings.problems import find_problem
from oasis_train.docstrings.prompt import load_prompt
from oasis_train.docstrings.replies import (
    FIELDS,
    cut_sentences,
    join_fields,
    read_prose,
    read_reply,
)

GOOD = {
    "logical_flow": "Doubles the pause after each failed attempt, up to half a minute.",
    "usage": "Call it with the number of the attempt and a random draw.",
    "context": "The session waits so long before it sends a request again.",
}
TEXT = json.dumps(GOOD)


@pytest.mark.parametrize(
    "reply",
    [
        TEXT,
        json.dumps(GOOD, indent=2),
        f"For {{x}} I found: {TEXT}",
        json.dumps({"function": "backoff_s", "answer": GOOD}),
        f"```json\n{TEXT}\n```",
        f"Sure! Here it is:\n\n{TEXT}\n\nLet me know if {{more}} is needed.",
        json.dumps(
            {"Logical Flow": GOOD["logical_flow"], "usage": GOOD["usage"], "Context": GOOD["context"]}
        ),
        json.dumps(
            {
                "logicalFlow": GOOD["logical_flow"],
                "how_to_call_it": GOOD["usage"],
                "callers_and_callees": GOOD["context"],
            }
        ),
        json.dumps({name: value.split(" ", 1) for name, value in GOOD.items()}),
    ],
)
def test_well_formed_objects_are_read_as_they_stand(reply: str) -> None:
    reading = read_reply(reply)
    assert (dict(reading.fields), reading.problem, reading.is_mended) == (GOOD, "", False)


@pytest.mark.parametrize(
    "reply", [TEXT.replace("}", ",}"), TEXT.replace("}", " ,\n }"), TEXT[:-1], TEXT[:-2]]
)
def test_commas_and_missing_ends_are_mended(reply: str) -> None:
    reading = read_reply(reply)
    assert (dict(reading.fields), reading.problem, reading.is_mended) == (GOOD, "", True)


def test_line_breaks_inside_strings_are_taken() -> None:
    assert read_reply(TEXT.replace(", up to", ",\nup to")).fields == GOOD


@given(st.integers(1, len(TEXT) - 1))
def test_a_reply_cut_anywhere_gives_beginnings_of_its_fields(end: int) -> None:
    fields = read_reply(TEXT[:end]).fields
    assert all(GOOD[name].startswith(value) for name, value in fields.items())
    whole = [name for name in FIELDS if f"{json.dumps(GOOD[name])}," in TEXT[:end]]
    assert all(fields[name] == GOOD[name] for name in whole)


@given(st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=60), min_size=3), st.booleans())
def test_any_text_survives_json_but_for_marks_and_spaces(fields: dict[str, str], is_ascii: bool) -> None:
    letters = {name: "".join(filter(str.isalnum, text)) for name, text in fields.items()}
    read = read_reply("reply: " + json.dumps(letters, ensure_ascii=is_ascii)).fields
    assert read == {name: text for name, text in letters.items() if text}


@given(st.text(alphabet=string.printable + "é漢\ud800", max_size=200))
def test_no_reply_breaks_the_reader(reply: str) -> None:
    for text in (reply, "{" + reply, '{"usage": "' + reply):
        reading = read_reply(text)
        assert bool(reading.problem) == (set(reading.fields) != set(FIELDS))
        read_prose(text)


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("", "it is empty"),
        ("It doubles the pause.", "it is no JSON object"),
        ("{[}", "its JSON cannot be read"),
        ('{"answer": 5}', "it lacks logical_flow, usage, context"),
        ('{"usage": "Call it.", "context": null}', "it lacks logical_flow and context"),
        (json.dumps({**GOOD, "usage": "  "}), "it lacks usage"),
    ],
)
def test_what_is_missing_is_named(reply: str, problem: str) -> None:
    assert read_reply(reply).problem == problem


def test_markup_and_code_are_no_prose() -> None:
    assert read_prose("```\n- It **doubles** the `pause`.\n```") == "It doubles the pause."
    assert read_prose('{"usage": 1') == ""
    assert read_prose("<function>x</function>") == ""


def test_fields_are_joined_to_sentences_in_the_order_asked_for() -> None:
    fields = {"logical_flow": "Sorts it", "usage": "Give a list.", "context": "Used by main!"}
    assert join_fields(fields, ("usage", "logical_flow")) == "Give a list. Sorts it."
    assert join_fields(fields, FIELDS) == "Sorts it. Give a list. Used by main!"


@given(
    st.lists(st.sampled_from(["One two.", "Three!", "A longer sentence of words.", "e.g. this"])),
    st.integers(5, 80),
)
def test_cut_text_is_a_beginning_within_the_limit(parts: list[str], most: int) -> None:
    text = " ".join(parts)
    cut = cut_sentences(text, most)
    assert len(cut) <= most
    assert text.startswith(cut)


CODE = (
    "def backoff_s(attempt, draw):\n    seconds = BASE_S * 2.0 ** attempt\n    return min(LONGEST_S, seconds)"
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it has fewer than 3 words"),
        ("Backs off.", "it has fewer than 3 words"),
        ("This function is backoff_s.", "it only repeats the name"),
        ("I'm sorry, but I can\N{RIGHT SINGLE QUOTATION MARK}t describe this.", 'it says "i\'m sorry"'),
        ("As an AI language model I see a function.", 'it says "as an ai"'),
        ("seconds = BASE_S * 2.0 ** attempt return min(LONGEST_S, seconds)", "it repeats the code"),
        ("the pause is the pause of " * 12, "it repeats itself"),
        ("It does what the function does and by which steps it is done.", "it repeats the request"),
    ],
)
def test_what_describes_nothing_is_refused(text: str, problem: str) -> None:
    prompt = load_prompt()
    assert find_problem(text, name="backoff_s", code=CODE, prompt=(prompt.user,)) == problem


def test_descriptions_are_accepted() -> None:
    for text in (*GOOD.values(), " ".join(GOOD.values()), "Seconds to wait after a failure."):
        assert not find_problem(text, name="backoff_s", code=CODE, prompt=(load_prompt().user,))
