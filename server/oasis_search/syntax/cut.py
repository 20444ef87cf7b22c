"""One file into units: `cut_units(source, language)`.

Definitions become units of their own; what lies between them becomes module-level units, or parts of the
class they lie in. Every byte with a word character ends up in at least one unit. Pure, deterministic, and
never raises on bad code: syntax errors are ordinary, a failing grammar leads to windows and one `Problem`.
"""

from bisect import bisect_left
from dataclasses import dataclass

import tree_sitter

from oasis_search.syntax.definitions import Definition, Matches, is_large, sort_matches
from oasis_search.syntax.documentation import comment_text, docstring_text, without_comments
from oasis_search.syntax.grammars import load_grammar, match_query, parse_tree
from oasis_search.syntax.languages import Language
from oasis_search.syntax.lines import SourceLines, read_lines
from oasis_search.syntax.pieces import Piece, divide_region
from oasis_search.syntax.split import is_long, split_range, statement_borders
from oasis_search.syntax.units import CodeUnit, Kind, Problem
from oasis_search.syntax.windows import cut_windows

MAX_DEPTH = 24
"""Deeper nesting of definitions stays within its parent: no real code nests so, and recursion is bounded."""

_SIGNATURE_CHARACTERS = 200
_HEAD_BYTES = 600

_OPENING = " {:;="


@dataclass(frozen=True, slots=True)
class _File:
    """Everything known of the file that is being cut."""

    lines: SourceLines
    language: Language
    root: tree_sitter.Node
    matches: Matches


@dataclass(frozen=True, slots=True)
class _Owner:
    """The fields that all parts of one unit share."""

    kind: Kind
    name: str
    container: str
    signature: str
    doc: str
    name_start: int
    name_end: int


def cut_units(source: bytes, language: Language) -> tuple[tuple[CodeUnit, ...], tuple[Problem, ...]]:
    """Units of `source` in source order, and what went wrong; linear in its length.

    `source` should be UTF-8 without a byte-order mark; other bytes are cut all the same and decode to U+FFFD.
    """
    lines = read_lines(source)
    if language.grammar is None:
        return tuple(cut_windows(lines, language)), ()
    try:
        grammar = load_grammar(language)
        tree = parse_tree(grammar, source)
        matches = sort_matches(match_query(grammar, tree), source)
        file = _File(lines, language, tree.root_node, matches)
        units: list[CodeUnit] = []
        _cut_region(file, matches.definitions, (0, len(source)), (), None, units)
    except (ValueError, RuntimeError, RecursionError, MemoryError) as error:
        detail = f"The {language.name} grammar gave up ({error}); the file was cut in windows instead."
        return tuple(cut_windows(lines, language)), (Problem("", "parse-error", detail),)
    units.sort(key=_position)
    return tuple(units), ()


def _position(unit: CodeUnit) -> tuple[int, int]:
    return unit.span.start_byte, unit.span.end_byte


def _cut_region(
    file: _File,
    definitions: list[Definition],
    region: tuple[int, int],
    path: tuple[str, ...],
    owner: _Owner | None,
    units: list[CodeUnit],
    header_end: int = 0,
) -> None:
    """Cut a range of bytes, of which `definitions` are units and the rest is `owner`'s.

    A header (of a namespace) goes with whatever is first behind it.
    """
    start, end = region
    pieces = divide_region(
        file.lines,
        file.language,
        file.matches.attribute_starts,
        definitions,
        (max(start, header_end), end),
        head_words=1 if owner is not None else 2,
    )
    if header_end > start and pieces:
        pieces[0].start = start
    own: list[tuple[int, int]] = []
    for piece in pieces:
        if piece.definition is not None:
            _cut_definition(file, piece, piece.definition, path, owner, units)
        elif owner is not None:
            own.append((piece.start, piece.end))
        else:
            _cut_gap(file, piece.start, piece.end, path, units)
    if owner is not None:
        _emit(file, owner, own, units)


