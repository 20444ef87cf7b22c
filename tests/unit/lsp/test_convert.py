"""Columns in three encodings, and URIs."""

from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oasis_search.lsp.convert import (
    columns,
    index_of_column,
    local_path,
    path_of_uri,
    position_at,
    range_of,
    uri_below,
    uri_of_path,
)
from oasis_search.lsp.protocol import Encoding
from oasis_search.syntax.units import Span

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")
BYTES = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}

lines = st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=30)


def reference(text: str, encoding: Encoding) -> int:
    """Encode and count."""
    codec, width = BYTES[encoding]
    return len(text.encode(codec)) // width


@pytest.mark.parametrize(
    ("encoding", "expected"), [("utf-8", (1, 3, 7, 10)), ("utf-16", (1, 2, 4, 5)), ("utf-32", (1, 2, 3, 4))]
)
def test_columns_of_known_characters(encoding: Encoding, expected: tuple[int, ...]) -> None:
    text = "aé🎉€"
    assert tuple(columns(text[: n + 1], encoding) for n in range(4)) == expected


@given(lines, st.sampled_from(ENCODINGS))
def test_columns_equal_the_encoded_length(text: str, encoding: Encoding) -> None:
    assert columns(text, encoding) == reference(text, encoding)


@given(lines, st.sampled_from(ENCODINGS), st.data())
def test_index_of_column_undoes_columns(text: str, encoding: Encoding, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(text)))
    assert index_of_column(text, columns(text[:index], encoding), encoding) == index
    assert index_of_column(text, columns(text, encoding) + 5, encoding) == len(text)


@pytest.mark.parametrize(("encoding", "inside"), [("utf-8", 3), ("utf-16", 2)])
def test_column_inside_a_character_counts_as_before_it(encoding: Encoding, inside: int) -> None:
    assert index_of_column("a🎉b", inside, encoding) == 1


@given(st.lists(lines, min_size=1, max_size=5), st.sampled_from(ENCODINGS), st.data())
def test_position_of_every_byte_offset(texts: list[str], encoding: Encoding, data: st.DataObject) -> None:
    line0 = data.draw(st.integers(0, len(texts) - 1))
    index = data.draw(st.integers(0, len(texts[line0])))
    before = "\n".join([*texts[:line0], texts[line0][:index]])
    text = "\n".join(texts).encode()
    assert position_at(text, len(before.encode()), line0, encoding) == {
        "line": line0,
        "character": reference(texts[line0][:index], encoding),
    }


def test_range_that_ends_behind_a_line_break_ends_on_the_next_line() -> None:
    text = "# 🎉\ndef f():\n    pass\nrest".encode()
    start, end = text.index(b"def"), text.index(b"rest")
    assert range_of(text, Span(start, end, 1, 2), "utf-16") == {
        "start": {"line": 1, "character": 0},
        "end": {"line": 3, "character": 0},
    }
    assert range_of(text, Span(start, end - 1, 1, 2), "utf-16")["end"] == {"line": 2, "character": 8}


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///home/ada/a.py", "/home/ada/a.py"),
        ("file:///home/ada/my%20code/%C3%BCber.py", "/home/ada/my code/über.py"),
        ("file:///home/ada/my code/über.py", "/home/ada/my code/über.py"),
        ("FILE://localhost/home/a", "/home/a"),
        ("file:/home/a", "/home/a"),
        ("file:///a%23b%3Fc.py", "/a#b?c.py"),
        ("file:///a%2Bb+c", "/a+b+c"),
        ("file:///odd%FFname", "/odd\udcffname"),
        ("file://server/share/a", None),
        ("file:relative", None),
        ("file:///nul%00byte", None),
        ("untitled:Untitled-1", None),
        ("vscode-vfs://github/a/b", None),
        ("https://example.org/a", None),
        ("", None),
    ],
)
def test_path_of_uri_on_posix(uri: str, path: str | None) -> None:
    assert path_of_uri(uri, windows=False) == path


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///c%3A/Users/Ada/my%20code/a.py", "C:\\Users\\Ada\\my code\\a.py"),
        ("file:///C:/Users/a.py", "C:\\Users\\a.py"),
        ("file:///c:/", "C:\\"),
        ("file://server/share/a.py", "\\\\server\\share\\a.py"),
        ("file:///home/a", None),
    ],
)
def test_path_of_uri_on_windows(uri: str, path: str | None) -> None:
    assert path_of_uri(uri, windows=True) == path


def test_uri_of_path_escapes_what_uris_reserve() -> None:
    assert uri_of_path(PurePosixPath("/my code/über#1.py")) == "file:///my%20code/%C3%BCber%231.py"
    assert uri_of_path(PureWindowsPath("C:\\my code\\a.py")) == "file:///C:/my%20code/a.py"


@given(st.lists(st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1), min_size=1))
def test_paths_survive_the_way_to_a_uri_and_back(parts: list[str]) -> None:
    path = PurePosixPath("/", *parts)
    assert path_of_uri(uri_of_path(path), windows=False) == path.as_posix()


def test_uri_below_keeps_the_spelling_of_the_folder() -> None:
    assert uri_below("file:///c%3A/My%20Code/", "a b/ü.py") == "file:///c%3A/My%20Code/a%20b/%C3%BC.py"


def test_local_path_is_normalised() -> None:
    assert local_path("file:///home/ada/./x/../a.py") == Path("/home/ada/a.py")
    assert local_path("untitled:1") is None
