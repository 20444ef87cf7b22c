"""The duplicates of a folder: groups of copies, with the place of every member, verified against its text."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from oasis_search.errors import Cancelled
from oasis_search.index.record import unit_key
from oasis_search.index.snapshot import Snapshot, UnitView
from oasis_search.search.clones import Level, Sketch, sketch
from oasis_search.search.duplicates import CANCELLED, comparable_units, group_pairs, near_pairs, shaped_pairs
from oasis_search.search.filters import allowed_units
from oasis_search.search.query import Filter
from oasis_search.search.roles import roles_of
from oasis_search.syntax import language_by_name
from oasis_search.syntax.languages import TEXT
from oasis_search.syntax.leaves import leaves
from oasis_search.syntax.units import Problem
from oasis_search.workspace.files import read_source, source_of_bytes
from oasis_search.workspace.folder import FolderIndex
from oasis_search.workspace.unsaved import UnsavedTexts
from oasis_search.workspace.verify import MAX_BYTES

NOT_OURS = frozenset(("vendored", "generated", "declarations"))
"""Roles of files whose repetitions nobody merges."""

Report = Callable[[str, int, int], None]
"""(what, done, total)"""


def no_report(what: str, done: int, total: int) -> None:
    """Report to nobody."""


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Units that are copies of one another."""

    level: Level
    worth: float
    """Lines that merging would save, less where more has to be adapted."""
    members: tuple[UnitView, ...]
    """In the order of their paths."""


@dataclass(frozen=True, slots=True)
class DuplicateAnswer:
    """The duplicates of one folder, the most worth merging first."""

    root: Path
    groups: tuple[DuplicateGroup, ...]
    units: int
    """That were compared: whole functions and methods that are not tiny."""
    model: str
    """Whose vectors chose what to compare."""


def find_duplicates(
    index: FolderIndex,
    model: str,
    unsaved: UnsavedTexts,
    *,
    restriction: Filter,
    weakest: Level,
    report: Report = no_report,
    cancelled: Callable[[], bool] = lambda: False,
) -> DuplicateAnswer:
    """All groups of a folder as its first tier sees it. Minutes for 100,000 units. Raises Cancelled."""
    snapshot = index.snapshot
    allowed = allowed_units(snapshot, restriction)
    units = comparable_units(snapshot, index.fingerprint, allowed)
    units = units[[not _is_foreign(snapshot, unit) for unit in units.tolist()]] if len(units) else units

    def progress(done: int, total: int) -> None:
        report("compared", done, total)

    pairs = list(near_pairs(snapshot, index.fingerprint, units, on_progress=progress, cancelled=cancelled))
    sketches = _sketches(index, snapshot, units.tolist(), unsaved, report, cancelled)
    pairs += shaped_pairs(sketches)
    groups = group_pairs(snapshot, pairs, sketches, weakest=weakest, cancelled=cancelled)
    return DuplicateAnswer(
        index.root,
        tuple(
            DuplicateGroup(
                group.level,
                group.worth,
                tuple(sorted(map(snapshot.view, group.units), key=lambda v: (v.path, v.span.start_byte))),
            )
            for group in groups
        ),
        len(units),
        model,
    )


def _is_foreign(snapshot: Snapshot, unit: int) -> bool:
    segment, row = snapshot.locate(unit)
    file = int(segment.file_of[row])
    names = {role.name for role in roles_of(segment.paths[file], segment.languages[file])}
    return not names.isdisjoint(NOT_OURS)


def _sketches(
    index: FolderIndex,
    snapshot: Snapshot,
    units: Iterable[int],
    unsaved: UnsavedTexts,
    report: Report,
    cancelled: Callable[[], bool],
) -> dict[int, Sketch]:
    """Of every unit whose text still is what was indexed. Each file is read once.

    Raises Cancelled between two files.
    """
    by_path: dict[str, list[int]] = {}
    for unit in units:
        by_path.setdefault(snapshot.view(unit).path, []).append(unit)
    found: dict[int, Sketch] = {}
    for done, (path, chosen) in enumerate(sorted(by_path.items())):
        if cancelled():
            raise Cancelled(CANCELLED)
        report("read", done, len(by_path))
        full = index.root / path
        text = unsaved.text_of(str(full))
        read = read_source(full, max_bytes=MAX_BYTES) if text is None else source_of_bytes(path, text)
        if isinstance(read, Problem):
            continue
        for unit in chosen:
            view = snapshot.view(unit)
            body = read.text_utf8[view.span.start_byte : view.span.end_byte]
            if unit_key(body, view.name, view.container) == view.key:
                found[unit] = sketch(leaves(body, language_by_name(view.language) or TEXT), view.language)
    return found