def _cut_definition(
    file: _File,
    piece: Piece,
    definition: Definition,
    path: tuple[str, ...],
    owner: _Owner | None,
    units: list[CodeUnit],
) -> None:
    """Cut a definition: a namespace gives only what is in it, a class or function itself too."""
    lines = file.lines
    name = lines.text(definition.name_start, definition.name_end)
    children = definition.children if len(path) < MAX_DEPTH else []
    role = definition.role
    if role == "module":
        role = "class" if any(child.role in ("function", "method") for child in children) else "namespace"
    inner_path = (*path, definition.container) if definition.container else path
    container = ".".join(inner_path)
    if role in ("namespace", "package"):
        inner_path = (*path, _dotted_name(name)) if name else path
        header_end = max(definition.name_end, definition.body)
        _cut_region(file, children, (piece.start, piece.end), inner_path, None, units, header_end)
        return
    kind: Kind
    if role == "class":
        kind = "class"
        children = [child for child in children if not _stays_inside(lines, child)]
    else:
        in_class = owner is not None and owner.kind == "class"
        kind = "method" if role == "method" or in_class or definition.container else "function"
        long = is_long(lines, piece.start, piece.end)
        children = [child for child in children if _is_inner_unit(lines, child)] if long else []
    own = _Owner(
        kind,
        name,
        container,
        _signature(file, definition),
        _documentation(file, piece, definition),
        definition.name_start,
        definition.name_end,
    )
    _cut_region(file, children, (piece.start, piece.end), (*inner_path, name), own, units)


def _stays_inside(lines: SourceLines, child: Definition) -> bool:
    """A class member that is no unit: a one-line alias, constant type or nested exception."""
    return child.role in ("class", "namespace") and lines.source.find(b"\n", child.start, child.end) < 0


def _is_inner_unit(lines: SourceLines, child: Definition) -> bool:
    """A definition inside a long function that is a unit of its own."""
    return child.role in ("function", "method", "class") and is_large(child, lines.source)


def _dotted_name(name: str) -> str:
    return name.replace("::", ".").replace("\\", ".")


def _signature(file: _File, definition: Definition) -> str:
    """Head of a definition on one line, without attributes and the sign that opens the body."""
    lines, attributes = file.lines, file.matches.attributes
    start = max(definition.head, definition.name_start - _HEAD_BYTES)
    while (behind := attributes.get(start, -1)) > start:
        start = behind
        while lines.source[start : start + 1].isspace():
            start += 1
    end = definition.body
    if end < definition.name_end:
        end = min(definition.end, lines.line_end(definition.name_end))
    head = without_comments(lines.text(start, min(end, definition.name_end + _HEAD_BYTES)), file.language)
    return " ".join(head.split())[:_SIGNATURE_CHARACTERS].removesuffix("=>").rstrip(_OPENING)


def _documentation(file: _File, piece: Piece, definition: Definition) -> str:
    lines = file.lines
    doc_end = file.matches.doc_ends.get(definition.body)
    if doc_end is not None:
        return docstring_text(lines.text(definition.body, doc_end))
    return comment_text(lines.text(piece.doc_start, piece.doc_end))


def _cut_gap(file: _File, start: int, end: int, path: tuple[str, ...], units: list[CodeUnit]) -> None:
    """Module-level code between definitions."""
    doc_end = file.matches.doc_ends.get(start)
    doc = docstring_text(file.lines.text(start, doc_end)) if doc_end is not None and doc_end <= end else ""
    _emit(file, _Owner("module", "", ".".join(path), "", doc, -1, -1), [(start, end)], units)


def _emit(file: _File, owner: _Owner, stretches: list[tuple[int, int]], units: list[CodeUnit]) -> None:
    """One unit for a single short stretch, else numbered parts."""
    lines = file.lines
    parts: list[tuple[int, int]] = []
    for start, end in stretches:
        if is_long(lines, start, end):
            borders = statement_borders(file.root, start, end)
            parts += [lines.trim(*part) for part in split_range(lines, start, end, borders)]
        else:
            parts.append((start, end))
    parts = [part for part in parts if lines.has_words(*part)]
    name_span = lines.span(owner.name_start, owner.name_end) if owner.name_start >= 0 else None
    for number, (start, end) in enumerate(parts, start=1):
        units.append(
            CodeUnit(
                owner.kind,
                file.language.name,
                owner.name,
                owner.container,
                owner.signature,
                owner.doc,
                _calls(file.matches, start, end),
                lines.span(start, end),
                name_span or lines.first_text_line(start, end),
                number if len(parts) > 1 else 0,
            )
        )


def _calls(matches: Matches, start: int, end: int) -> tuple[str, ...]:
    first = bisect_left(matches.call_starts, start)
    last = bisect_left(matches.call_starts, end, first)
    return tuple(dict.fromkeys(matches.call_names[first:last]))
