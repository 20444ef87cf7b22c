"""Examples in guides: a piece of code, and the words that lead up to it.

Documentation of functions is written by who made them; a guide says what people want to do, in their words,
and shows the lines that do it. The sentence before an example (else the heading above it) is its description.
Reads Markdown and reStructuredText line by line; whatever else a file holds is passed over.
"""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from textwrap import dedent

from oasis_search.syntax import identifiers, language_by_lsp_id
from oasis_train.corpus.documentation import sentences
from oasis_train.corpus.functions import Definition, FileError

ENDINGS = (".md", ".markdown", ".rst", ".rst.txt")

MOST_SENTENCES = 3
"""Of the words before an example; the nearest comes first."""

LEAST_WORDS = 4
"""A sentence of fewer introduces anything: `For example:`."""

_ALIASES = {
    "py": "python", "python3": "python", "pycon": "python", "ipython": "python", "default": "python",
    "js": "javascript", "jsx": "javascript", "node": "javascript", "ts": "typescript", "c++": "cpp",
    "c#": "csharp", "cs": "csharp", "rb": "ruby", "golang": "go", "rs": "rust",
}  # fmt: skip

_FENCE = re.compile(r"^(\s*)(`{3,}|~{3,})\s*\{?\.?([\w+#-]*)")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$")
_UNDERLINE = re.compile(r"^([=\-~^\"'#*+`.:_])\1{2,}\s*$")
_DIRECTIVE = re.compile(r"^(\s*)\.\. (?:code-block|code|sourcecode|ipython|highlight)::\s*([\w+#-]*)\s*$")
_OTHER_DIRECTIVE = re.compile(r"^\s*\.\. ")
_OPTION = re.compile(r"^\s*:[\w-]+:")
_PROMPT = re.compile(r"^\s*(?:>>>|\.\.\.|In \[\d+\]:|\s+\.{3,}:)\s?")
_MARKS = (
    (re.compile(r":[\w:+-]+:`~?([^`<]+?)(?:\s*<[^>]*>)?`"), r"\1"),
    (re.compile(r"`([^`<]+?)\s*<[^>]*>`_+"), r"\1"),
    (re.compile(r"!?\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"`+([^`]*)`+_?"), r"\1"),
    (re.compile(r"\*{1,2}([^*]+)\*{1,2}"), r"\1"),
    (re.compile(r"\|(\w+)\|"), r"\1"),
    (re.compile(r"<[^>]+>"), " "),
)
_INTRODUCTIONS = re.compile(
    r"^(?:for (?:example|instance)|here(?:'s| is| are)|(?:this|the following) (?:is|are|code|example|snippet)"
    r"|(?:an? )?(?:simple |basic )?examples?\b|usage|output|result|the (?:output|result)|consider|let us"
    r"|let's|see|note)\b[^.]{0,40}$",
    re.IGNORECASE,
)
_GENERAL_HEADINGS = re.compile(
    r"(?:(?:usage|an?|tiny|simple|basic|examples?|installation|install|quick|start|introduction|overview"
    r"|description|api|reference|changelog|license|features|configuration|notes?|synopsis|tutorial"
    r"|documentation|methods?|programs?|and|the|of)\b\W*)+",
    re.IGNORECASE,
)
"""Headings of such words alone say nothing of what is below."""


@dataclass(frozen=True, slots=True)
class _Example:
    heading: str
    words: str
    """The paragraph before it."""
    language: str
    code: str
    line0: int


def is_guide(path: str) -> bool:
    """Whether `path` is of a kind that is read here."""
    return path.lower().endswith(ENDINGS)


def examples_of_guide(path: str, data: bytes, max_characters: int) -> list[Definition]:
    """The described examples of a guide in their order; FileError when it is no UTF-8.

    The heading serves as name, the words before an example as its documentation. Examples of languages that
    have no grammar (shells, configuration), without words or over `max_characters`, are passed over.
    """
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise FileError("not-utf8", f"Byte {error.start} is not UTF-8.") from None
    is_markdown = PurePosixPath(path.lower()).suffix in (".md", ".markdown")
    found = _markdown(lines) if is_markdown else _restructured(lines)
    return [made for example in found if (made := _definition(path, example, max_characters))]


def _definition(path: str, example: _Example, max_characters: int) -> Definition | None:
    doc = _description(example)
    language = _ALIASES.get(example.language.lower(), example.language.lower())
    known = language_by_lsp_id(language)
    if not doc or len(example.code) > max_characters or known is None or not known.grammar:
        return None
    words = tuple(identifiers(example.code))
    heading = " ".join(_plain(example.heading).split()[:8])
    return Definition(path, known.name, heading, "", "", example.line0 + 1, doc, example.code, words, ())


def _description(example: _Example) -> str:
    """Sentences that say something, the nearest first; the heading when there is none."""
    spoken = [line.rstrip(" :") for line in sentences(_plain(example.words))]
    telling = [
        line
        for line in reversed(spoken)
        if len(line.split()) >= LEAST_WORDS and not _INTRODUCTIONS.match(line)
    ]
    heading = _plain(example.heading)
    if not telling and len(heading.split()) >= 2 and not _GENERAL_HEADINGS.fullmatch(heading):
        telling = [heading]
    return "\n".join(telling[:MOST_SENTENCES])


def _plain(text: str) -> str:
    for pattern, kept in _MARKS:
        text = pattern.sub(kept, text)
    return " ".join(text.split())


def _markdown(lines: list[str]) -> Iterator[_Example]:
    heading, paragraph, row = "", "", 0
    while row < len(lines):
        line = lines[row]
        if fence := _FENCE.match(line):
            end = row + 1
            while end < len(lines) and not lines[end].strip().startswith(fence[2]):
                end += 1
            code = _code(lines[row + 1 : end])
            if code and fence[3]:
                yield _Example(heading, paragraph, fence[3], code, row + 1)
            paragraph, row = "", end + 1
            continue
        if found := _HEADING.match(line):
            heading, paragraph = found[1], ""
        elif row + 1 < len(lines) and line.strip() and re.match(r"^(?:={3,}|-{3,})\s*$", lines[row + 1]):
            heading, paragraph, row = line.strip(), "", row + 1
        else:
            paragraph = _grown(paragraph, lines, row)
        row += 1


def _restructured(lines: list[str]) -> Iterator[_Example]:
    heading, paragraph, row = "", "", 0
    while row < len(lines):
        line = lines[row]
        directive = _DIRECTIVE.match(line)
        if directive or (line.rstrip().endswith("::") and not _OTHER_DIRECTIVE.match(line)):
            if not directive:
                paragraph = _grown(paragraph, lines, row)
            indent = len(line) - len(line.lstrip())
            end = _end_of_block(lines, row + 1, indent)
            body = [each for each in lines[row + 1 : end] if not _OPTION.match(each)]
            code = _code(body)
            language = directive[2] if directive else ""
            if code and (language or _is_python(code)):
                yield _Example(heading, paragraph, language or "python", code, row + 1)
            paragraph, row = "", max(end, row + 1)
            continue
        if line.lstrip().startswith(">>> "):
            end = row
            while end < len(lines) and lines[end].strip():
                end += 1
            code = _code(lines[row:end])
            if code:
                yield _Example(heading, paragraph, "python", code, row)
            row = end
            continue
        if row + 1 < len(lines) and line.strip() and _UNDERLINE.match(lines[row + 1]):
            heading, paragraph, row = line.strip(), "", row + 1
        elif _OTHER_DIRECTIVE.match(line):
            row = _end_of_block(lines, row + 1, len(line) - len(line.lstrip())) - 1
        else:
            paragraph = _grown(paragraph, lines, row)
        row += 1


def _grown(paragraph: str, lines: list[str], row: int) -> str:
    """The paragraph with one more line; a line after an empty one begins another."""
    line = lines[row].strip()
    if not line:
        return paragraph
    begins = row == 0 or not lines[row - 1].strip()
    return line if begins or not paragraph else f"{paragraph} {line}"


def _end_of_block(lines: list[str], row: int, indent: int) -> int:
    """The first row from `row` on that is not empty and not further in than `indent`."""
    while row < len(lines) and (
        not lines[row].strip() or len(lines[row]) - len(lines[row].lstrip()) > indent
    ):
        row += 1
    return row


def _code(lines: list[str]) -> str:
    """The block without its margin; of a session, what was typed."""
    text = dedent("\n".join(lines)).strip("\n")
    if ">>> " not in text and "In [" not in text:
        return text
    typed = [_PROMPT.sub("", line, count=1) for line in text.splitlines() if _PROMPT.match(line)]
    return "\n".join(typed).strip("\n")


def _is_python(code: str) -> bool:
    try:
        with warnings.catch_warnings(action="ignore"):
            body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(not isinstance(node, ast.Expr) or isinstance(node.value, ast.Call) for node in body)
