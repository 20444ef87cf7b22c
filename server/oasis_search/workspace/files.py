"""Reads one file as text, or says why it is not text worth indexing; never raises for what a file holds.

`source_of_bytes` is pure and serves unsaved buffers too; `read_source` adds the file system, reads each file
once, never blocks on a pipe or device, and never reads a file that is too large. Deliberately no guessing
among legacy encodings: what is neither UTF-8 nor marked by a BOM is taken as Windows-1252.
"""

import codecs
import os
import stat
from dataclasses import dataclass
from errno import ELOOP
from hashlib import blake2b
from pathlib import Path
from typing import Final

from oasis_search.syntax.units import Problem

DIGEST_BYTES: Final = 16

_BINARY = """
.7z .a .ai .apk .avi .avif .bin .bmp .br .bz2 .cab .ckpt .class .crx .dat .db .deb .dex .dll .dmg .doc
.docx .dylib .ear .egg .elf .eot .eps .exe .feather .flac .flv .gguf .gif .gz .h5 .hdf5 .ico .icns .img
.iso .jar .jpeg .jpg .jks .joblib .keystore .lib .lz4 .m4a .mat .mkv .mo .mov .mp3 .mp4 .mpeg .mpg .msi
.node .npy .npz .o .obj .odp .ods .odt .ogg .onnx .otf .parquet .pb .pdb .pdf .pickle .pkl .png .ppt .pptx
.psd .pt .pth .pyc .pyd .pyo .qm .rar .rlib .rmeta .rpm .safetensors .so .sqlite .sqlite3 .swf .tar
.tflite .tgz .tif .tiff .ttc .ttf .wasm .wav .webm .webp .whl .wmv .woff .woff2 .xls .xlsx .xz .zip .zst
"""
BINARY_SUFFIXES: Final = frozenset(_BINARY.split())
"""Suffixes whose files are not opened at all."""

BINARY_MAGIC: Final = (
    b"%PDF-",
    b"\x1f\x8b",
    b"BZh",
    b"PK\x03\x04",
    b"\x89PNG",
    b"GIF8",
    b"\xff\xd8\xff",
    b"\x7fELF",
)
"""First bytes of formats that may hold no NUL byte for a long way."""

_GENERATED = """
bun.lock cargo.lock composer.lock conan.lock deno.lock flake.lock gemfile.lock go.sum gradle.lockfile
mix.lock npm-shrinkwrap.json package-lock.json packages.lock.json pdm.lock pipfile.lock pixi.lock pnpm-
lock.yaml podfile.lock poetry.lock pubspec.lock uv.lock yarn.lock
"""
GENERATED_NAMES: Final = frozenset(_GENERATED.split())
"""Lock files of package managers, in lower case."""
GENERATED_SUFFIXES: Final = (".map",)
"""Source maps."""
MINIFIED_SUFFIXES: Final = (".min.js", ".min.mjs", ".min.cjs", ".min.css", "-min.js", "-min.css")

MAX_AVERAGE_LINE: Final = 500
"""Bytes a line; hand-written code stays under 60, prose with a paragraph a line under 400."""
MAX_LINE: Final = 20_000
MIN_BLANK_SHARE: Final = 0.1
"""Share of blanks and line ends below which long lines are no prose: English has 0.16, minified code 0.05."""
MAX_CONTROL_SHARE: Final = 0.02
"""Share of control characters above which bytes that are not UTF-8 are no legacy text either."""

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark starts with that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROLS: Final = bytes(set(range(0x20)) - set(b"\t\n\v\f\r\x1b"))
_OPEN_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_BLANKS: Final = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class SourceText:
    """The text of a file, in the one form that everything behind this module works on."""

    text_utf8: bytes
    """Without a byte order mark; line ends as they are in the file."""
    digest: bytes
    """16 bytes that name `text_utf8`."""
    encoding: str
    """What the file is written in: utf-8, utf-16-le, cp1252, ..."""


def source_of_bytes(name: str, raw: bytes) -> SourceText | Problem:
    """Text of a file called `name` (or at that path) that holds `raw`; a Problem has an empty path."""
    name = name.replace("\\", "/").rpartition("/")[2]
    problem = _problem_of_name(name)
    if problem is not None:
        return problem
    decoded = _decode(name, raw)
    if isinstance(decoded, Problem):
        return decoded
    text_utf8, encoding = decoded
    if _is_minified(text_utf8):
        return Problem("", "minified", f"{name} has lines too long to be written by hand; it looks minified.")
    return SourceText(text_utf8, blake2b(text_utf8, digest_size=DIGEST_BYTES).digest(), encoding)


