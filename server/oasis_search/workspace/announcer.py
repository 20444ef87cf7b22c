"""Tells about folders often enough and not too often."""

import time
from collections.abc import Callable

from oasis_search.workspace.folder import FolderIndex
from oasis_search.workspace.status import FolderStatus, Phase

PAUSE_S = 0.1
"""Between two statuses of one folder, unless its phase changed."""


class Announcer:
    """Remembers which folders changed and what was last told of them. Used from one thread."""

    def __init__(self, tell: Callable[[FolderStatus], None] | None) -> None:
        self._tell = tell
        self._told: dict[FolderIndex, tuple[Phase, float]] = {}
        self._changed: set[FolderIndex] = set()

    def note(self, folder: FolderIndex) -> None:
        """Something about a folder changed."""
        self._changed.add(folder)

    def forget(self, folder: FolderIndex) -> None:
        """A folder is gone."""
        self._changed.discard(folder)
        self._told.pop(folder, None)

    def due(self) -> float | None:
        """When something has to be told, in the time of `time.monotonic`; None when nothing has."""
        return min((self._told.get(f, (None, 0.0))[1] + PAUSE_S for f in self._changed), default=None)

    def announce(self) -> None:
        """Tells what is due."""
        now = time.monotonic()
        for folder in list(self._changed):
            phase, when = self._told.get(folder, (None, 0.0))
            if phase is folder.phase and now - when < PAUSE_S:
                continue
            self._changed.discard(folder)
            self._told[folder] = (folder.phase, now)
            if self._tell is not None:
                self._tell(folder.status())
