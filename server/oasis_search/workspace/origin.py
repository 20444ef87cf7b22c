"""The piece of code that something similar is wanted to: from a place, a selection or pasted text.

A place means the unit around it. A selection means the unit that it nearly is, else its own text; one that
says too little (half a token, a comment line, a blank) means the unit around it. Pure: texts come from the
caller.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from oasis_search.errors import WorkspaceError
from oasis_search.index.model_text import named_text
from oasis_search.search.similar import Place
from oasis_search.syntax import CodeUnit, Language, cut_units, identifiers
from oasis_search.syntax.leaves import leaves

LEAST_WORDS = 4
"""Names and literals below which a selection means the unit around it."""

NEARLY = 0.8
"""Share of the bytes of both that a selection and a unit have in common to be taken for one another."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A piece of code, ready to be compared."""

    language: Language
    text_utf8: bytes
    """The piece alone."""
    name: str = ""
    container: str = ""
    path: str = ""
    """Of its file, absolute; empty for pasted text."""
    start_byte: int = 0
    """Within the file."""
    run_bytes: int = 0
    """Bytes of the units that it holds when it is not one itself but several; else 0."""

    def place_in(self, root: PurePath) -> Place | None:
        """Where it lies in a folder; None when it lies elsewhere, and for pasted text."""
        path = PurePath(self.path)
        if not self.path or not path.is_relative_to(root):
            return None
        end = self.start_byte + len(self.text_utf8)
        return Place(path.relative_to(root).as_posix(), self.start_byte, end)

    @property
    def encoded_text(self) -> str:
        """What encoders see: the text, and above it the name that is not in it, as of any unit."""
        return named_text(self.text_utf8, self.name, self.container)


def origin_of_text(text: str, language: Language) -> Origin:
    """A pasted or unsaved piece; raises WorkspaceError when it holds no word."""
    if not identifiers(text):
        raise WorkspaceError("The text has no words to compare: select or paste some code.")
    raw = text.encode("utf-8", "replace")
    units, _ = cut_units(raw, language)
    only = [unit for unit in units if unit.name]
    if len(only) == 1 and _common(only[0], 0, len(raw)) >= NEARLY:
        return _of_unit(only[0], raw, language, "")
    return Origin(language, raw, run_bytes=run_bytes(units))


def origin_at(source: bytes, language: Language, path: str, start_byte: int, end_byte: int) -> Origin:
    """The piece that `[start_byte, end_byte)` of a file means; equal ends are a place.

    Raises WorkspaceError for a file without a word.
    """
    start_byte = max(0, min(start_byte, len(source)))
    end_byte = max(start_byte, min(end_byte, len(source)))
    units, _ = cut_units(source, language)
    if not units:
        raise WorkspaceError(f"{path} has no words to compare: choose another file.")
    selected = source[start_byte:end_byte]
    best = max(units, key=lambda unit: _common(unit, start_byte, end_byte), default=None)
    if best is not None and _common(best, start_byte, end_byte) >= NEARLY:
        return _of_unit(best, source, language, path)
    said = [leaf for leaf in leaves(source, language, (start_byte, end_byte)) if leaf.part != "language"]
    if len(said) < LEAST_WORDS:
        return _of_unit(_around(units, start_byte, end_byte), source, language, path)
    inside, _ = cut_units(selected, language)
    return Origin(language, selected, path=path, start_byte=start_byte, run_bytes=run_bytes(inside))


def run_bytes(units: Sequence[CodeUnit]) -> int:
    """Bytes of the units of a piece that holds several; 0 for fewer."""
    return sum(unit.span.end_byte - unit.span.start_byte for unit in units) if len(units) > 1 else 0


def _of_unit(unit: CodeUnit, source: bytes, language: Language, path: str) -> Origin:
    text = source[unit.span.start_byte : unit.span.end_byte]
    return Origin(language, text, unit.name, unit.container, path, unit.span.start_byte)


def _around(units: tuple[CodeUnit, ...], start_byte: int, end_byte: int) -> CodeUnit:
    """The smallest unit that holds the range, a definition before the rest of a file; else the nearest."""
    holding = [u for u in units if u.span.start_byte <= start_byte and end_byte <= u.span.end_byte]
    if holding:
        return min(holding, key=lambda unit: (not unit.name, unit.span.end_byte - unit.span.start_byte))
    return min(units, key=lambda unit: _distance(unit, start_byte, end_byte))


def _distance(unit: CodeUnit, start_byte: int, end_byte: int) -> int:
    return max(unit.span.start_byte - end_byte, start_byte - unit.span.end_byte, 0)


def _common(unit: CodeUnit, start_byte: int, end_byte: int) -> float:
    """Bytes that both have over bytes that either has, 0 to 1."""
    common = min(unit.span.end_byte, end_byte) - max(unit.span.start_byte, start_byte)
    whole = max(unit.span.end_byte, end_byte) - min(unit.span.start_byte, start_byte)
    return max(0, common) / whole if whole else 0.0
