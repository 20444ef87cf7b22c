"""Operators inside a question become the fields of its filter, and what only looks like one stays a word."""

from typing import TYPE_CHECKING

import pytest

from oasis_search.errors import SettingError
from oasis_search.search import Filter, Query, search
from oasis_search.search.filters import has_exact_words
from oasis_search.search.operators import read_operators
from oasis_search.syntax import KINDS, LANGUAGES
from tests.unit.search.conftest import ENCODER

if TYPE_CHECKING:
    from tests.unit.search.conftest import Build


EVERY_LANGUAGE = {row.name for row in LANGUAGES}


def read(text: str) -> tuple[str, Filter]:
    query = read_operators(Query(text))
    return query.text, query.filter


def test_every_operator_has_its_field() -> None:
    text, found = read(
        'lang:go path:src/ -path:"old stuff/" kind:method,function "take the lock" -test where is it'
    )
    assert text == "take the lock where is it"
    assert found == Filter(
        frozenset({"go"}),
        ("src/", "!old stuff/"),
        frozenset({"method", "function"}),
        ("take the lock",),
        ("test",),
    )


def test_names_are_read_as_people_write_them() -> None:
    assert read("language:JS read file:a.js")[1] == Filter(frozenset({"javascript"}), ("a.js",))
    assert read("-lang:python sort")[1].languages == EVERY_LANGUAGE - {"python"}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("-lang:python -lang:go", EVERY_LANGUAGE - {"python", "go"}),
        ("-lang:python,go", EVERY_LANGUAGE - {"python", "go"}),
        ("lang:go -lang:python", {"go"}),
        ("-lang:go lang:python,go", {"python"}),
    ],
)
def test_what_is_left_out_narrows_what_is_asked_for(text: str, left: set[str]) -> None:
    assert read(f"{text} sort")[1].languages == left
    field = read_operators(Query("-lang:go sort", 5, Filter(languages=frozenset({"go", "rust"}))))
    assert field.filter.languages == {"rust"}


def test_kinds_left_out_narrow_too() -> None:
    assert read("-kind:text -kind:module sort")[1].kinds == set(KINDS) - {"text", "module"}
    assert read("kind:method -kind:text sort")[1].kinds == {"method"}


def test_a_question_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(SettingError, match=r"No language is left.* go, which is all that it asks for"):
        read("lang:go -lang:go sort")
    with pytest.raises(SettingError, match="No kind is left"):
        read(f"-kind:{','.join(KINDS)} sort")


@pytest.mark.parametrize(
    "text",
    [
        "std::sort of a vector",
        "error: no such file",
        "what does --force do",
        "well-known names",
        "git log -p",
        'the "quote that never ends',
        "a - b",
        "http://path:80/kind:of",
    ],
)
def test_what_only_looks_like_an_operator_stays(text: str) -> None:
    assert read(text) == (text, Filter())


def test_fields_that_were_set_stay_beside_operators() -> None:
    query = read_operators(Query("-test read", 5, Filter(languages=frozenset({"go"}), without=("old",))))
    assert query == Query("read", 5, Filter(languages=frozenset({"go"}), without=("old", "test")))


def test_what_does_not_exist_is_said() -> None:
    with pytest.raises(SettingError, match=r'no language "pyton".*Did you mean python'):
        read("lang:pyton x")
    with pytest.raises(SettingError, match='no kind "klass"'):
        read("kind:klass x")


def test_exact_words_and_words_left_out_restrict_what_is_found(build: "Build") -> None:
    snapshot = build(
        {
            "store.py": "def read_rows(path):\n    # take the lock first\n    return open(path).read()\n",
            "other.py": "def read_lines(path):\n    # lock it, then the rest\n    return open(path).read()\n",
            "tests/test_store.py": "def test_read_rows():\n    assert read_rows('a')\n",
            "spec/store_spec.rb": "def read_rows_again\n  read_rows\nend\n",
        }
    )

    def names(text: str) -> set[str]:
        return {hit.name for hit in search(snapshot, read_operators(Query(text)), ENCODER)}

    assert {"read_rows", "read_lines", "test_read_rows"} <= names("read rows")
    assert names("read rows -test") == {"read_rows", "read_lines"}
    assert names("read -lines -test") == {"read_rows"}
    assert names('read "the lock"') == {"read_rows", "read_lines"}  # both hold the words; texts decide
    assert has_exact_words("# Take  the\n lock", Filter(exact=("take the lock",)))
    assert not has_exact_words("# lock, then take", Filter(exact=("take the lock",)))