def read_source(path: Path, *, max_bytes: int) -> SourceText | Problem:
    """Text of the file at `path` as it is now; a Problem has an empty path.

    One that changes while it is read gives what was read; the change arrives as an event of its own.
    """
    name = path.name
    problem = _problem_of_name(name)
    if problem is not None:
        return problem
    try:
        raw = _read_regular(path, max_bytes)
    except (FileNotFoundError, NotADirectoryError):
        return Problem("", "vanished", f"{name} was removed before it could be read.")
    except OSError as error:
        if error.errno == ELOOP:
            return Problem("", "symlink-loop", f"{name} is a link that leads back to itself.")
        return Problem("", "unreadable", f"{name} cannot be read: {error.strerror or error}.")
    return raw if isinstance(raw, Problem) else source_of_bytes(name, raw)


def too_large(name: str, size: int, max_bytes: int) -> Problem:
    """What is said of a file called `name` that is over the limit; a Problem has an empty path."""
    detail = f"{name} has {size:,} bytes; the settings leave out files over {max_bytes:,} bytes."
    return Problem("", "too-large", detail)


def _read_regular(path: Path, max_bytes: int) -> bytes | Problem:
    # Opening a device may act on it, so look first; between the look and the open a pipe may still take the
    # place of the file, so the open must not wait for a writer.
    problem = _problem_of_status(path.name, os.stat(path), max_bytes)
    if problem is not None:
        return problem
    with open(os.open(path, _OPEN_FLAGS), "rb", buffering=0) as file:
        problem = _problem_of_status(path.name, os.fstat(file.fileno()), max_bytes)
        if problem is not None:
            return problem
        raw = bytearray()
        while len(raw) <= max_bytes and (block := file.read(max_bytes + 1 - len(raw))):
            raw += block
    return bytes(raw) if len(raw) <= max_bytes else too_large(path.name, len(raw), max_bytes)


def _problem_of_status(name: str, status: os.stat_result, max_bytes: int) -> Problem | None:
    if not stat.S_ISREG(status.st_mode):
        return Problem("", "not-a-file", f"{name} is a folder, pipe, socket or device, not a file.")
    return too_large(name, status.st_size, max_bytes) if status.st_size > max_bytes else None


def _problem_of_name(name: str) -> Problem | None:
    lower = name.lower()
    if os.path.splitext(lower)[1] in BINARY_SUFFIXES:
        return Problem("", "binary", f"{name} has the suffix of a binary format.")
    if lower in GENERATED_NAMES or lower.endswith(GENERATED_SUFFIXES):
        return Problem("", "generated", f"{name} is written by a tool: a lock file or a source map.")
    if lower.endswith(MINIFIED_SUFFIXES):
        return Problem("", "minified", f"{name} is minified, as its name says.")
    return None


def _decode(name: str, raw: bytes) -> tuple[bytes, str] | Problem:
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            raw = raw[len(mark) :]
            if encoding == "utf-8":
                break
            # A lone surrogate or a cut last character is shown as U+FFFD rather than losing the file.
            raw = raw.decode(encoding, errors="replace").encode("utf-8", errors="replace")
            return (raw, encoding) if b"\0" not in raw else _binary(name, "it holds NUL characters")
    if b"\0" in raw:
        return _binary(name, "it holds NUL bytes")
    if raw.startswith(BINARY_MAGIC):
        return _binary(name, "it starts like a known binary format")
    try:
        raw.decode()
    except UnicodeDecodeError:
        pass
    else:
        return raw, "utf-8"
    if len(raw) - len(raw.translate(None, _CONTROLS)) > MAX_CONTROL_SHARE * len(raw):
        return _binary(name, "it is not UTF-8 and holds many control characters")
    try:
        return raw.decode("cp1252").encode(), "cp1252"
    except UnicodeDecodeError:  # five bytes have no meaning in cp1252; latin-1 has one for each
        return raw.decode("latin-1").encode(), "latin-1"


def _binary(name: str, why: str) -> Problem:
    return Problem("", "binary", f"{name} is not text: {why}.")


def _is_minified(text: bytes) -> bool:
    if len(text) <= MAX_AVERAGE_LINE:
        return False
    if len(text) > MAX_AVERAGE_LINE * (text.count(b"\n") + 1) and (len(text) > MAX_LINE or _is_dense(text)):
        return True
    if len(text) <= MAX_LINE:
        return False
    return any(len(line) > MAX_LINE and _is_dense(line) for line in text.split(b"\n"))


def _is_dense(text: bytes) -> bool:
    return len(text) - len(text.translate(None, _BLANKS)) < MIN_BLANK_SHARE * len(text)
