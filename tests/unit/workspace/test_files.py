"""Reading real files: every kind of content becomes text or a problem with a reason, and nothing blocks."""

import codecs
import errno
import os
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import oasis_search.workspace.files as files
from oasis_search.syntax.units import Problem
from oasis_search.workspace.files import SourceText, read_source, source_of_bytes

LIMIT = 2_000_000


def text_of(raw: bytes, name: str = "a.py") -> SourceText:
    source = source_of_bytes(name, raw)
    assert isinstance(source, SourceText), source
    return source


def reason_of(source: SourceText | Problem) -> str:
    assert isinstance(source, Problem), source
    assert source.path == ""
    assert source.detail.endswith(".")
    return source.reason


def written(folder: Path, raw: bytes, name: str = "a.py") -> Path:
    (folder / name).write_bytes(raw)
    return folder / name


@pytest.mark.parametrize(
    ("raw", "text", "encoding"),
    [
        (b"", "", "utf-8"),
        ("naïve 🦊\r\n".encode(), "naïve 🦊\r\n", "utf-8"),
        (codecs.BOM_UTF8 + "é".encode(), "é", "utf-8"),
        (codecs.BOM_UTF16_LE + "é🦊\n".encode("utf-16-le"), "é🦊\n", "utf-16-le"),
        (codecs.BOM_UTF16_BE + "é🦊\n".encode("utf-16-be"), "é🦊\n", "utf-16-be"),
        (codecs.BOM_UTF32_LE + "é🦊\n".encode("utf-32-le"), "é🦊\n", "utf-32-le"),
        (codecs.BOM_UTF16_LE + b"a\0b", "a\ufffd", "utf-16-le"),
        ("“œuvre” 5 €".encode("cp1252"), "“œuvre” 5 €", "cp1252"),
        (b"caf\xe9 \x81", "café \x81", "latin-1"),
        (b"\x1b[31mred\x1b[0m\f\v", "\x1b[31mred\x1b[0m\f\v", "utf-8"),
    ],
)
def test_text_is_utf8_without_a_mark_whatever_the_file_is_written_in(
    raw: bytes, text: str, encoding: str, tmp_path: Path
) -> None:
    source = text_of(raw)
    assert (source.text_utf8.decode(), source.encoding) == (text, encoding)
    assert source.digest == blake2b(text.encode(), digest_size=16).digest()
    assert read_source(written(tmp_path, raw), max_bytes=LIMIT) == source


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.py", b"x = 1\0"),
        ("a", b"a" * 100_000 + b"\n\0"),
        ("a.txt", "no mark".encode("utf-16-le")),
        ("a.txt", codecs.BOM_UTF16_LE + b"a\0\0\0"),
        ("a.PNG", b"text"),
        ("lib.so", b""),
        ("paper", b"%PDF-1.4 text"),
        ("a", bytes(range(1, 256)) * 10),
        ("a", codecs.BOM_UTF8 + b"\0"),
    ],
)
def test_binary_files_are_named_so(name: str, raw: bytes, tmp_path: Path) -> None:
    assert reason_of(source_of_bytes(name, raw)) == "binary"
    assert reason_of(read_source(written(tmp_path, raw, name), max_bytes=LIMIT)) == "binary"


@pytest.mark.parametrize("name", ["package-lock.json", "yarn.lock", "Cargo.lock", "poetry.lock", "x.js.map"])
def test_what_tools_write_is_named_so(name: str) -> None:
    assert reason_of(source_of_bytes(name, b"{}")) == "generated"
    assert reason_of(source_of_bytes("some/where/" + name, b"{}")) == "generated"


PROSE = b"Words of a paragraph that was never broken into lines, as many editors leave it. "
ROW = b"1, 2, 3, "


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.min.js", b"short"),
        ("A.MIN.CSS", b"short"),
        ("a.js", b"function(a){return a+b}" * 30),
        ("a.js", b"/* licence */\n" * 100 + b"function(a){return a+b};" * 1000 + b"\n" * 100),
        ("a.json", ROW * 5000),
    ],
)
def test_minified_files_are_named_so(name: str, raw: bytes) -> None:
    assert reason_of(source_of_bytes(name, raw)) == "minified"


@pytest.mark.parametrize(
    "raw",
    [
        PROSE * 20,
        b"x = [\n" + b"    'abcdefghijklmnopqrstuvwxyz',\n" * 5000 + b"]\n",
        b"line\n" * 10_000 + PROSE * 300 + b"\n",
        b"a" * 400,
        b"\n" * 100_000,
    ],
)
def test_prose_and_long_tables_are_not_taken_for_minified(raw: bytes) -> None:
    assert text_of(raw).text_utf8 == raw


