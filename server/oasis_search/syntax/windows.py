"""Text without a grammar: Markdown and reStructuredText by heading, everything else in windows.

A window is about forty lines and ends where a blank line or little indentation allows it. Also the way
out when a grammar fails, so it relies on nothing but line ends.
"""

import re
from dataclasses import dataclass

from oasis_search.syntax.languages import Language
from oasis_search.syntax.lines import SourceLines
from oasis_search.syntax.split import is_long, split_range
from oasis_search.syntax.units import CodeUnit

WINDOW_LINES = 40

_MARKDOWN = re.compile(
    rb"^ {0,3}(?P<fence>```+(?=[^`\n]*$)|~~~+)[ \t]*(?P<info>[^\n]*)$"
    rb"|^ {0,3}(?P<marks>#{1,6})[ \t]+(?P<title>[^\n]*?)[ \t]*#*[ \t]*\r?$"
    rb"|^ {0,3}(?P<over>[^\s#>|+*`~=-][^\n]{0,200})\n(?P<under>={3,}|-{3,})[ \t]*\r?$",
    re.MULTILINE,
)
_RST = re.compile(
    rb"^(?:(?P<above>[=\-~^\"'`#*+.:_]{3,})[ \t]*\n)?"
    rb"(?P<over>(?=[^\n]*\w)\S[^\n]{0,200})\n(?P<under>(?P<mark>[=\-~^\"'`#*+.:_])(?P=mark){2,})[ \t]*\r?$",
    re.MULTILINE,
)
_FRONT_MATTER = re.compile(rb"\A---[ \t]*\r?\n.*?^---[ \t]*\r?$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Heading:
    start: int
    title_start: int
    title_end: int
    level: int
    after: int


def cut_windows(lines: SourceLines, language: Language) -> list[CodeUnit]:
    """Windows of kind `text` that cover every word of the file, named by heading where there are headings."""
    headings = _headings(lines.source, language)
    if not headings:
        return _windows(lines, language, 0, len(lines.source))
    units = _windows(lines, language, 0, headings[0].start)
    path: list[_Heading] = []
    pending = -1
    for position, heading in enumerate(headings):
        end = headings[position + 1].start if position + 1 < len(headings) else len(lines.source)
        while path and path[-1].level >= heading.level:
            path.pop()
        if position + 1 < len(headings) and not lines.has_words(heading.after, end):
            pending = heading.start if pending < 0 else pending
        else:
            start = pending if pending >= 0 else heading.start
            units += _section(lines, language, start, end, heading, path)
            pending = -1
        path.append(heading)
    return units


def _section(
    lines: SourceLines, language: Language, start: int, end: int, heading: _Heading, path: list[_Heading]
) -> list[CodeUnit]:
    name = lines.text(heading.title_start, heading.title_end)
    container = ".".join(lines.text(outer.title_start, outer.title_end) for outer in path)
    name_span = lines.span(heading.title_start, heading.title_end)
    start, end = lines.trim(start, end)
    parts = _parts(lines, start, end)
    return [
        CodeUnit(
            kind="text",
            language=language.name,
            name=name,
            container=container,
            signature=name[:200],
            doc="",
            calls=(),
            span=lines.span(*lines.trim(*part)),
            name_span=name_span,
            part=number if len(parts) > 1 else 0,
        )
        for number, part in enumerate(parts, start=1)
    ]


def _windows(lines: SourceLines, language: Language, start: int, end: int) -> list[CodeUnit]:
    if not lines.has_words(start, end):
        return []
    start, end = lines.trim(start, end)
    parts = [part for part in _parts(lines, start, end) if lines.has_words(*part)]
    return [
        CodeUnit(
            kind="text",
            language=language.name,
            name="",
            container="",
            signature="",
            doc="",
            calls=(),
            span=lines.span(*lines.trim(*part)),
            name_span=lines.first_text_line(*part),
            part=number if len(parts) > 1 else 0,
        )
        for number, part in enumerate(parts, start=1)
    ]


def _parts(lines: SourceLines, start: int, end: int) -> list[tuple[int, int]]:
    return split_range(lines, start, end, {}, WINDOW_LINES) if is_long(lines, start, end) else [(start, end)]


def _headings(source: bytes, language: Language) -> list[_Heading]:
    if language.name not in ("markdown", "rst"):
        return []
    front = _FRONT_MATTER.match(source)
    pattern = _MARKDOWN if language.name == "markdown" else _RST
    headings: list[_Heading] = []
    levels: dict[tuple[bytes, bool], int] = {}
    fence = b""
    for match in pattern.finditer(source, front.end() if front else 0):
        groups = match.groupdict()
        if (mark := groups.get("fence")) is not None:
            if not fence:
                fence = mark
            elif mark.startswith(fence) and not groups["info"].strip():
                fence = b""
            continue
        title = "title" if groups.get("title") is not None else "over"
        title_start, title_end = match.span(title)
        title_end = title_start + len(source[title_start:title_end].rstrip())
        if fence or title_start == title_end:
            continue
        if title == "title":
            level = len(groups["marks"])
        else:
            style = groups["under"][:1], groups.get("above") is not None
            level = levels.setdefault(style, len(levels) + 1)
        headings.append(_Heading(match.start(), title_start, title_end, level, match.end()))
    return headings
