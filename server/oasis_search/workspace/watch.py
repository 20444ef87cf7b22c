"""Watches a workspace folder for clients that do not: one thread around watchfiles.

Says what changed, not what it means: a batch may name folders, files that rules leave out, and files that are
gone again. Of git's own folder only what changes with the checked-out state is passed on (then ask
`githead.head_state`); in a linked worktree that folder lies elsewhere and is not watched. Deliberately keeps
no picture of the tree. watchfiles is imported by the thread, so that importing this module costs nothing.
"""

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from oasis_search.workspace.ignore import DEFAULT_EXCLUDES, VERSION_CONTROL

if TYPE_CHECKING:
    from watchfiles import Change

ChangeKind = Literal["created", "changed", "deleted"]
Watching = Literal["own", "polling", "off"]
"""By the system's notices, by looking through the folder, or not at all."""
Batch = list[tuple[str, ChangeKind]]
"""Absolute paths in order, each once."""

_GROUP_MS = 400
"""Longest time changes are collected into one batch."""
_STEP_MS = 100
"""A batch ends after this long without a change; also how often `stop` is looked at."""
_POLL_MS = 2000
"""Pause between two looks at the whole tree where the system cannot notify."""
_LOOK_AT_ROOT_MS = 1000
"""How often a quiet watcher looks whether its folder still exists."""

_log = logging.getLogger(__name__)


class Watcher:
    """Reports changes below one folder from a thread of its own, from `start` until `stop`."""

    def __init__(
        self,
        root: Path,
        *,
        on_batch: Callable[[Batch], None],
        on_state: Callable[[Watching, str], None],
        ignored: Callable[[str], bool] | None = None,
    ) -> None:
        """All callbacks are called on the watcher's thread.

        `on_state` hears how the folder is watched from now on, whenever that is no longer what it was ("own"
        at the start), and what is wrong, in a sentence that is empty when nothing is.
        `ignored` gets a path relative to `root` (POSIX) and says that its changes are of no interest; by
        default what lies below `DEFAULT_EXCLUDES`. The state of git is passed on whatever it says.
        """
        self._root = os.path.abspath(root)
        self._on_batch = on_batch
        self._on_state = on_state
        self._ignored = ignored or is_below_default_exclude
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="oasis-watch", daemon=True)

    def start(self) -> None:
        """Begins to watch; returns at once, before the system has been asked."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread within a fraction of a second; safe to call twice and from a callback."""
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        polls = False
        try:
            while not self._stop.is_set():
                if not os.path.isdir(self._root):
                    self._await_root()
                    polls = False  # It may be another file system that came back.
                    continue
                try:
                    self._watch(polls)
                except Exception as error:  # of many types: the watch limit, no permission, no native module
                    if not os.path.isdir(self._root):
                        continue
                    if polls:
                        raise
                    polls = True
                    self._on_state(
                        "polling",
                        f"Changes in {self._root} cannot be watched ({error}); the folder is looked through "
                        f"every {_POLL_MS // 1000} s instead. On Linux, raise fs.inotify.max_user_watches.",
                    )
        except Exception as error:
            _log.exception("the watcher of %s ended", self._root)
            self._on_state(
                "off",
                f"Changes in {self._root} are no longer watched ({error}); reindex after outside changes.",
            )

    def _await_root(self) -> None:
        self._on_state("off", f"The folder {self._root} is gone; it is watched again as soon as it is back.")
        while not self._stop.wait(_LOOK_AT_ROOT_MS / 1000):
            if os.path.isdir(self._root):
                self._report([(self._root, "created")])
                self._on_state("own", "")
                return

    def _watch(self, polls: bool) -> None:
        """Reports batches until told to stop or the root is gone."""
        from watchfiles import watch

        batches = watch(
            self._root,
            watch_filter=None,
            debounce=_GROUP_MS,
            step=_STEP_MS,
            stop_event=self._stop,
            rust_timeout=_LOOK_AT_ROOT_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
            force_polling=polls or None,
            poll_delay_ms=_POLL_MS,
            ignore_permission_denied=True,
        )
        for changes in batches:
            if not os.path.isdir(self._root):
                return
            batch = self._batch_of(changes)
            if batch:
                self._report(batch)

    def _report(self, batch: Batch) -> None:
        try:
            self._on_batch(batch)
        except Exception:  # the fault of one batch, not of the watching
            _log.exception("a batch of %d changes in %s was lost", len(batch), self._root)

    def _batch_of(self, changes: set[tuple["Change", str]]) -> Batch:
        """One entry a path; what the system said in several events is settled by what exists now."""
        kinds: dict[str, set[str]] = {}
        for change, path in changes:
            inner = self._relative(path)
            if inner is not None and self._is_wanted(inner):
                kinds.setdefault(os.path.join(self._root, inner), set()).add(change.raw_str())
        batch: Batch = []
        for path in sorted(kinds):
            if not os.path.lexists(path):
                batch.append((path, "deleted"))
            else:
                batch.append((path, "created" if kinds[path] == {"added"} else "changed"))
        return batch

    def _relative(self, path: str) -> str | None:
        for root in (self._root, os.path.realpath(self._root)):  # macOS reports real paths
            if path.startswith(root + os.sep):
                return path[len(root) + 1 :]
        return None

    def _is_wanted(self, inner: str) -> bool:
        path = inner.replace(os.sep, "/")
        if VERSION_CONTROL.isdisjoint(path.split("/")):
            return not self._ignored(path)
        return is_git_state(path)


def is_git_state(path: str) -> bool:
    """Whether `path` is a file in a `.git` folder that changes with commits, branches or the index."""
    parts = path.split("/")
    if ".git" not in parts or parts[-1].endswith(".lock"):
        return False
    inner = parts[parts.index(".git") + 1 :]
    return inner in (["HEAD"], ["index"], ["packed-refs"]) or inner[:1] in (["refs"], ["reftable"])


def is_below_default_exclude(path: str) -> bool:
    """Whether a part of `path` is a name of `DEFAULT_EXCLUDES`."""
    return not DEFAULT_EXCLUDES.isdisjoint(path.split("/"))
