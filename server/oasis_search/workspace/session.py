"""The door to everything: folders, changes and questions; thread-safe, without a word of LSP.

The language server, the terminal and other faces all hold one `Session`. Changes are posted to the indexing
thread; questions run on the caller's thread over the snapshots that are published at that moment.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType

from oasis_search.cache_folder import cache_folder
from oasis_search.errors import WorkspaceError
from oasis_search.index.snapshot import UnitView
from oasis_search.index.store import store_path
from oasis_search.search import search as search_snapshot
from oasis_search.search.calibration import NOTHING_BELOW
from oasis_search.search.clones import Level
from oasis_search.search.duplicates import is_comparable
from oasis_search.search.explain import hit_of_view
from oasis_search.search.filters import has_exact_words
from oasis_search.search.operators import read_operators
from oasis_search.search.query import Filter, Query
from oasis_search.search.tiers import QueryVector
from oasis_search.settings import Settings
from oasis_search.syntax.units import qualified_name
from oasis_search.workspace.changes import Cause, FileChange
from oasis_search.workspace.duplication import DuplicateAnswer, Report, find_duplicates, no_report
from oasis_search.workspace.folder import FolderIndex
from oasis_search.workspace.gaps import describe_gaps
from oasis_search.workspace.indexer import Indexer
from oasis_search.workspace.nesting import each_once, place_of
from oasis_search.workspace.resemblance import (
    SimilarRequest,
    first_vector,
    read_origin,
    resembling,
)
from oasis_search.workspace.status import (
    Coverage,
    FolderStatus,
    FoundHit,
    ModelStatus,
    SearchAnswer,
    SimilarAnswer,
    SimilarHit,
)
from oasis_search.workspace.unsaved import UnsavedTexts
from oasis_search.workspace.verify import Verifier

MODEL_PATIENCE_S = 2.0
"""So long a question waits for the chosen model before it is answered without it."""

SPARE_HITS = 5
"""Hits asked for beyond the limit, to stand in for those that turn out to be stale."""


def never() -> bool:
    """The cancellation check of a caller that never cancels."""
    return False


class Session:
    """All open folders of one program."""

    def __init__(
        self, settings: Settings | None = None, *, on_status: Callable[[FolderStatus], None] | None = None
    ) -> None:
        """Cheap: threads, store, encoder and workers start with the first folder.

        `on_status` is called from the indexing thread, for a folder at most ten times a second and always
        when its phase changes; it must return quickly. Raises SettingError for a cache folder that is none.
        """
        self._settings = settings or Settings()
        self._unsaved = UnsavedTexts()
        self.store_file = store_path(cache_folder(self._settings.cache_dir))
        self._indexer = Indexer(self._settings, self.store_file, self._unsaved, on_status)
        self._roots: list[Path] = []

    def __enter__(self) -> "Session":
        """The session itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes it."""
        self.close()

    @property
    def folders(self) -> tuple[Path, ...]:
        """Roots of the open folders in the order in which they were added."""
        return tuple(self._roots)

    def add_folder(self, root: Path) -> None:
        """Starts indexing a folder and returns at once. Raises WorkspaceError when it is not a folder."""
        root = Path(root).absolute()
        if not root.is_dir():
            raise WorkspaceError(f"{root} is not a folder. Give the path of a folder that exists.")
        if root in self._roots:
            return
        if not self._roots and not self._indexer.is_started:
            self._indexer.start()
        self._roots.append(root)
        self._indexer.post(partial(self._indexer.add_folder, root))

    def remove_folder(self, root: Path) -> None:
        """Stops serving a folder; its index stays in the store."""
        root = Path(root).absolute()
        if root in self._roots:
            self._roots.remove(root)
            self._indexer.post(partial(self._indexer.remove_folder, root))

    def apply(self, changes: Sequence[FileChange]) -> None:
        """Takes over edits, saves and changes on disk; microseconds, the work follows on another thread."""
        self._unsaved.apply(changes)
        edits = [change.path for change in changes if change.cause is not Cause.WATCHED]
        watched = [change.path for change in changes if change.cause is Cause.WATCHED]
        if edits:
            self._indexer.post(partial(self._indexer.note_changes, edits, is_edit=True))
        if watched:
            self._indexer.post(partial(self._indexer.note_changes, watched, is_edit=False))

    def search(
        self,
        query: Query,
        *,
        folder: Path | None = None,
        patience_s: float = MODEL_PATIENCE_S,
        cancelled: Callable[[], bool] = never,
    ) -> SearchAnswer:
        """Answers from what is published now; every hit is verified against the present text.

        Blocks for milliseconds, and at most `patience_s` longer for the chosen model. Raises Cancelled when
        `cancelled` says so, WorkspaceError for a `folder` that is not open, SettingError for an operator in
        the text (`operators.py`) that cannot be honoured.
        """
        began = time.perf_counter()
        chosen = self._chosen(folder)
        query = read_operators(query)
        if not query.text.strip():
            message = "The query is empty: type some words or a name."
            return _answer([], chosen, self._model, began, message)
        if not chosen:
            message = "Indexing has just begun." if self._roots else "No folder is open."
            return _answer([], chosen, self._model, began, message)
        refined_by = self._indexer.models.query_vectors(query.text, patience_s, cancelled)
        lists = [self._hits_of(index, query, refined_by, cancelled) for index in chosen]
        hits = lists[0]
        if len(lists) > 1:
            hits = each_once(sorted((h for one in lists for h in one), key=_by_probability), place_of)
        message = describe_gaps(chosen)
        if not message and hits and max(found.hit.probability for found in hits) < NOTHING_BELOW:
            message = "Nothing here seems to answer this; these are only the nearest."
        model = refined_by[-1].model if refined_by else self._model
        if not refined_by and any(index.coverage.model for index in chosen):
            message = f"The model did not answer in time; this is the order of {model}. {message}".strip()
        return _answer(hits[: query.limit], chosen, model, began, message)

    @property
    def awaits_model(self) -> bool:
        """A question waits for a chosen model, which has seen something of an open folder."""
        return self._indexer.models.chosen is not None and any(
            index.coverage.model for index in self._chosen(None)
        )

    def similar(
        self,
        request: SimilarRequest,
        *,
        folder: Path | None = None,
        patience_s: float = MODEL_PATIENCE_S,
        cancelled: Callable[[], bool] = never,
    ) -> SimilarAnswer:
        """Code like a given piece, never itself; every hit is verified against the present text.

        Blocks for milliseconds, and at most `patience_s` longer for the chosen model. Raises Cancelled,
        WorkspaceError for a `folder` that is not open or a piece that cannot be compared.
        """
        began = time.perf_counter()
        chosen = self._chosen(folder)
        origin = read_origin(request.piece, self._unsaved)
        seen_as = first_vector(origin, self._indexer.encoder)
        if seen_as:
            text = origin.encoded_text
            seen_as += self._indexer.models.query_vectors(text, patience_s, cancelled, "code")
        hits: list[SimilarHit] = []
        copies: list[SimilarHit] = []
        for index in chosen:
            found, same, stale = resembling(index, origin, request, seen_as, self._unsaved, cancelled)
            hits, copies = hits + found, copies + same
            if stale:
                self._indexer.post(partial(self._indexer.note_changes, stale, is_edit=False))
        hits.sort(key=lambda hit: -hit.found.hit.score)
        hits, copies = (each_once(some, lambda hit: place_of(hit.found)) for some in (hits, copies))
        plain = _answer([], chosen, seen_as[-1].model if seen_as else self._model, began, "")
        return SimilarAnswer(
            tuple(hits[: request.limit]),
            tuple(copies[: request.limit]),
            origin.name or "selection",
            plain.coverage,
            plain.model,
            plain.elapsed_ms,
            plain.snapshot,
            _similar_message(chosen, self._roots, seen_as),
        )

    def duplicates(
        self,
        folder: Path,
        *,
        restriction: Filter | None = None,
        weakest: Level = "edited",
        report: Report = no_report,
        cancelled: Callable[[], bool] = never,
    ) -> DuplicateAnswer:
        """Groups of copies in a folder, the most worth merging first; minutes for 100,000 units.

        Raises Cancelled, WorkspaceError for a `folder` that is not open.
        """
        (index,) = self._chosen(folder) or (None,)
        if index is None:
            return DuplicateAnswer(Path(folder).absolute(), (), 0, self._model)
        return find_duplicates(
            index,
            self._model,
            self._unsaved,
            restriction=restriction or Filter(),
            weakest=weakest,
            report=report,
            cancelled=cancelled,
        )

    def verified(self, root: Path, views: Iterable[UnitView]) -> list[FoundHit]:
        """Those units of a folder whose text still is what was indexed, in the given order."""
        verifier = Verifier(root, self._unsaved)
        found = (verifier.check(hit_of_view(view)) for view in views)
        return [member for member in found if member is not None]

    def functions_of(self, path: Path) -> list[FoundHit]:
        """Whole functions and methods of a file that are worth comparing, in their order; verified.

        `path` is absolute; a file that is in no open folder or not indexed has none.
        """
        for index in self._indexes():
            if path.is_relative_to(index.root):
                snapshot = index.snapshot
                units = snapshot.units_of(path.relative_to(index.root).as_posix())
                if units:  # A folder may leave out by its rules what a folder in it keeps.
                    views = map(snapshot.view, units)
                    return self.verified(index.root, (view for view in views if is_comparable(view)))
        return []

    def unit(self, folder: Path, path: str, *, symbol: str = "", line0: int = -1) -> FoundHit:
        """The unit of a file with this (dotted) symbol, else the smallest that holds a 0-based line.

        `path` is relative to the folder. Raises WorkspaceError when there is none, or its text has changed.
        """
        (index,) = self._chosen(folder) or (None,)
        snapshot = index.snapshot if index else None
        views = [snapshot.view(unit) for unit in snapshot.units_of(path)] if snapshot else []
        if index is None or not views:
            raise WorkspaceError(
                f"{path} is not in the index of {folder}. {describe_gaps(self._chosen(folder))}".rstrip()
            )
        if symbol:
            chosen = [view for view in views if view.part == 0 and view.name and has_symbol(view, symbol)]
            chosen = chosen or [view for view in views if view.name and has_symbol(view, symbol)]
            missing = f"{path} defines no {symbol}."
        else:
            chosen = [view for view in views if view.span.start_line0 <= line0 <= view.span.end_line0]
            missing = f"{path} has nothing at line {line0 + 1}."
        if not chosen:
            raise WorkspaceError(missing)
        view = min(chosen, key=lambda each: each.span.end_byte - each.span.start_byte)
        found = Verifier(index.root, self._unsaved).check(hit_of_view(view))
        if found is None:
            self._indexer.post(partial(self._indexer.note_changes, [index.root / path], is_edit=False))
            raise WorkspaceError(f"{path} has just changed; ask again in a moment.")
        return found

    def symbols(self, text: str, *, limit: int = 100, cancelled: Callable[[], bool] = never) -> SearchAnswer:
        """The same engine for a symbol picker: units that have a name."""
        answer = self.search(Query(text, limit), cancelled=cancelled)
        return replace(answer, hits=tuple(found for found in answer.hits if found.hit.name))

    def status(self) -> tuple[FolderStatus, ...]:
        """State of every folder."""
        return tuple(index.status() for index in self._indexes())

    def model_status(self) -> ModelStatus | None:
        """State of the chosen model; None when the first tier is all that was chosen."""
        return self._indexer.models.status

    def wait_ready(self, timeout_s: float | None = None, *, with_model: bool = False) -> bool:
        """Waits until all that is known to have changed is searchable; False when time ran out.

        With `with_model`, also until the chosen model covers all that it can, or cannot be used.
        """
        return self._indexer.wait(
            lambda: self._indexer.is_settled(list(self._roots), with_model=with_model), timeout_s
        )

    def wait_model(self, timeout_s: float | None = None) -> bool:
        """Waits until the chosen model is loaded or known to be unusable; False when time ran out."""
        return self._indexer.wait(lambda: self._indexer.models.is_known, timeout_s)

    def reindex(self, folder: Path | None = None) -> None:
        """Forgets what is stored of a folder, or of all, and indexes anew."""
        for root in self._roots if folder is None else [Path(folder).absolute()]:
            self._indexer.post(partial(self._indexer.reindex, root))

    def pause(self) -> None:
        """Stops indexing until `resume`; edits of open files are still followed."""
        self._indexer.post(partial(self._indexer.pause, True))

    def resume(self) -> None:
        """Goes on with indexing."""
        self._indexer.post(partial(self._indexer.pause, False))

    def watch(self, root: Path) -> None:
        """Starts our own watcher for a folder, for clients that do not watch."""
        self._indexer.post(partial(self._indexer.watch, Path(root).absolute()))

    def note_client_watches(self, root: Path) -> None:
        """The client tells of changes on disk in this folder, so that we need not watch it."""
        self._indexer.post(partial(self._indexer.note_client_watches, Path(root).absolute()))

    def set_settings(self, settings: Settings) -> None:
        """Takes over new settings live; the cache folder stays what it was."""
        self._settings = settings
        self._indexer.post(partial(self._indexer.set_settings, settings))

    def close(self) -> None:
        """Ends threads and worker processes; may be called twice."""
        self._indexer.close()

    @property
    def _model(self) -> str:
        encoder = self._indexer.encoder
        return encoder.name if encoder else self._settings.search.model

    def _indexes(self) -> list[FolderIndex]:
        indexes = self._indexer.folders
        return [indexes[root] for root in self._roots if root in indexes]

    def _chosen(self, folder: Path | None) -> list[FolderIndex]:
        if folder is None:
            return self._indexes()
        root = Path(folder).absolute()
        if root not in self._roots:
            names = ", ".join(str(path) for path in self._roots) or "none"
            raise WorkspaceError(f"{root} is not an open folder (open: {names}).")
        return [index for index in self._indexes() if index.root == root]

    def _hits_of(
        self,
        index: FolderIndex,
        query: Query,
        refined_by: Sequence[QueryVector],
        cancelled: Callable[[], bool],
    ) -> list[FoundHit]:
        spare = SPARE_HITS if not query.filter.exact else SPARE_HITS + 4 * query.limit
        wider = replace(query, limit=query.limit + spare)
        hits = search_snapshot(
            index.snapshot, wider, self._indexer.encoder, refined_by=refined_by, cancelled=cancelled
        )
        verifier = Verifier(index.root, self._unsaved)
        verified: list[FoundHit] = []
        stale: set[Path] = set()
        for hit in hits:
            if len(verified) == query.limit:
                break
            found = verifier.check(hit)
            if found is not None:
                body = found.text_utf8[hit.span.start_byte : hit.span.end_byte]
                if has_exact_words(body.decode("utf-8", "replace"), query.filter):
                    verified.append(found)
            else:
                stale.add(index.root / hit.path)
        if stale:
            self._indexer.post(partial(self._indexer.note_changes, sorted(stale), is_edit=False))
        return verified


def has_symbol(view: UnitView, symbol: str) -> bool:
    """Whether a unit bears this name, or this name behind the names of what encloses it."""
    whole = qualified_name(view.name, view.container)
    return symbol in (view.name, whole) or whole.endswith(f".{symbol}")


def _similar_message(
    chosen: Sequence[FolderIndex], roots: Sequence[Path], seen_as: Sequence[QueryVector]
) -> str:
    if not chosen:
        return "Indexing has just begun." if roots else "No folder is open."
    if not seen_as:
        return "The model knows none of the words of this piece: select more code."
    return describe_gaps(chosen)


def _by_probability(found: FoundHit) -> tuple[float, str, int]:
    return (-found.hit.probability, found.hit.path, found.hit.span.start_byte)


def _answer(
    hits: Sequence[FoundHit], indexes: Sequence[FolderIndex], model: str, began: float, message: str
) -> SearchAnswer:
    covered = [index.coverage for index in indexes]
    units = sum(coverage.units for coverage in covered)
    weight = len(covered) or 1
    coverage = Coverage(
        units,
        lexical=sum(c.lexical for c in covered) / weight,
        static=sum(c.static for c in covered) / weight,
        model=sum(c.model for c in covered) / weight,
    )
    snapshot = max((index.snapshot.generation for index in indexes), default=0)
    elapsed_ms = (time.perf_counter() - began) * 1000
    return SearchAnswer(tuple(hits), coverage, model, elapsed_ms, snapshot, message)
