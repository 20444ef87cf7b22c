"""Leaves of code: words and signs in order, comments left out, in every language that has a grammar."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oasis_search.syntax import LANGUAGES, language_by_name
from oasis_search.syntax.languages import TEXT
from oasis_search.syntax.leaves import MAX_LEAVES, leaves


def parts(text: str, language: str) -> list[tuple[str, str]]:
    return [(leaf.part, leaf.text) for leaf in leaves(text.encode(), language_by_name(language) or TEXT)]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("python", 'def f(a):\n    """Doc."""\n    return a + "x"  # c'),
        ("javascript", "function f(a) { /* c */ return a + 'x'; } // c"),
        ("java", 'String f(String a) { /** c */ return a + "x"; }'),
        ("go", 'func f(a string) string { return a + "x" } // c'),
        ("php", 'function f($a) { return $a . "x"; } // c'),
        ("ruby", 'def f(a)\n  a + "x" # c\nend'),
        ("rust", 'fn f(a: &str) -> String { a + "x" } // c'),
        ("c", 'char *f(char *a) { return cat(a, "x"); } /* c */'),
        ("csharp", 'string F(string a) { return a + "x"; } // c'),
    ],
)
def test_names_and_literals_are_told_from_the_language(language: str, text: str) -> None:
    found = parts(text, language)
    assert ("name", "f" if language != "csharp" else "F") in found
    assert ("name", "a") in found or ("name", "$a") in found
    assert any(part == "literal" and "x" in each for part, each in found)
    assert not any(each == "c" or "Doc" in each or "//" in each for _, each in found)


def test_text_without_a_grammar_has_words_and_signs() -> None:
    assert parts("a = 3;", "text") == [("name", "a"), ("language", "="), ("literal", "3"), ("language", ";")]


def test_long_and_deep_code_ends() -> None:
    python = language_by_name("python") or TEXT
    assert len(leaves(b"x = 1\n" * 20_000, python)) == MAX_LEAVES
    assert leaves(b"(" * 5_000 + b")" * 5_000, python)


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=200), language=st.sampled_from([row for row in LANGUAGES if row.grammar]))
def test_no_bytes_break_it(data: bytes, language: object) -> None:
    leaves(data, language)  # type: ignore[arg-type]
