"""Which piece of code a place, a selection or a text means."""

from pathlib import PurePath

import pytest

from oasis_search.errors import WorkspaceError
from oasis_search.syntax import language_by_name
from oasis_search.syntax.languages import TEXT
from oasis_search.workspace.origin import Origin, origin_at, origin_of_text

SOURCE = '''"""A module."""
import os

LIMIT = 3


class Store:
    """Keeps rows."""

    def read(self, path):
        """Read all rows of a file."""
        # one at a time
        rows = []
        for line in open(path):
            rows.append(line.split(","))
        return rows

    def write(self, path, rows):
        with open(path, "w") as file:
            file.writelines(rows)
'''
PYTHON = language_by_name("python") or TEXT


def origin(marked: str, last: str = "") -> Origin:
    """The piece that means the first occurrence of `marked`, up to the end of `last`."""
    start = SOURCE.index(marked)
    end = SOURCE.index(last, start) + len(last) if last else start
    return origin_at(SOURCE.encode(), PYTHON, "/shop/in/a.py", start, end)


@pytest.mark.parametrize("place", ["def read", "one at a time", "rows = []", "Read all rows", "return rows"])
def test_a_place_means_the_function_around_it(place: str) -> None:
    found = origin(place)
    assert (found.name, found.container) == ("read", "Store")
    assert found.text_utf8.startswith(b"def read(self")
    assert found.encoded_text.startswith("Store.read\ndef read(self")
    lies = found.place_in(PurePath("/shop"))
    assert lies is not None
    assert SOURCE.encode()[lies.start_byte : lies.end_byte] == found.text_utf8


def test_a_piece_has_a_place_in_every_folder_that_holds_it() -> None:
    found = origin("def read")
    paths = [
        place and place.path for place in map(found.place_in, map(PurePath, ("/shop", "/shop/in", "/x")))
    ]
    assert paths == ["in/a.py", "a.py", None]


def test_a_selection_that_nearly_is_a_function_means_it() -> None:
    assert origin("def read", "return rows").name == "read"
    assert origin("(self, path):", "return rows").name == "read"


def test_a_selection_of_some_lines_means_these_lines() -> None:
    found = origin("        for line", 'split(","))')
    assert found.name == ""
    assert found.text_utf8.decode().split()[:2] == ["for", "line"]
    assert found.encoded_text == found.text_utf8.decode()


@pytest.mark.parametrize(
    ("first", "last"), [("e at a time", "e at a time"), ("row", "row"), ("\n\n    def w", "\n")]
)
def test_a_selection_that_says_too_little_means_the_function_around_it(first: str, last: str) -> None:
    assert origin(first, last).name in ("read", "write", "Store")


def test_places_between_and_beyond_mean_the_nearest() -> None:
    assert origin("LIMIT").text_utf8.find(b"LIMIT") >= 0
    beyond = origin_at(SOURCE.encode(), PYTHON, "a.py", 10_000, 20_000)
    assert beyond.name == "write"
    assert origin_at(b"\xff\xfe broken ( def", PYTHON, "a.py", 3, 3).path == "a.py"
    with pytest.raises(WorkspaceError, match=r"a\.py has no words"):
        origin_at(b"\n\n", PYTHON, "a.py", 0, 0)


def test_a_pasted_function_is_a_unit_and_other_text_is_itself() -> None:
    found = origin_of_text("def send(mail):\n    return post(mail)\n", PYTHON)
    assert (found.name, found.place_in(PurePath("/"))) == ("send", None)
    loose = origin_of_text("for (;;) { step(); }", TEXT)
    assert loose.encoded_text == "for (;;) { step(); }"
    with pytest.raises(WorkspaceError, match="no words"):
        origin_of_text(" ; ( ) ", PYTHON)


def test_ten_thousand_lines_are_a_piece_like_any_other() -> None:
    source = "\n".join(f"value_{n} = compute(value_{n - 1})" for n in range(1, 10_001)).encode()
    found = origin_at(source, PYTHON, "long.py", 0, len(source))
    assert len(found.encoded_text) <= 32_768
