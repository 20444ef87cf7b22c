"""Texts that are open in an editor and may differ from the disk; they win over it everywhere."""

import threading
from collections.abc import Sequence

from oasis_search.workspace.changes import Cause, FileChange


class UnsavedTexts:
    """Absolute path -> text as UTF-8; safe to use from any thread."""

    def __init__(self) -> None:
        self._texts: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def apply(self, changes: Sequence[FileChange]) -> None:
        """Takes over what editors said, in order."""
        with self._lock:
            for change in changes:
                if change.cause is Cause.CLOSED:
                    self._texts.pop(str(change.path), None)
                elif change.text is not None:
                    self._texts[str(change.path)] = change.text.encode("utf-8", "replace")

    def text_of(self, path: str) -> bytes | None:
        """The unsaved text of an absolute path, None when no editor has it open."""
        with self._lock:
            return self._texts.get(path)

    def paths(self) -> list[str]:
        """All open paths."""
        with self._lock:
            return list(self._texts)
