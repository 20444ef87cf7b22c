"""Identifiers become the words a reader sees in them, and words meet under one stem."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oasis_search.syntax import identifiers, split_identifier, stem, terms
from oasis_search.syntax.words import MAX_IDENTIFIER


@pytest.mark.parametrize(
    ("identifier", "words"),
    [
        ("parseHTTPDate2_utc", "parse http date 2 utc"),
        ("HTTPServer", "http server"),
        ("snake_case_name", "snake case name"),
        ("MAX_VALUE", "max value"),
        ("__init__", "init"),
        ("$scope", "scope"),
        ("iPhone4S", "i phone 4 s"),
        ("getX", "get x"),
        ("utf8decode", "utf 8 decode"),
        ("größeName", "größe name"),
        ("ÜberSicht", "über sicht"),
        ("дата_время", "дата время"),
        ("用户Name", "用户 name"),
        ("_", ""),
        ("", ""),
    ],
)
def test_identifier_is_split_where_a_reader_would(identifier: str, words: str) -> None:
    assert split_identifier(identifier) == tuple(words.split())


def test_data_is_no_identifier() -> None:
    assert split_identifier("a" * MAX_IDENTIFIER) != ()
    assert split_identifier("a" * (MAX_IDENTIFIER + 1)) == ()


def test_identifiers_of_code_in_order_with_repeats() -> None:
    assert identifiers("def _run(self, x2): return x2 + $a.b_c(0x1f, 3.5)  # größer") == (
        ["def", "_run", "self", "x2", "return", "x2", "$a", "b_c", "0x1f", "3", "5", "größer"]
    )


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_words_are_lower_case_and_part_of_the_identifier(text: str) -> None:
    for identifier in identifiers(text):
        words = split_identifier(identifier)
        assert all(word and word == word.lower() for word in words)
        assert (
            "".join(words) in identifier.lower().replace("_", "").replace("$", "") or not identifier.isascii()
        )


FAMILIES = """
size sizes sized sizing
type types typed typing
name names named naming
parse parses parsed parsing
cache caches cached caching
query queries
class classes
process processes processed processing
index indexes indexed indexing
cookie cookies
alias aliases aliased aliasing
embed embeds embedded embedding embeddings
exceed exceeds exceeded exceeding
precede precedes preceded preceding
use uses used using
release releases released releasing
string strings
run runs running
log logs logged logging
match matches matched matching
close closes closed closing
freeze freezes freezing
delete deletes deleted deleting
schema schemas
call calls called calling
add adds added adding
box boxes boxed boxing
address addresses addressed
response responses
value values
tree trees
file files
handler handlers
"""


@pytest.mark.parametrize("family", FAMILIES.split("\n")[1:-1])
def test_forms_of_a_word_share_a_stem(family: str) -> None:
    assert len({stem(word) for word in family.split()}) == 1


APART = """
user use
parser parse
status state
need ne
bring br
string str
analysis analyse
note not
bare bar
"""


@pytest.mark.parametrize("pair", APART.split("\n")[1:-1])
def test_different_words_stay_apart(pair: str) -> None:
    one, other = pair.split()
    assert stem(one) != stem(other)


OTHERS = """
access breed canvas creating focused hundred indices less pandas status thing uses during embed morning
movies based seeded wedding shredded axes lens https bias
"""


def test_stemming_twice_is_stemming_once() -> None:
    words = (FAMILIES + APART + OTHERS).split()
    assert [stem(stem(word)) for word in words] == [stem(word) for word in words]


@given(st.text(max_size=12))
def test_stem_of_anything_is_no_longer_than_the_word_and_a_letter(word: str) -> None:
    assert len(stem(word)) <= len(word) + 1


def test_terms_are_stems_and_the_whole() -> None:
    assert terms("HTTPAdapters") == ("http", "adapter", "httpadapters")
    assert terms("parsing") == ("parse",)
    assert terms("__") == ()