@given(st.binary(max_size=300))
def test_no_bytes_raise_and_all_text_is_utf8_of_its_digest(raw: bytes) -> None:
    source = source_of_bytes("a.py", raw)
    if isinstance(source, SourceText):
        source.text_utf8.decode()
        assert source.digest == blake2b(source.text_utf8, digest_size=16).digest()
    else:
        reason_of(source)


@given(st.text(max_size=200).filter(lambda text: "\0" not in text))
def test_the_text_of_a_buffer_is_the_text_of_the_file_it_is_saved_to(text: str) -> None:
    raw = text.removeprefix("\ufeff").encode()
    saved = source_of_bytes("a.py", codecs.BOM_UTF8 + raw)
    assert saved == source_of_bytes("a.py", raw) or raw.startswith(codecs.BOM_UTF8)


def test_a_file_over_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = tmp_path / "large.py"
    with large.open("wb") as file:
        file.truncate(200 * 1024 * 1024)

    def refuse(*_: object) -> int:
        raise AssertionError("it was opened")

    monkeypatch.setattr(os, "open", refuse)
    problem = read_source(large, max_bytes=LIMIT)
    assert reason_of(problem) == "too-large"
    assert isinstance(problem, Problem)
    assert problem.detail.startswith("large.py has 209,715,200 bytes; the settings leave out")


def test_a_file_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, b"x\n" * 50)
    assert isinstance(read_source(path, max_bytes=100), SourceText)
    assert reason_of(read_source(path, max_bytes=99)) == "too-large"


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_not_a_file_is_named_so_without_waiting(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "a.py")
    assert reason_of(read_source(tmp_path / "a.py", max_bytes=LIMIT)) == "not-a-file"


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="the system has no such device")
def test_a_device_is_not_read() -> None:
    assert reason_of(read_source(Path("/dev/zero"), max_bytes=LIMIT)) == "not-a-file"


def swap_before_open(path: Path, swap: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes the file system at the worst moment: between the look at the file and its opening."""
    real = os.open

    def racing_open(name: str | Path, flags: int, mode: int = 0o777) -> int:
        if Path(name) == path:
            monkeypatch.setattr(os, "open", real)
            swap()
        return real(name, flags, mode)

    monkeypatch.setattr(os, "open", racing_open)


def test_a_pipe_that_takes_the_place_of_a_file_does_not_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, b"x")

    def swap() -> None:
        path.unlink()
        os.mkfifo(path)

    swap_before_open(path, swap, monkeypatch)
    assert reason_of(read_source(path, max_bytes=LIMIT)) == "not-a-file"


def test_a_file_that_grows_shrinks_or_vanishes_while_it_is_read_is_handled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, b"x" * 10)
    swap_before_open(path, lambda: path.write_bytes(b"y" * 1000), monkeypatch)
    assert reason_of(read_source(path, max_bytes=100)) == "too-large"
    swap_before_open(path, lambda: path.write_bytes(b"z"), monkeypatch)
    assert text_of(b"z") == read_source(path, max_bytes=LIMIT)
    swap_before_open(path, path.unlink, monkeypatch)
    assert reason_of(read_source(path, max_bytes=LIMIT)) == "vanished"


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the system has no such file")
def test_a_file_whose_size_is_not_what_it_holds_is_read_whole() -> None:
    source = read_source(Path("/proc/self/status"), max_bytes=LIMIT)
    assert isinstance(source, SourceText)
    assert b"Pid:" in source.text_utf8


def test_links_are_read_through_and_loops_and_dead_ends_are_named(tmp_path: Path) -> None:
    written(tmp_path, b"x", "real.py")
    (tmp_path / "link.py").symlink_to("real.py")
    (tmp_path / "loop.py").symlink_to("loop.py")
    (tmp_path / "dead.py").symlink_to("nothing.py")
    assert read_source(tmp_path / "link.py", max_bytes=LIMIT) == text_of(b"x")
    assert reason_of(read_source(tmp_path / "loop.py", max_bytes=LIMIT)) == "symlink-loop"
    assert reason_of(read_source(tmp_path / "dead.py", max_bytes=LIMIT)) == "vanished"
    assert reason_of(read_source(tmp_path / "real.py" / "below.py", max_bytes=LIMIT)) == "vanished"


def test_a_file_that_may_not_be_read_is_named_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Permissions do not hold back root, who may run the tests, so the system's answer is put in its place.
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    path = written(tmp_path, b"x")
    monkeypatch.setattr(os, "open", refuse)
    problem = read_source(path, max_bytes=LIMIT)
    assert problem == Problem("", "unreadable", "a.py cannot be read: Permission denied.")


def test_the_tables_are_in_the_form_that_names_are_compared_in() -> None:
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in files.BINARY_SUFFIXES)
    assert all(name == name.lower() for name in files.GENERATED_NAMES)
