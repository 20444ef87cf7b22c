"""The functions of one file, as the server cuts them: what is trained is what is served.

A function that the cutter divides because it is long is one function here, cut off at a line once it has
`max_characters`. Whether it is a duplicate, and who calls it, is decided later.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from oasis_search.syntax import CodeUnit, cut_units, identifiers, language_of
from oasis_train.corpus.documentation import (
    clean_documentation,
    code_without_documentation,
    is_useful_documentation,
)

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Definition:
    """One function as its file defines it."""

    path: str
    language: str
    name: str
    container: str
    signature: str
    start_line: int
    """1-based line of its name."""
    doc: str
    """Cleaned documentation; empty when there is none of use."""
    code: str
    words: tuple[str, ...]
    """Identifiers of the code, in order."""
    calls: tuple[str, ...]
    """Names that it calls, without receivers, in order of first appearance."""
    task: str = ""
    """Of a solution, as `TaskLayout.task_of` names it."""


class FileError(Exception):
    """A file that gives no functions: a short reason for counting, and a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def definitions_of_file(path: str, data: bytes, max_characters: int) -> list[Definition]:
    """Functions and methods in source order; raises FileError when the file cannot be decoded or parsed."""
    data = data.removeprefix(_BYTE_ORDER_MARK)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileError("not-utf8", f"Byte {error.start} is not UTF-8.") from None
    units, problems = cut_units(data, language_of(path))
    if problems:
        raise FileError(problems[0].reason, problems[0].detail)
    return [_definition(path, data, parts, max_characters) for parts in _by_function(units)]


def _by_function(units: Sequence[CodeUnit]) -> Iterator[list[CodeUnit]]:
    """The parts of each function or method, in the order of its first part."""
    functions = [unit for unit in units if unit.kind in ("function", "method") and unit.name]
    order = sorted(functions, key=lambda unit: (unit.name_span.start_byte, unit.span.start_byte))
    groups = [list(parts) for _, parts in groupby(order, key=lambda unit: unit.name_span.start_byte)]
    return iter(sorted(groups, key=lambda parts: parts[0].span.start_byte))


def _definition(path: str, data: bytes, parts: list[CodeUnit], max_characters: int) -> Definition:
    first = parts[0]
    end = max(part.span.end_byte for part in parts)
    text = data[first.span.start_byte : end].decode("utf-8", "replace")
    code = cut_at_line(code_without_documentation(text, first), max_characters)
    doc = clean_documentation(first.doc, first.name) if first.doc else ""
    return Definition(
        path=path,
        language=first.language,
        name=first.name,
        container=first.container,
        signature=first.signature,
        start_line=first.name_span.start_line0 + 1,
        doc=doc if is_useful_documentation(doc) else "",
        code=code,
        words=tuple(identifiers(code)),
        calls=tuple(dict.fromkeys(name for part in parts for name in part.calls)),
    )


def cut_at_line(code: str, max_characters: int) -> str:
    """The whole lines within the limit, or the beginning of a first line that is longer."""
    if len(code) <= max_characters:
        return code
    end = code.rfind("\n", 0, max_characters + 1)
    return code[: end if end > 0 else max_characters]
