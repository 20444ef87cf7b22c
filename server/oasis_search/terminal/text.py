"""Text that is safe to show: names and code from a workspace may hold anything, also terminal commands."""

import io
import json
import sys
from typing import TextIO

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def shown_path(path: str) -> str:
    """One line that names `path`: control characters and bytes that are not UTF-8 stand as escapes."""
    return "".join(char if char.isprintable() else _escape(char) for char in path)


def shown_line(line: str) -> str:
    """One line of code with tabs widened and without characters that would steer a terminal."""
    return "".join(char for char in line.expandtabs(4) if char.isprintable())


def take_every_character(out: TextIO) -> None:
    """From here on `out` takes every character, as an escape where its encoding lacks it."""
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="backslashreplace")


def shown_size(n_bytes: int) -> str:
    """A size for a person, as in `3.4 MB`."""
    size = float(n_bytes)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def counted(count: int, noun: str) -> str:
    """`1 file`, `2,000 files`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def write_json(value: object) -> None:
    """One JSON object on stdout, as every `--json` prints it."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def _escape(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte of a file name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
