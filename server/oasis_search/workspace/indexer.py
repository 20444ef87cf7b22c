"""The indexing thread: the one owner of all that changes, fed through one queue of actions.

Walks, workers, watchers and callers only post actions; this thread runs them one after another, hands files
to workers (edits before bulk), publishes snapshots and tells about progress. It never parses or encodes
itself.
"""

import itertools
import logging
import math
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from oasis_search.encoder import BagEncoder, load
from oasis_search.errors import OasisError, StoreError
from oasis_search.index.store import Store
from oasis_search.settings import Settings
from oasis_search.workspace.announcer import Announcer
from oasis_search.workspace.folder import FolderIndex
from oasis_search.workspace.githead import head_state
from oasis_search.workspace.ignore import IgnoreRules, changes_rules
from oasis_search.workspace.memory import give_back_large_blocks
from oasis_search.workspace.model_tier import first_tier_of, spec_of
from oasis_search.workspace.pool import WorkerDied, WorkerPool
from oasis_search.workspace.status import FolderStatus, Phase
from oasis_search.workspace.tasks import FileTask, Task, TaskResult, WorkerSetup
from oasis_search.workspace.trouble import Concern
from oasis_search.workspace.unsaved import UnsavedTexts
from oasis_search.workspace.upgrade import Upgrader
from oasis_search.workspace.walk import FoundFile
from oasis_search.workspace.walks import WalkNews, Walks
from oasis_search.workspace.watch import Batch, Watcher, Watching, is_git_state

log = logging.getLogger(__name__)

EDIT_PRIORITY, CHANGE_PRIORITY, BULK_PRIORITY = 0, 1, 2

EDIT_DEBOUNCE_S = 0.03
"""Quiet time before an edited file is cut again."""

RESCAN_DEBOUNCE_S = 0.2
"""Quiet time before a folder is walked again after a branch switch or a change of rules."""

MANY_CHANGES = 300
"""Changed files in one batch beyond which a walk is cheaper than asking for each."""

TASK_BYTES, TASK_FILES = 128 * 1024, 64
"""Size of a bulk task: about 50 ms of a worker, so that an edit never waits long behind one."""

FIRST_PUBLISH_S, PUBLISH_S = 0.1, 0.5
"""Pause between two published snapshots while indexing; grows with the time that publishing takes."""

IDLE_S = 20.0
"""After this long without work all workers but one end."""

_SETTLED = (Phase.READY, Phase.FAILED, Phase.DISABLED)


