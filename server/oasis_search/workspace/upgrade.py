"""The chosen model replaces the first tier unit by unit, on a thread of its own, behind everything else.

It looks at published snapshots for units without a vector of the model, takes what the store knows, lets the
model's process encode the rest from the text as it is now, and posts the vectors to the indexing thread, the
one owner of all that changes. It begins when a folder's words and first tier are complete. The model that was
chosen before stays usable until the new one covers everything.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from oasis_search.encoder.protocol import Role
from oasis_search.errors import Cancelled, EncoderError, StoreError
from oasis_search.index import Store, quantise
from oasis_search.index.vectors import VectorColumn, missing
from oasis_search.search.tiers import QueryVector
from oasis_search.service import EncoderSpec, EncoderUnavailable, ServiceState, TextsRefused
from oasis_search.workspace.folder import FolderIndex
from oasis_search.workspace.missing_units import MissingUnits, UnitText
from oasis_search.workspace.model_tier import ModelTier
from oasis_search.workspace.status import ModelStatus, Phase
from oasis_search.workspace.unsaved import UnsavedTexts

log = logging.getLogger(__name__)

LOOKUP_UNITS = 4096
"""Units asked of the store at a time."""

FIRST_BATCH, LEAST_BATCH, MOST_BATCH = 32, 4, 1024
"""Units encoded at a time; between the bounds as many as take `BATCH_S`."""

BATCH_S = 1.5
"""So much work a kill may lose, and so often the coverage grows."""

QUIET_S = 1.0
"""A text that is being typed is encoded when it has rested so long."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 120.0
"""Before trying again when the model failed; doubles."""

Post = Callable[[Callable[[], None]], None]


