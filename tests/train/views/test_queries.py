"""Documentation as people ask: every form from the text itself, the same for the same seed."""

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from oasis_train.data import Function
from oasis_train.views.queries import QueryShares, as_order, draw_query, name_in_words, search_words

FUNCTION = Function(
    *("0" * 16, "r", "", "MIT", "a.cs", 1, "csharp", "ParseDate", "Tools.Dates", "", "", "", (), (), "train")
)
DOC = "Parses the dates of a file. Returns null for an empty one."
ONLY = dict.fromkeys(("full", "first", "words", "name", "question"), 0.0)


def draw(text: str = DOC, function: Function = FUNCTION, seed: int = 1, **shares: float) -> tuple[str, str]:
    return draw_query(function, text, QueryShares(**(ONLY | shares)), random.Random(seed))


def test_each_form_says_what_it_is_for() -> None:
    assert draw(full=1.0) == ("full", DOC)
    assert {draw(first=1.0, seed=seed)[1] for seed in range(30)} == {
        "Parses the dates of a file.",
        "parse the dates of a file",
    }
    assert draw(words=1.0) == ("words", "parse dates file")
    assert draw(name=1.0) == ("name", "dates parse date")


def test_a_question_holds_the_order_and_calls_the_language_as_people_do() -> None:
    asked = {draw(first=1.0, question=1.0, seed=seed)[1] for seed in range(200)}
    assert len(asked) > 10
    assert all("parse the dates of a file" in text for text in asked)
    assert "c# how to parse the dates of a file" in asked
    assert not any("csharp" in text for text in asked)


def test_a_form_that_would_be_empty_gives_the_documentation() -> None:
    assert draw(name=1.0, function=replace(FUNCTION, name="f", container="")) == ("full", DOC)
    assert draw(text="This is it.", words=1.0)[0] == "full"


def test_only_verbs_lose_their_ending() -> None:
    texts = ["Fetches it.", "Applies x.", "Address of a host.", "Process all.", "URLs of it", "Is it so?"]
    orders = ["fetch it", "apply x", "address of a host", "process all", "URLs of it", "is it so?"]
    assert list(map(as_order, texts)) == orders


@given(st.text(max_size=200), st.integers(0, 9))
def test_no_text_breaks_it(text: str, seed: int) -> None:
    form, query = draw_query(FUNCTION, text, QueryShares(), random.Random(seed))
    assert (form, query) == draw_query(FUNCTION, text, QueryShares(), random.Random(seed))
    assert query or not text.strip()


def test_names_and_words_are_short() -> None:
    assert name_in_words(replace(FUNCTION, name="__init__", container="")) == ""
    assert len(search_words("Copies " + " ".join(f"word{n}" for n in range(50))).split()) == 8
