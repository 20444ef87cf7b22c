"""Documentation comments as queries: only their prose, and only when it reads like a description."""

import pytest

from oasis_train.corpus.documentation import clean_documentation, is_useful_documentation


@pytest.mark.parametrize(
    ("doc", "cleaned"),
    [
        (
            "Returns the <b>length</b> of {@link Text a text}.\n@param x it",
            "Returns the length of Text a text.",
        ),
        ("Sends :class:`~mail.Message` to `host`.\n\nArgs:\n  host: a name", "Sends mail.Message to host."),
        ("Gives <see cref=\"Size\"/> of it. <param name='a'>what</param>", "Gives Size of it."),
        ("send - posts one message", "posts one message"),
        ("One line.\nstill the same? Yes.\n\nNew part", "One line. still the same?\nYes.\nNew part"),
        ("Sorts.\n>>> f(3)\n3", "Sorts."),
    ],
)
def test_documentation_is_reduced_to_its_prose(doc: str, cleaned: str) -> None:
    assert clean_documentation(doc, "send") == cleaned


@pytest.mark.parametrize(
    ("doc", "useful"),
    [
        ("Open the file for reading.", True),
        ("Constructor", False),
        ("Copyright of the authors of this file", False),
        ("TODO make this work again", False),
        ("打开文件 and read what is in it 然后关闭它", False),
        ("--- 12 / 34 == 56 a bc de fg", False),
    ],
)
def test_only_english_descriptions_are_used(doc: str, useful: bool) -> None:
    assert is_useful_documentation(doc) is useful
