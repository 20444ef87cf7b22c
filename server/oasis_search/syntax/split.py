"""Long ranges into overlapping parts at the best borders: between statements, else at quiet lines.

A border is good when it lies high in the tree, then when a blank line stands before it, then when the line
is little indented. Lines longer than a part are broken too, so one line of a megabyte is no special case.
"""

from collections.abc import Mapping

from tree_sitter import Node

from oasis_search.syntax.lines import SourceLines

MAX_LINES = 60
MAX_BYTES = 2400
"""A range within both limits stays whole: about what an encoder reads of a text (512 tokens)."""

PART_LINES = 50
OVERLAP_LINES = 5
_SLACK_LINES = MAX_LINES - PART_LINES
_OVERLAP_BYTES = 480
_MIN_SHARE = 0.6
_NODE_BYTES = 1000
"""Smaller nodes are not looked into: a window of borders finds another one."""
_MAX_DEPTH = 64
_NO_BORDER = 1000

_CONTINUATIONS = ("else", "elif", "elsif", "except", "catch", "finally", "rescue", "ensure")
"""Beginnings of node types, and of lines, that go on with the statement before them."""
_COMMENTS = (b"#", b"//")
_CONTINUING_CODE = (*(word.encode() for word in _CONTINUATIONS), b"}", b")", b"]", b"\r", b"\n")


def is_long(lines: SourceLines, start: int, end: int) -> bool:
    """Whether a range must be split."""
    return end - start > MAX_BYTES or lines.source.count(b"\n", start, end) >= MAX_LINES


def split_range(
    lines: SourceLines,
    start: int,
    end: int,
    borders: Mapping[int, int],
    part_lines: int = PART_LINES,
) -> list[tuple[int, int]]:
    """Ranges that cover `start` to `end`, each within the limits, neighbours sharing about five lines.

    `borders` maps the start of a statement to its depth; it may be empty.
    """
    rows = _rows(lines, start, end)
    parts: list[tuple[int, int]] = []
    first, covered = 0, 0
    while True:
        last = max(covered + 1, _fitting(rows, first, part_lines))
        if last == len(rows) - 1:
            parts.append((rows[first], end))
            return parts
        remaining = len(rows) - 1 - covered
        if remaining < 2 * (last - covered):
            last = max(covered + 1, min(last, covered + (remaining * 3 + 4) // 5))
        lowest = max(covered + 1, first + int((last - first) * _MIN_SHARE))
        cut = min(range(lowest, last + 1), key=lambda row: (_rank(lines.source, rows, row, borders), -row))
        parts.append((rows[first], rows[cut]))
        covered = cut
        first = _overlap(rows, first, cut)


def statement_borders(root: Node, start: int, end: int) -> dict[int, int]:
    """Starts of the named nodes in a range with their depth, looking only into nodes longer than a part."""
    borders: dict[int, int] = {}
    cursor = root.walk()
    depth = 0
    inside = cursor.goto_first_child_for_byte(start) is not None
    while inside:
        node = cursor.node
        if node is None:
            break
        first, last = node.start_byte, node.end_byte
        if first < end:
            if first >= start and node.is_named and not node.type.startswith(_CONTINUATIONS):
                borders.setdefault(first, depth)
            if (
                last - first > _NODE_BYTES
                and depth < _MAX_DEPTH
                and cursor.goto_first_child_for_byte(start) is not None
            ):
                depth += 1
                continue
            if cursor.goto_next_sibling():
                continue
        while depth > 0:
            cursor.goto_parent()
            depth -= 1
            if cursor.goto_next_sibling():
                break
        else:
            break
    return borders


def _rows(lines: SourceLines, start: int, end: int) -> list[int]:
    """Starts of the lines in a range and its end; lines over the limit are broken at characters."""
    source = lines.source
    rows = [start]
    for line0 in range(lines.line0(start), lines.line0(max(start, end - 1))):
        _append_row(source, rows, lines.newlines[line0] + 1)
    _append_row(source, rows, end)
    return rows


def _append_row(source: bytes, rows: list[int], row: int) -> None:
    step = MAX_BYTES // 4
    if row - rows[-1] > MAX_BYTES:
        while row - rows[-1] > step:
            at = source.rfind(b" ", rows[-1] + step // 2, rows[-1] + step) + 1 or rows[-1] + step
            while at < row and source[at] & 0xC0 == 0x80 and at < rows[-1] + step + 4:
                at += 1
            rows.append(at)
    if row > rows[-1]:
        rows.append(row)


def _fitting(rows: list[int], first: int, part_lines: int) -> int:
    """Index of the last row that a part from `first` may reach to, at least the next one."""
    last_row = len(rows) - 1
    if rows[last_row] - rows[first] <= MAX_BYTES and last_row - first <= part_lines + _SLACK_LINES:
        return last_row
    last = min(last_row, first + part_lines)
    while last > first + 1 and rows[last] - rows[first] > MAX_BYTES:
        last -= 1
    return last


def _overlap(rows: list[int], first: int, cut: int) -> int:
    """First row of the part behind `cut`: some lines earlier, but behind the part before."""
    row = cut
    while row > first + 1 and row > cut - OVERLAP_LINES and rows[cut] - rows[row - 1] <= _OVERLAP_BYTES:
        row -= 1
    return row


def _rank(source: bytes, rows: list[int], row: int, borders: Mapping[int, int]) -> int:
    """How bad a cut before a row would be."""
    start = rows[row]
    text = source[start : start + 200]
    code = text.lstrip(b" \t")
    indentation = len(text) - len(code)
    after_blank = not source[rows[row - 1] : start].strip()
    rank = 0 if after_blank else 1
    depth = borders.get(start + indentation)
    following = row
    while code.startswith(_COMMENTS) and following + 1 < len(rows) and following < row + 8:
        following += 1
        code = source[rows[following] : rows[following] + 200].lstrip(b" \t")
    continues = code.startswith(_CONTINUING_CODE)
    if depth is not None and not continues:
        return rank + 2 * depth
    return _NO_BORDER + 30 * rank + (40 if continues else 0) + min(indentation, 30)