class Indexer:
    """Starts its thread with the first folder; `close` ends it and all that it started."""

    def __init__(
        self,
        settings: Settings,
        store_file: Path,
        unsaved: UnsavedTexts,
        on_status: Callable[[FolderStatus], None] | None,
    ) -> None:
        self.folders: dict[Path, FolderIndex] = {}
        """Replaced as a whole; other threads may read it."""
        self.encoder: BagEncoder | None = None
        """Set before the first folder is indexed."""
        self.encoder_problem = ""
        self._settings = settings
        self._store_file = store_file
        self._store: Store | None = None
        self._store_problem = ""
        self._unsaved = unsaved
        self._announcer = Announcer(on_status)
        self._actions: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._pool: WorkerPool | None = None
        self._rules: dict[Path, IgnoreRules] = {}
        self._heads: dict[Path, str | None] = {}
        self.models = Upgrader(
            store_file,
            unsaved,
            lambda: self.folders,
            self.post,
            self._announcer.note,
            lambda paths: self.note_changes(paths, is_edit=False),
        )
        """The models above the first tier."""
        self._walks = Walks(lambda news: self.post(partial(self._hear_walk, news)))
        self._watchers: dict[Path, Watcher] = {}
        self._to_watch: set[Path] = set()
        self._edited: dict[tuple[Path, str], float] = {}
        self._rescans: dict[Path, float] = {}
        self._next_publish = 0.0
        self._idle_since = time.monotonic()
        self._paused = False
        self._closing = False
        self._tickets = itertools.count(1)
        self._changed = threading.Condition()
        self._n_posted = self._n_handled = 0
        self._is_stepping = False
        self._thread = threading.Thread(target=self._run, name="oasis-indexer", daemon=True)

    # --- called from any thread ---------------------------------------------------------------------------

    @property
    def is_started(self) -> bool:
        """Whether `start` was called."""
        return self._thread.ident is not None

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def post(self, action: Callable[[], None]) -> None:
        """Runs `action` on the indexing thread, after what was posted before."""
        with self._changed:
            self._n_posted += 1
        self._actions.put(action)

    def is_settled(self, roots: Iterable[Path], *, with_model: bool = False) -> bool:
        """Whether nothing is left to do for these folders: all that was posted is in their snapshots.

        With `with_model`, also whether the chosen model covers all that it can. Only for `wait`: no step
        begins while it asks, and within a step work is for moments neither due nor under way nor done.
        """
        folders = self.folders
        if with_model and not self.models.is_done:
            return False
        return (
            not self._is_stepping
            and self._n_posted == self._n_handled
            and all(
                root in folders
                and folders[root].phase in _SETTLED
                and not folders[root].has_unpublished
                and (folders[root].is_complete or folders[root].phase is not Phase.READY)
                and root not in self._walks.running
                and root not in self._rescans
                and not self._has_edits(root)
                for root in roots
            )
        )

    def wait(self, condition: Callable[[], bool], timeout_s: float | None) -> bool:
        """Waits until `condition` holds after some step of the thread; False when time ran out."""
        with self._changed:
            return self._changed.wait_for(condition, timeout_s)

    def close(self) -> None:
        """Ends the thread, walks, watchers and workers; what is stored stays."""
        if self._thread.is_alive():
            self.post(self._close)
            self._thread.join(10)

    # --- the thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._open()
        except Exception as error:
            log.exception("Indexing cannot start.")
            self.encoder_problem = f'Indexing cannot start ({error}); run "oasis doctor".'
        while not self._closing:
            try:
                action = self._actions.get(timeout=self._pause())
            except queue.Empty:
                action = None
            with self._changed:
                self._is_stepping = True
            try:
                if action is not None:
                    action()
                if not self._closing:  # What is due now would start a worker that nobody ends.
                    self._advance()
            except Exception:
                log.exception("An indexing step failed; indexing goes on.")
            with self._changed:
                self._is_stepping = False
                self._n_handled += action is not None
                self._changed.notify_all()
        if self._store is not None:
            self._store.close()

    def _open(self) -> None:
        give_back_large_blocks()
        try:
            self._store = Store(self._store_file)
        except StoreError as error:
            log.error("%s", error)
            self._store_problem = str(error)
        self._load_encoder()

    def _load_encoder(self) -> None:
        model = "static"
        try:
            model = first_tier_of(self._settings)
            encoder = load(model)
        except OasisError as error:
            self.encoder_problem = str(error)
            log.error("%s", error)
            model = "static"
            encoder = load(model)
        if not isinstance(encoder, BagEncoder):
            raise TypeError(f"Encoder {encoder.name} does not work on bags of words.")
        self.encoder = encoder
        index = self._settings.index
        size = index.workers or min(4, os.cpu_count() or 1)
        setup = WorkerSetup(str(self._store_file), model, index.max_file_kb * 1024)
        self._pool = WorkerPool(size, setup, lambda said: self.post(partial(self._hear, said)))
        self._hold_back()
        self._choose_model()

    def _choose_model(self) -> None:
        """The model of the settings above the first tier; what is wrong with it stands in the status."""
        try:
            self.models.choose(None if self.encoder_problem else spec_of(self._settings))
        except OasisError as error:
            self.encoder_problem = str(error)
            log.error("%s", error)

    def _pause(self) -> float | None:
        """Seconds until something is due, None when nothing is."""
        due = [*self._edited.values(), *self._rescans.values()]
        due += [folder.save_due for folder in self.folders.values() if folder.save_due < math.inf]
        if any(folder.has_unpublished for folder in self.folders.values()):
            due.append(self._next_publish)
        announcement = self._announcer.due()
        if announcement is not None:
            due.append(announcement)
        if self._pool is not None and self._pool.load:
            due.append(time.monotonic() + 1.0)
        elif self._pool is not None:
            due.append(self._idle_since + IDLE_S if self._idle_since else time.monotonic() + 3600)
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _advance(self) -> None:
        now = time.monotonic()
        for place in [place for place, due in self._edited.items() if due <= now]:
            del self._edited[place]
            self._request_edit(*place)
        for root in [root for root, due in self._rescans.items() if due <= now]:
            del self._rescans[root]
            self._scan(root)
        if self._pool is not None:
            self._pool.dispatch()
            if self._pool.failed:
                self._give_up()
            if self._pool.load:
                self._idle_since = now
            elif self._idle_since and now - self._idle_since > IDLE_S:
                self._pool.shrink()
                self._idle_since = 0.0
        self._settle(now)
        self._announcer.announce()

    def _has_edits(self, root: Path) -> bool:
        """Whether texts of the editor in this folder wait to be read."""
        return any(place[0] == root for place in self._edited)

    def _settle(self, now: float) -> None:
        """Publishes what is due, and notices folders that are complete."""
        for root, folder in self.folders.items():
            complete = folder.is_complete and root not in self._walks.running
            if folder.has_unpublished and (complete or now >= self._next_publish):
                folder.publish()
                self.models.look()
                spent = time.monotonic() - now
                self._next_publish = time.monotonic() + max(PUBLISH_S, 4 * spent)
                self._announcer.note(folder)
            if now >= folder.save_due:
                folder.save()
                self._announcer.note(folder)
            is_read = complete and not self._has_edits(root)
            if is_read and folder.phase in (Phase.INDEXING, Phase.SCANNING):
                folder.save()  # Entries alone may wait for the store.
                folder.phase = Phase.READY
                self._announcer.note(folder)
                self._announcer.announce()  # Saving a large snapshot may take a second.
                folder.pack()
                self.models.look()
                if root in self._to_watch:
                    self._to_watch.discard(root)
                    self.watch(root)
                    self.rescan(root)  # What changed since the walk was seen by nobody.

    # --- actions ------------------------------------------------------------------------------------------

    def add_folder(self, root: Path) -> None:
        """Indexes a folder, after what is known of it was read from the store."""
        if root in self.folders:
            return
        encoder = self.encoder
        fingerprint, dim = (encoder.fingerprint, encoder.dim) if encoder else ("", 0)
        folder = FolderIndex(root, self._store, fingerprint, dim, self._settings.index.max_file_kb * 1024)
        folder.trouble.note(Concern.SESSION, self._lasting_problem)
        chosen = self.models.chosen
        folder.model = (chosen and chosen.fingerprint) or ""
        if chosen is None:
            folder.keep_vectors([])  # Of a model that was chosen the last time.
        self.folders = {**self.folders, root: folder}
        self._announcer.note(folder)
        if encoder is None or not self._settings.index.enabled:
            folder.phase = Phase.DISABLED if encoder else Phase.FAILED
            return
        if self._pool is not None and not folder.is_known:
            self._pool.warm_up()
        self._next_publish = time.monotonic() + FIRST_PUBLISH_S
        self._scan(root)

    def remove_folder(self, root: Path) -> None:
        """Forgets a folder in memory; the store keeps it."""
        self._walks.stop(root)
        self._to_watch.discard(root)
        watcher = self._watchers.pop(root, None)
        if watcher is not None:
            watcher.stop()
        folder = self.folders.get(root)
        if folder is None:
            return
        self.folders = {path: other for path, other in self.folders.items() if path != root}
        self._announcer.forget(folder)
        for table in (self._rules, self._heads, self._rescans):
            table.pop(root, None)
        if self._pool is not None:
            self._pool.forget(folder.key)

    def note_changes(self, paths: Sequence[Path], *, is_edit: bool) -> None:
        """Files may differ from what was indexed."""
        delay = EDIT_DEBOUNCE_S if is_edit else 2 * EDIT_DEBOUNCE_S
        due = time.monotonic() + delay
        by_root: dict[Path, list[str]] = {}
        for path in paths:
            for root in self._roots_of(path):
                by_root.setdefault(root, []).append(path.relative_to(root).as_posix())
        for root, relative in by_root.items():
            if not root.is_dir():
                # A drive that comes back holds the same files: what is known of them is kept.
                folder = self.folders[root]
                sentence = f"The folder {root} is gone. Bring it back, then index it anew."
                folder.trouble.note(Concern.FOLDER, sentence)
                self._announcer.note(folder)
                continue
            if self.folders[root].trouble.has(Concern.FOLDER):
                self.rescan(root)  # It is back, and perhaps not as it was.
            for inner in relative:
                self._note_change(root, inner, due, is_one_of_many=len(relative) > MANY_CHANGES)

    def _note_change(self, root: Path, path: str, due: float, *, is_one_of_many: bool) -> None:
        if ".git" in path.split("/"):
            if is_git_state(path):
                self._check_head(root)
            return
        if path == "." or is_one_of_many or changes_rules(path):
            self.rescan(root)
        if path != "." and not is_one_of_many:
            self._edited.setdefault((root, path), due)

    def rescan(self, root: Path) -> None:
        """Walks a folder again soon."""
        self._rescans[root] = time.monotonic() + RESCAN_DEBOUNCE_S

    @property
    def _lasting_problem(self) -> str:
        """What every folder's status says while nothing worse befalls the folder; empty when all is well."""
        return self._store_problem or self.encoder_problem

    def reindex(self, root: Path) -> None:
        """Forgets a folder in memory and store, and indexes it anew."""
        folder = self.folders.get(root)
        if folder is not None:
            self._walks.stop(root)
            if self._pool is not None:
                self._pool.forget(folder.key)
            folder.trouble.note(Concern.WORKERS, "")
            folder.forget()
            folder.phase = Phase.SCANNING
            self._scan(root)

    def pause(self, paused: bool) -> None:
        """Stops or goes on with bulk indexing; edits of open files are followed all the same."""
        self._paused = paused
        self._hold_back()
        self.models.pause(paused)
        for folder in self.folders.values():
            if paused and folder.phase in (Phase.SCANNING, Phase.INDEXING):
                folder.phase = Phase.PAUSED
            elif not paused and folder.phase is Phase.PAUSED:
                folder.phase = Phase.INDEXING
            self._announcer.note(folder)

    def _hold_back(self) -> None:
        if self._pool is not None:
            self._pool.paused_from = CHANGE_PRIORITY if self._paused else 1_000_000

    def watch(self, root: Path) -> None:
        """Watches a folder on our own."""
        folder = self.folders.get(root)
        if folder is None or root in self._watchers or not self._settings.index.watch:
            return
        if folder.phase in (Phase.SCANNING, Phase.INDEXING):
            # Asking the system to notify of ten thousand folders holds everything up: answers come first.
            self._to_watch.add(root)
            return
        watcher = Watcher(
            root,
            on_batch=lambda batch: self.post(partial(self._watched, batch)),
            on_state=lambda watching, why: self.post(partial(self._hear_watcher, root, watching, why)),
            ignored=partial(self._is_ignored, root),
        )
        watcher.start()
        self._watchers[root] = watcher
        folder.watching = "own"
        self._announcer.note(folder)

    def note_client_watches(self, root: Path) -> None:
        """Says in the status who watches."""
        folder = self.folders.get(root)
        if folder is not None:
            folder.watching = "client"
            self._announcer.note(folder)

    def set_settings(self, settings: Settings) -> None:
        """Takes over new settings: what they touch is walked or encoded again."""
        old, self._settings = self._settings, settings
        if old.index == settings.index and _first_tier(old) == _first_tier(settings):
            if (old.search.model, old.encoder, old.endpoint) != (
                settings.search.model,
                settings.encoder,
                settings.endpoint,
            ):
                self.encoder_problem = ""
                self._choose_model()
                for folder in self.folders.values():
                    folder.trouble.note(Concern.SESSION, self._lasting_problem)
                    self._announcer.note(folder)
            return
        roots = list(self.folders)
        watched = [*self._watchers, *self._to_watch]
        for root in roots:
            self.remove_folder(root)
        if self._pool is not None:
            self._pool.close()
        self.encoder_problem = ""
        self._load_encoder()
        for root in roots:
            self.add_folder(root)
        for root in watched:
            self.watch(root)

    # --- steps --------------------------------------------------------------------------------------------

    def _roots_of(self, path: Path) -> list[Path]:
        """All folders that hold a path: of a monorepo and a package in it, both are open at times."""
        return [root for root in self.folders if path.is_relative_to(root)]

    def _check_head(self, root: Path) -> None:
        head = head_state(root)
        if self._heads.get(root) != head:
            self._heads[root] = head
            self.rescan(root)

    def _request_edit(self, root: Path, path: str) -> None:
        folder = self.folders.get(root)
        if folder is None or folder.phase in (Phase.DISABLED, Phase.FAILED) or root not in self._rules:
            return
        full = root / path
        if full.is_dir():
            self.rescan(root)
            return
        if self._rules[root].is_ignored(path):
            folder.remove_below(path)
            self._announcer.note(folder)
            return
        text = self._unsaved.text_of(str(full))
        if text is None and not os.path.lexists(full):
            folder.remove_below(path)
            self._announcer.note(folder)
            return
        ticket = next(self._tickets)
        folder.want(path, ticket)
        priority = CHANGE_PRIORITY if text is None else EDIT_PRIORITY
        if self._pool is not None:
            self._pool.submit(Task(0, folder.key, (FileTask(path, ticket, text),)), priority)

    def _scan(self, root: Path) -> None:
        folder = self.folders.get(root)
        if folder is None or self.encoder is None or folder.phase is Phase.DISABLED:
            return
        if self._paused:
            folder.phase = Phase.PAUSED
        elif folder.phase is not Phase.READY:  # Looking again is no news as long as nothing is found.
            folder.phase = Phase.SCANNING
        self._announcer.note(folder)
        folder.begin_scan()
        self._walks.start(root, self._settings.index)

    def _hear_walk(self, news: WalkNews) -> None:
        folder = self.folders.get(news.root)
        if folder is None or not self._walks.is_current(news):
            return
        if news.rules is not None:
            self._rules[news.root], self._heads[news.root] = news.rules, news.head
        if news.found:
            self._request_found(folder, news)
        if news.failure:
            folder.trouble.note(Concern.FOLDER, news.failure)
            folder.phase = Phase.FAILED
        elif news.is_end:
            self._end_scan(folder)
        self._announcer.note(folder)

    def _request_found(self, folder: FolderIndex, news: WalkNews) -> None:
        open_paths = set(self._unsaved.paths())
        sizes = {item.path: item.size for item in news.found if isinstance(item, FoundFile)}
        to_read = folder.meet(news.found)
        is_open = {path for path in to_read if open_paths and str(folder.root / path) in open_paths}
        for path in is_open:
            self._edited[(folder.root, path)] = 0.0
        self._request_bulk(folder, [path for path in to_read if path not in is_open], sizes)

    def _end_scan(self, folder: FolderIndex) -> None:
        # Files that are open but not on disk count too, and open texts win over what the walk met.
        for path in map(Path, self._unsaved.paths()):
            if path.is_relative_to(folder.root):
                relative = path.relative_to(folder.root).as_posix()
                folder.keep(relative)
                self._edited[(folder.root, relative)] = 0.0
        folder.finish_scan()
        folder.trouble.note(Concern.FOLDER, "")
        if folder.phase is Phase.SCANNING or (folder.phase is Phase.READY and not folder.is_complete):
            folder.phase = Phase.INDEXING

    def _request_bulk(self, folder: FolderIndex, paths: Iterable[str], sizes: dict[str, int]) -> None:
        tasks: list[list[FileTask]] = [[]]
        filled = 0
        for path in paths:
            if tasks[-1] and (filled + sizes[path] > TASK_BYTES or len(tasks[-1]) >= TASK_FILES):
                tasks.append([])
                filled = 0
            ticket = next(self._tickets)
            folder.want(path, ticket)
            tasks[-1].append(FileTask(path, ticket))
            filled += sizes[path]
        for files in tasks:
            if files and self._pool is not None:
                self._pool.submit(Task(0, folder.key, tuple(files)), BULK_PRIORITY)

    def _hear(self, said: TaskResult | WorkerDied) -> None:
        if self._pool is None:
            return
        if isinstance(said, WorkerDied):
            for result in self._pool.died(said.worker):
                self._take(result)
            return
        self._pool.finished(said)
        self._pool.dispatch()
        self._take(said)

    def _take(self, result: TaskResult) -> None:
        folder = self.folders.get(Path(result.root))
        if folder is None:
            return
        if len(result.files) == 1:
            self._next_publish = 0.0  # An edit: nobody should wait for it behind the bulk.
        for file in result.files:
            is_open = self._unsaved.text_of(str(folder.root / file.path)) is not None
            if is_open == file.unsaved:
                folder.take(file, result.fingerprint or folder.fingerprint)
            else:
                folder.skip(file)
        self._announcer.note(folder)

    def _watched(self, batch: Batch) -> None:
        self.note_changes([Path(path) for path, _ in batch], is_edit=False)

    def _is_ignored(self, root: Path, path: str) -> bool:
        """Called on the watcher's thread: rules are replaced as a whole and only remember what they read."""
        rules = self._rules.get(root)
        return rules is not None and rules.is_ignored(path)

    def _hear_watcher(self, root: Path, watching: Watching, sentence: str) -> None:
        folder = self.folders.get(root)
        if folder is not None:
            folder.watching = watching
            folder.trouble.note(Concern.WATCHING, sentence)
            self.rescan(root)  # Changes between two ways of watching were seen by neither.
            self._announcer.note(folder)

    def _give_up(self) -> None:
        for folder in self.folders.values():
            if folder.phase in (Phase.SCANNING, Phase.INDEXING):
                folder.phase = Phase.FAILED
                sentence = 'The worker processes keep ending; run "oasis doctor" and see the log.'
                folder.trouble.note(Concern.WORKERS, sentence)
                self._announcer.note(folder)

    def _close(self) -> None:
        self._closing = True
        self.models.close()
        self._walks.stop_all()
        for watcher in self._watchers.values():
            watcher.stop()
        if self._pool is not None:
            self._pool.close()
        for folder in self.folders.values():
            folder.publish()
            folder.pack()


def _first_tier(settings: Settings) -> str:
    """The first tier of some settings; for a model that cannot be honoured the one that stands in."""
    try:
        return first_tier_of(settings)
    except OasisError:
        return "static"
