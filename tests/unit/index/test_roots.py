import pytest

from oasis_search.index.roots import root, terms


@pytest.mark.parametrize(
    "words",
    [
        "serialize serializer serialization serializing serialized serializers",
        "parse parser parsing parsed parses",
        "route router routing routes routed",
        "compose composer composition composing",
        "recover recoverer recovery recovering",
        "compress compressor compression compressed",
        "validate validator validation validating",
        "configuration configure config conf",
        "authentication authenticate auth",
        "parameter parameters param params",
        "connect connection conn connecting",
        "cache caching cached caches cacheable",
        "register registry registration",
        "manage manager management",
    ],
)
def test_forms_of_one_word_share_a_root(words: str) -> None:
    assert len({root(word) for word in words.split()}) == 1


@pytest.mark.parametrize(
    "words",
    [
        "header head",
        "author authentication authorization",
        "format form",
        "directory direct",
        "partition part",
        "exception except",
        "version verse",
        "content context contain",
        "compress compose compare",
        "server serve",
    ],
)
def test_other_words_keep_other_roots(words: str) -> None:
    assert len({root(word) for word in words.split()}) == len(words.split())


@pytest.mark.parametrize("word", ["a", "io", "x", "größe", "日本", "2", "tests", "is"])
def test_short_and_foreign_words_have_a_root(word: str) -> None:
    assert root(word)
    assert root(root(word)) == root(word)


def test_identifier_gives_roots_and_the_whole() -> None:
    assert terms("HTTPAdapters") == ("http", root("adapter"), "httpadapters")
    assert terms("date") == ("date",)
    assert terms("x" * 500) == ()
