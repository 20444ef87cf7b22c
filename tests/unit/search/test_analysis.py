import pytest

from oasis_search.index.fields import Field, term_id
from oasis_search.index.roots import root
from oasis_search.search.analysis import MAX_TERMS, analyse, stop_words
from oasis_search.search.query import MAX_QUERY_CHARS


@pytest.mark.parametrize("text", ["", "   ", "?!... -- ()", "\n\t", "«»", "::"])
def test_text_without_words_asks_for_nothing(text: str) -> None:
    analysis = analyse(text)
    assert not analysis.body
    assert not analysis.symbols


@pytest.mark.parametrize(
    "text",
    ["parse_date", "createStore", "Session", "session", "Foo.bar", "Foo::bar", "Foo->bar", "a.b.c", "run()"],
)
def test_one_name_is_a_symbol_query(text: str) -> None:
    assert analyse(text).is_symbol


@pytest.mark.parametrize("text", ["parse a date", "how Foo.bar works", "retry request", "http date"])
def test_several_words_are_a_question(text: str) -> None:
    assert not analyse(text).is_symbol


def definitions(text: str) -> dict[int, str]:
    return {symbol.term: symbol.role for symbol in analyse(text).symbols}


def test_qualified_name_asks_for_its_definition_and_then_for_its_last_part() -> None:
    for text in ("Http.parse_Date", "Http::parse_Date", "net.Http->parse_Date()"):
        first, second = analyse(text).symbols
        assert first.term == term_id(Field.DEFINITION, "http.parsedate")
        assert second.term == term_id(Field.DEFINITION, "parsedate")
        assert (first.spelling, second.spelling) == ("parse_Date", "parse_Date")
        assert first.certainty > second.certainty


def test_names_in_a_question_are_mentions() -> None:
    found = definitions("how does applyMiddleware call dispatch of the Store")
    assert found == {
        term_id(Field.DEFINITION, "applymiddleware"): "mention",
        term_id(Field.DEFINITION, "store"): "mention",
    }


def test_words_that_say_nothing_reach_the_body_only() -> None:
    analysis = analyse("how is the date parsed")
    how, date = term_id(Field.BODY, "how"), term_id(Field.BODY, "date")
    assert {how, date} <= set(analysis.body)
    assert how not in analysis.labels
    assert date in analysis.labels
    assert term_id(Field.PATH, "how") not in analysis.path
    assert analysis.words == {"date", root("parse")}


def test_question_of_stop_words_alone_still_asks_for_them() -> None:
    analysis = analyse("how to do this")
    assert term_id(Field.NAME, "how") in analysis.name


def test_neighbouring_words_are_asked_for_as_one_name_too() -> None:
    analysis = analyse("the handler stacks")
    weight = analysis.body[term_id(Field.BODY, "handlerstack")]
    assert 0 < weight < analysis.body[term_id(Field.BODY, root("handler"))]


def test_identifier_asks_for_its_words_and_for_the_whole() -> None:
    analysis = analyse("getHTTPDate")
    for term in ("get", "http", "date", "gethttpdate"):
        assert analysis.body[term_id(Field.BODY, term)] == 1


def test_pasted_text_is_cut() -> None:
    analysis = analyse("word " * 100_000 + "end")
    assert len(analysis.text) <= MAX_QUERY_CHARS
    many = analyse(" ".join(f"name{i}x" for i in range(5000)))
    assert len(many.body) <= 2 * MAX_TERMS
    assert len(many.labels) <= MAX_TERMS


def test_stop_words_are_lower_case_words() -> None:
    assert {"how", "the"} <= stop_words()
    assert all(word.isalpha() and word == word.lower() for word in stop_words())
