"""Walks of folders on threads of their own; what they find is said in batches, stale walks fall silent."""

import itertools
import logging
import threading
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from pathlib import Path

from oasis_search.errors import WorkspaceError
from oasis_search.settings import IndexSettings
from oasis_search.syntax.units import Problem
from oasis_search.workspace.githead import head_state
from oasis_search.workspace.ignore import IgnoreRules, load_rules
from oasis_search.workspace.walk import FoundFile, walk

log = logging.getLogger(__name__)

BATCH = 256
"""Files said at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class WalkNews:
    """One thing that a walk says: first `rules`, then `found` in batches, at last `is_end`."""

    root: Path
    walk: threading.Event
    """Identity of the walk; set when nobody listens any more."""
    rules: IgnoreRules | None = None
    head: str | None = None
    """State of git when the walk began."""
    found: Sequence[FoundFile | Problem] = ()
    is_end: bool = False
    failure: str = ""


class Walks:
    """At most one walk a folder; starting another ends the first. Used from one thread."""

    def __init__(self, say: Callable[[WalkNews], None]) -> None:
        """`say` is called from the walks' threads and must only enqueue."""
        self._say = say
        self._running: dict[Path, threading.Event] = {}

    @property
    def running(self) -> Container[Path]:
        """Folders that are being walked."""
        return self._running

    def start(self, root: Path, settings: IndexSettings) -> None:
        """Begins to walk a folder."""
        self.stop(root)
        stop = self._running[root] = threading.Event()
        thread = threading.Thread(target=self._run, args=(root, settings, stop), daemon=True)
        thread.name = f"oasis-walk-{root.name}"
        thread.start()

    def stop(self, root: Path) -> None:
        """Ends the walk of a folder, if there is one."""
        stop = self._running.pop(root, None)
        if stop is not None:
            stop.set()

    def stop_all(self) -> None:
        """Ends all walks."""
        for root in list(self._running):
            self.stop(root)

    def is_current(self, news: WalkNews) -> bool:
        """Whether news come from the walk that runs now; its end is noted here."""
        if self._running.get(news.root) is not news.walk:
            return False
        if news.is_end:
            del self._running[news.root]
        return True

    def _run(self, root: Path, settings: IndexSettings, stop: threading.Event) -> None:
        failure = ""
        try:
            rules = load_rules(root, include=settings.include, exclude=settings.exclude)
            self._say(WalkNews(root, stop, rules=rules, head=head_state(root)))
            found = walk(root, rules, cancelled=stop.is_set)
            while batch := list(itertools.islice(found, BATCH)):
                self._say(WalkNews(root, stop, found=batch))
        except WorkspaceError as error:
            failure = str(error)
        except Exception:
            log.exception("Listing %s failed.", root)
            failure = f"Listing {root} failed; see the log."
        self._say(WalkNews(root, stop, is_end=True, failure=failure))
