"""Which units of a folder a model has yet to see, and their text as it is now.

Used from the upgrading thread alone. A unit whose file changed since it was indexed is left alone until it
was indexed again: its vector would belong to another text.
"""

import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from oasis_search.index import UnitView
from oasis_search.index.model_text import model_text
from oasis_search.index.snapshot import Snapshot
from oasis_search.index.tiers import covered
from oasis_search.syntax.units import Problem
from oasis_search.workspace.files import SourceText, read_source, source_of_bytes
from oasis_search.workspace.folder import FolderIndex
from oasis_search.workspace.unsaved import UnsavedTexts

READ_LIMIT = 1 << 30
"""Bytes of a file: what is in the index passed the limit of the settings."""


@dataclass(frozen=True, slots=True)
class Work:
    """Units to cover next."""

    units: tuple[UnitView, ...]
    keys: tuple[bytes, ...]
    is_deferred: bool
    """Whether there are more, in texts that are being typed."""


@dataclass(frozen=True, slots=True)
class UnitText:
    """What a model sees of one unit."""

    key: bytes
    text: str
    is_saved: bool
    """Whether it stands so on disk."""


class MissingUnits:
    """Remembers what cannot be encoded, so that it is not tried again and again."""

    def __init__(self, unsaved: UnsavedTexts) -> None:
        self._unsaved = unsaved
        self._refused: set[bytes] = set()
        self._stale: dict[tuple[Path, str], bytes | None] = {}
        self._changed: OrderedDict[str, None] = OrderedDict()

    def forget(self) -> None:
        """Another model: everything may be tried again."""
        self._refused.clear()
        self._stale.clear()

    def refuse(self, keys: Iterable[bytes]) -> None:
        """These have no vector and will get none."""
        self._refused.update(keys)

    def take_changed(self) -> list[str]:
        """Paths that were found to differ from what is indexed, once each."""
        paths = list(self._changed)
        self._changed.clear()
        return paths

    def of(self, folder: FolderIndex, fingerprint: str, limit: int, quiet_s: float) -> Work:
        """At most `limit` units without a vector, those of open files first; O(units)."""
        snapshot = folder.snapshot
        uncovered = snapshot.alive & ~covered(snapshot, fingerprint)
        first: list[int] = []
        deferred: set[str] = set()
        now = time.monotonic()
        for path in self._open_paths(folder):
            units = [unit for unit in snapshot.units_of(path) if uncovered[unit]]
            if units and now - folder.edited_at(path) < quiet_s:
                deferred.add(path)
                uncovered[units] = False
            else:
                first += units
        uncovered[first] = False
        views: list[UnitView] = []
        for unit in (*first, *np.flatnonzero(uncovered).tolist()):
            segment, row = snapshot.locate(unit)
            if self._refused and segment.keys[row].tobytes() in self._refused:
                continue
            path = segment.paths[int(segment.file_of[row])]
            if self._stale and self._is_stale(snapshot, folder.root, path):
                continue
            views.append(snapshot.view(unit))
            if len(views) == limit:
                break
        return Work(tuple(views), tuple(view.key for view in views), bool(deferred))

    def texts(self, folder: FolderIndex, units: Sequence[UnitView]) -> list[UnitText]:
        """Their texts, without those whose file is not what was indexed."""
        by_path: dict[str, list[UnitView]] = {}
        for view in units:
            by_path.setdefault(view.path, []).append(view)
        found: list[UnitText] = []
        seen: set[bytes] = set()
        for path, views in by_path.items():
            source, is_saved = self._read(folder.root / path)
            digest = folder.snapshot.digest_of(path)
            if isinstance(source, Problem) or source.digest != digest:
                self._stale[(folder.root, path)] = digest
                self._changed[path] = None
                continue
            for view in views:
                if view.key not in seen:
                    seen.add(view.key)
                    found.append(UnitText(view.key, model_text(view, source.text_utf8), is_saved))
        return found

    def _open_paths(self, folder: FolderIndex) -> list[str]:
        paths = [Path(path) for path in self._unsaved.paths()]
        return [p.relative_to(folder.root).as_posix() for p in paths if p.is_relative_to(folder.root)]

    def _is_stale(self, snapshot: Snapshot, root: Path, path: str) -> bool:
        place = (root, path)
        return place in self._stale and self._stale[place] == snapshot.digest_of(path)

    def _read(self, path: Path) -> tuple[SourceText | Problem, bool]:
        text = self._unsaved.text_of(str(path))
        if text is not None:
            return source_of_bytes(path.name, text), False
        return read_source(path, max_bytes=READ_LIMIT), True
