"""Between our values and the protocol's: columns in three encodings, and file URIs.

Core code counts bytes of UTF-8; the protocol counts columns of the encoding that was negotiated. Pure
functions; the only ones that do this arithmetic.
"""

import os
import re
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes, unquote_to_bytes

from oasis_search.lsp.protocol import Encoding, Position, Range

if TYPE_CHECKING:
    from oasis_search.syntax.units import Span

_LINE_END = re.compile(rb"\r\n|\r|\n")


def columns(text: str, encoding: Encoding) -> int:
    """How many columns `text` is wide."""
    if text.isascii() or encoding == "utf-32":
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text) + sum(character > "\uffff" for character in text)


def index_of_column(line: str, column: int, encoding: Encoding) -> int:
    """Where in `line` the column lies; inside a character counts as before it, beyond the end as the end."""
    if line.isascii() or encoding == "utf-32":
        return min(column, len(line))
    if encoding == "utf-8":
        return len(line.encode("utf-8", "surrogatepass")[:column].decode("utf-8", "ignore"))
    return len(line.encode("utf-16-le", "surrogatepass")[: 2 * column].decode("utf-16-le", "ignore"))


def position_at(text: bytes, byte: int, line0: int, encoding: Encoding) -> Position:
    """The position of a byte offset of a UTF-8 text, whose 0-based line is known."""
    start = text.rfind(b"\n", 0, byte) + 1
    return {"line": line0, "character": columns(text[start:byte].decode("utf-8", "replace"), encoding)}


def byte_at(text: bytes, position: Position, encoding: Encoding) -> int:
    """The byte offset of a position in a UTF-8 text; beyond the end of a line or of the text: that end."""
    start = 0
    for _ in range(position["line"]):
        end = _LINE_END.search(text, start)
        if end is None:
            return len(text)
        start = end.end()
    end = _LINE_END.search(text, start)
    line = text[start : end.start() if end else len(text)].decode("utf-8", "replace")
    before = line[: index_of_column(line, position["character"], encoding)]
    return min(start + len(before.encode("utf-8")), len(text))


def range_of(text: bytes, span: "Span", encoding: Encoding) -> Range:
    """The range of a span of a UTF-8 text."""
    # A span's end line is that of its last byte; a span that ends behind a line break ends on the next line.
    end_line0 = span.end_line0 + (text[span.end_byte - 1 : span.end_byte] == b"\n")
    return {
        "start": position_at(text, span.start_byte, span.start_line0, encoding),
        "end": position_at(text, span.end_byte, end_line0, encoding),
    }


def path_of_uri(uri: str, *, windows: bool = os.name == "nt") -> str | None:
    """The path on this machine that a URI names; None for anything that is not a file here.

    On Windows a drive is taken with or without an escaped colon (`file:///c%3A/x`) and written in upper case;
    a host becomes a share.
    """
    scheme, colon, rest = uri.partition(":")
    if not colon or scheme.lower() != "file" or not rest.startswith("/"):
        return None
    host = ""
    if rest.startswith("//"):
        host, _, rest = rest[2:].partition("/")
        rest = "/" + rest
    raw = unquote_to_bytes(rest.partition("#")[0].partition("?")[0])
    path = raw.decode("utf-8", "surrogateescape")
    if "\0" in path:
        return None
    local = host.lower() in ("", "localhost")
    if not windows:
        return path if local else None
    path = path.replace("/", "\\")
    if not local:
        return f"\\\\{host}{path}"
    if len(path) > 2 and path[0] == "\\" and path[2] == ":" and path[1].isalpha():
        return path[1].upper() + path[2:]
    return None


def uri_of_path(path: PurePath) -> str:
    """The URI of an absolute path; file names that are not UTF-8 survive."""
    if isinstance(path, PureWindowsPath):
        return path.as_uri()
    return "file://" + _quote(path.as_posix())


def uri_below(folder_uri: str, relative: str) -> str:
    """The URI of a file in a folder, in the spelling in which the client wrote the folder's URI."""
    return folder_uri.rstrip("/") + "/" + _quote(PurePosixPath(relative).as_posix())


def local_path(uri: str) -> Path | None:
    """The absolute, normalised path that a URI names; None for anything that is not a file here."""
    path = path_of_uri(uri)
    return Path(os.path.normpath(path)) if path is not None else None


def _quote(path: str) -> str:
    return quote_from_bytes(path.encode("utf-8", "surrogateescape"), safe="/~")
