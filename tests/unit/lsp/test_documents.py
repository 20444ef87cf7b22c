"""Open texts under incremental edits, against a naive model that counts through the whole text."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oasis_search.lsp.convert import columns
from oasis_search.lsp.documents import Documents
from oasis_search.lsp.protocol import Encoding, Position, Range

PATH = Path("/ws/a.py")
ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")

pieces = st.text(st.sampled_from("ab é🎉\n\r\x0c\x1c\u2028"), max_size=12)


def place(text: str, index: int, encoding: Encoding) -> Position:
    """The protocol's position of an index, by counting line ends from the start."""
    ends = [match.end() for match in re.finditer(r"\r\n|\r|\n", text) if match.end() <= index]
    start = ends[-1] if ends else 0
    return {"line": len(ends), "character": columns(text[start:index], encoding)}


@given(
    pieces,
    st.lists(st.tuples(st.integers(0), st.integers(0), pieces), max_size=6),
    st.sampled_from(ENCODINGS),
)
def test_edits_equal_slicing_the_whole_text(
    text: str, edits: list[tuple[int, int, str]], encoding: Encoding
) -> None:
    documents = Documents(encoding)
    document = documents.open("file:///ws/a.py", PATH, text)
    for first, second, new in edits:
        start, end = sorted((first % (len(text) + 1), second % (len(text) + 1)))
        # A place between \r and \n has no position in the protocol.
        if any(text[i - 1 : i + 1] == "\r\n" for i in (start, end) if i):
            continue
        span: Range = {"start": place(text, start, encoding), "end": place(text, end, encoding)}
        documents.edit(document, span, new)
        text = text[:start] + new + text[end:]
        assert document.text == text
        assert documents.get(PATH) is document


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ((0, 99), (0, 99), "oneX\ntwo"),
        ((1, 99), (1, 99), "one\ntwoX"),
        ((7, 0), (9, 9), "one\ntwoX"),
        ((1, 3), (0, 3), "oneX"),
    ],
)
def test_places_beyond_the_text_count_as_its_nearest_end(
    start: tuple[int, int], end: tuple[int, int], expected: str
) -> None:
    documents = Documents("utf-16")
    document = documents.open("file:///ws/a.py", PATH, "one\ntwo")
    span: Range = {
        "start": {"line": start[0], "character": start[1]},
        "end": {"line": end[0], "character": end[1]},
    }
    documents.edit(document, span, "X")
    assert document.text == expected


def test_form_feeds_do_not_break_lines() -> None:
    documents = Documents("utf-16")
    document = documents.open("file:///ws/a.py", PATH, "a\x0cb\nc\n")
    span: Range = {"start": {"line": 1, "character": 0}, "end": {"line": 1, "character": 1}}
    documents.edit(document, span, "d")
    assert document.text == "a\x0cb\nd\n"


def test_documents_are_known_by_path_and_folder_until_closed() -> None:
    documents = Documents("utf-16")
    inside = documents.open("file:///ws/a.py", PATH, "")
    documents.open("file:///other/b.py", Path("/other/b.py"), "")
    assert documents.below(Path("/ws")) == [inside]
    documents.close(PATH)
    assert documents.get(PATH) is None
    assert documents.below(Path("/ws")) == []