class Upgrader:
    """The models above the first tier, weakest first, and the thread that spreads the last of them."""

    def __init__(
        self,
        store_file: Path,
        unsaved: UnsavedTexts,
        folders: Callable[[], Mapping[Path, FolderIndex]],
        post: Post,
        tell: Callable[[FolderIndex], None],
        read_again: Callable[[Sequence[Path]], None],
    ) -> None:
        """`post` runs something on the indexing thread; the other two are called there.

        `tell` hears of a folder whose coverage changed, `read_again` of files that are not as indexed.
        """
        self._store_file = store_file
        self._folders = folders
        self._post = post
        self._tell = tell
        self._read_again = read_again
        self._missing = MissingUnits(unsaved)
        self._tiers: tuple[ModelTier, ...] = ()
        self._wake = threading.Event()
        self._paused = self._closing = False
        self._is_done = True
        self._batch = FIRST_BATCH
        self._pause_s = FIRST_PAUSE_S
        self._thread: threading.Thread | None = None

    # --- called from any thread ---------------------------------------------------------------------------

    @property
    def chosen(self) -> ModelTier | None:
        """The model that spreads, None when the first tier is all."""
        tiers = self._tiers
        return tiers[-1] if tiers else None

    @property
    def status(self) -> ModelStatus | None:
        """Of the chosen model."""
        chosen = self.chosen
        return chosen.status if chosen else None

    @property
    def is_known(self) -> bool:
        """Whether the chosen model was loaded or cannot be, or there is none."""
        chosen = self.chosen
        return (
            chosen is None
            or bool(chosen.problem)
            or all(chosen.fingerprint and folder.model == chosen.fingerprint for folder in self._within_reach)
        )

    @property
    def is_done(self) -> bool:
        """Whether the chosen model covers all it can, cannot be used, or there is none."""
        chosen = self.chosen
        return chosen is None or self._is_done or bool(chosen.problem) or not self._within_reach

    @property
    def _within_reach(self) -> list[FolderIndex]:
        """Folders that are ready or may still become so: a model is never loaded for the others."""
        out_of_reach = (Phase.DISABLED, Phase.FAILED)
        return [folder for folder in self._folders().values() if folder.phase not in out_of_reach]

    def query_vectors(
        self, text: str, patience_s: float, cancelled: Callable[[], bool], role: Role = "query"
    ) -> list[QueryVector]:
        """The question (or code) as each model sees it that covers anything, the best last.

        Raises Cancelled.
        """
        found = []
        for tier in self._tiers:
            fingerprint = tier.fingerprint
            if fingerprint and any(
                fingerprint in segment.vectors
                for folder in self._folders().values()
                for segment in folder.snapshot.segments
            ):
                vector = tier.query_vector(text, patience_s, cancelled, role)
                if vector is not None:
                    found.append(vector)
        return found

    # --- called from the indexing thread ------------------------------------------------------------------

    def choose(self, spec: EncoderSpec | None) -> None:
        """Another model, or none; the one before stays usable until the new one covers the workspace."""
        if spec is None:
            old, self._tiers = self._tiers, ()
            self._close_tiers(old)
            self._tidy()
            return
        if self.chosen is not None and self.chosen.spec == spec:
            return
        known = next((tier for tier in self._tiers if tier.spec == spec), None)
        new = known or ModelTier(spec, self._store_file.parent / "encoders", self._heard)
        before = [tier for tier in self._tiers if tier is not new]
        usable = [tier for tier in before if tier.fingerprint and not tier.problem]
        kept = usable[-1:]
        self._close_tiers([tier for tier in before if tier not in kept])
        self._is_done = False
        self._pause_s, self._batch = FIRST_PAUSE_S, FIRST_BATCH
        self._missing.forget()
        self._tiers = (*kept, new)
        for folder in self._folders().values():
            folder.model = new.fingerprint or ""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="oasis-upgrade", daemon=True)
            self._thread.start()
        self._wake.set()

    def look(self) -> None:
        """A snapshot was published."""
        if self._tiers:
            self._is_done = False
            self._wake.set()

    def pause(self, paused: bool) -> None:
        """Stops or goes on with encoding; questions are answered all the same."""
        self._paused = paused
        self._wake.set()

    def close(self) -> None:
        """Ends the thread and lets go of the models' processes."""
        self._closing = True
        self._wake.set()
        self._close_tiers(self._tiers)
        if self._thread is not None:
            self._thread.join(5)

    def _heard(self, _state: ServiceState) -> None:
        self._post(partial(self._tell_all))

    def _tell_all(self) -> None:
        for folder in self._folders().values():
            self._tell(folder)

    def _tidy(self) -> None:
        """Drops the vectors of models that are not asked any more; the store keeps them."""
        models = [tier.fingerprint for tier in self._tiers if tier.fingerprint]
        for folder in self._folders().values():
            folder.model = models[-1] if models else ""
            folder.keep_vectors(models)
            self._tell(folder)

    def _close_tiers(self, tiers: Sequence[ModelTier]) -> None:
        for tier in tiers:
            tier.close()

    # --- the thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing:
            tier = self.chosen
            wait_s: float | None = None
            self._wake.clear()
            if tier is not None and not self._paused:
                try:
                    wait_s = self._step(tier)
                except Cancelled:
                    wait_s = 0.0
                except EncoderError as error:
                    if tier is self.chosen and not self._closing:
                        if not isinstance(error, EncoderUnavailable):
                            tier.problem = str(error)
                            log.warning("%s", error)
                        self._post(self._tell_all)
                    wait_s, self._pause_s = self._pause_s, min(LONGEST_PAUSE_S, 2 * self._pause_s)
                except Exception:
                    log.exception("Encoding in the background failed; it is tried again.")
                    wait_s = LONGEST_PAUSE_S
            if wait_s != 0.0:
                self._wake.wait(wait_s)

    def _step(self, tier: ModelTier) -> float | None:
        """Spreads the model by one batch; how long to wait then, None for until something happens."""
        folders = [folder for folder in self._folders().values() if folder.phase is Phase.READY]
        if not folders:
            return None
        description = tier.describe()
        for folder in folders:
            if folder.model != description.fingerprint:
                self._do(partial(self._introduce, folder, description.fingerprint))
        is_late = False
        for folder in folders:
            work = self._missing.of(folder, description.fingerprint, LOOKUP_UNITS, QUIET_S)
            is_late = is_late or work.is_deferred
            if not work.keys:
                continue
            found, absent = self._stored(description.fingerprint, work.keys, description.dim)
            if len(absent) < len(work.keys):
                self._give(folder, description.fingerprint, work.keys, found, is_new=False)
            texts = self._missing.texts(folder, [work.units[row] for row in absent[: self._batch]])
            if texts:
                self._encode(tier, folder, texts)
                self._pause_s = FIRST_PAUSE_S
            if changed := self._missing.take_changed():
                self._do(partial(self._read_again, [folder.root / path for path in changed]))
            return 0.0
        if is_late:
            return QUIET_S / 2
        if len(folders) == len(self._folders()):
            self._finish(tier)
        return None

    def _encode(self, tier: ModelTier, folder: FolderIndex, texts: Sequence[UnitText]) -> None:
        began = time.monotonic()
        try:
            vectors = tier.encode(
                [one.text for one in texts],
                lambda: self._closing or self._paused or tier is not self.chosen,
            )
        except TextsRefused as error:
            log.warning("%s", error)
            vectors = error.vectors
        tier.problem = ""
        column = quantise(vectors)
        self._missing.refuse(one.key for one, scale in zip(texts, column.scales, strict=True) if not scale)
        if tier.fingerprint is not None:
            saved = [one.is_saved for one in texts]
            for is_saved in {*saved}:
                rows = [row for row, value in enumerate(saved) if value is is_saved]
                keys = [texts[row].key for row in rows]
                part = VectorColumn(column.codes[rows], column.scales[rows])
                self._give(folder, tier.fingerprint, keys, part, is_new=is_saved)
        rate = len(texts) / max(1e-3, time.monotonic() - began)
        self._batch = int(min(MOST_BATCH, max(LEAST_BATCH, rate * BATCH_S, self._batch / 2)))

    def _give(
        self,
        folder: FolderIndex,
        fingerprint: str,
        keys: Sequence[bytes],
        column: VectorColumn,
        *,
        is_new: bool,
    ) -> None:
        def take() -> None:
            folder.take_vectors(fingerprint, keys, column, is_new=is_new)
            self._tell(folder)

        self._do(take)

    def _introduce(self, folder: FolderIndex, fingerprint: str) -> None:
        folder.model = fingerprint
        self._tell(folder)

    def _finish(self, tier: ModelTier) -> None:
        """Everything is covered that can be: the model before is not needed any more."""
        if self._is_done:
            return

        def finish() -> None:
            if tier is not self.chosen:
                return
            old, self._tiers = self._tiers[:-1], self._tiers[-1:]
            self._close_tiers(old)
            self._tidy()
            for folder in self._folders().values():
                if folder.phase is Phase.READY:
                    folder.pack()
            self._is_done = not self._wake.is_set()

        self._do(finish)

    def _stored(self, fingerprint: str, keys: Sequence[bytes], dim: int) -> tuple[VectorColumn, list[int]]:
        """What the store has, and the rows that are missing."""
        try:
            store = Store(self._store_file, read_only=True)
        except StoreError:
            return missing(len(keys), dim), list(range(len(keys)))
        try:
            return store.column(fingerprint, keys, dim)
        finally:
            store.close()

    def _do(self, action: Callable[[], None]) -> None:
        """Runs something on the indexing thread and waits for it."""
        done = threading.Event()

        def run() -> None:
            try:
                action()
            finally:
                done.set()

        self._post(run)
        while not done.wait(1.0):
            if self._closing:
                raise Cancelled("The index is being closed.")
