"""Answers what is like a piece of code: neighbours, verified against present text, with their clone level."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from oasis_search.encoder.protocol import Encoder
from oasis_search.errors import SettingError, WorkspaceError
from oasis_search.index.snapshot import Snapshot
from oasis_search.search.clones import LEVELS, clone_level, sketch
from oasis_search.search.explain import hit_of_view
from oasis_search.search.filters import has_exact_words
from oasis_search.search.likeness import of_level, probability
from oasis_search.search.query import DEFAULT_LIMIT, Filter, Hit, Reason
from oasis_search.search.similar import Neighbour, SimilarQuery, similar
from oasis_search.search.tiers import QueryVector
from oasis_search.syntax import Language, language_by_name, language_of
from oasis_search.syntax.languages import TEXT
from oasis_search.syntax.leaves import leaves
from oasis_search.syntax.units import Problem, qualified_name
from oasis_search.workspace.files import read_source, source_of_bytes
from oasis_search.workspace.folder import FolderIndex
from oasis_search.workspace.origin import Origin, origin_at, origin_of_text
from oasis_search.workspace.status import SimilarHit
from oasis_search.workspace.unsaved import UnsavedTexts
from oasis_search.workspace.verify import MAX_BYTES, Verifier

Locate = Callable[[bytes], tuple[int, int]]
"""From the text of a file to a byte range in it."""


@dataclass(frozen=True, slots=True)
class Pasted:
    """A text that is in no file."""

    text: str
    language: Language = TEXT


@dataclass(frozen=True, slots=True)
class Selected:
    """A range of a file, as it is now in the editor or on disk."""

    path: Path
    """Absolute."""
    locate: Locate


def selected_lines(path: Path, first: int, last: int | None, *, shown: str) -> Selected:
    """Lines of a file, counted from 1, both included; without `last` the place where the first begins.

    Looking at the text raises SettingError, with the path as `shown`, when there is no such line.
    """

    def locate(text: bytes) -> tuple[int, int]:
        lines = text.split(b"\n")
        if first > len(lines):
            raise SettingError(f"{shown} has {len(lines)} lines, so there is no line {first}.")
        start = sum(len(line) + 1 for line in lines[: first - 1])
        if last is None:
            indent = len(lines[first - 1]) - len(lines[first - 1].lstrip())
            return start + indent, start + indent
        return start, start + len(b"\n".join(lines[first - 1 : last]))

    return Selected(path, locate)


@dataclass(frozen=True, slots=True)
class SimilarRequest:
    """What is wanted."""

    piece: Pasted | Selected
    limit: int = DEFAULT_LIMIT
    filter: Filter = field(default_factory=Filter)


def read_origin(piece: Pasted | Selected, unsaved: UnsavedTexts) -> Origin:
    """The piece of code that is meant; raises WorkspaceError with a sentence when it is none."""
    if isinstance(piece, Pasted):
        return origin_of_text(piece.text, piece.language)
    text = unsaved.text_of(str(piece.path))
    read = (
        read_source(piece.path, max_bytes=MAX_BYTES)
        if text is None
        else source_of_bytes(piece.path.name, text)
    )
    if isinstance(read, Problem):
        raise WorkspaceError(f"{piece.path} cannot be compared: {read.detail}")
    language = language_of(piece.path, read.text_utf8.partition(b"\n")[0])
    return origin_at(read.text_utf8, language, str(piece.path), *piece.locate(read.text_utf8))


def first_vector(origin: Origin, encoder: Encoder | None) -> list[QueryVector]:
    """The piece as the first tier sees it; none when that knows none of its words."""
    if encoder is None:
        return []
    vector = encoder.encode([origin.encoded_text], role="code")[0]
    return [QueryVector(encoder.name, encoder.fingerprint, vector)] if vector.any() else []


def resembling(
    index: FolderIndex,
    origin: Origin,
    request: SimilarRequest,
    seen_as: Sequence[QueryVector],
    unsaved: UnsavedTexts,
    cancelled: Callable[[], bool],
) -> tuple[list[SimilarHit], list[SimilarHit], list[Path]]:
    """(hits, copies, files that changed since they were indexed) of one folder, at most `limit` of each.

    A copy is the same but for layout and comments. O(limit) texts are read and compared.
    """
    place = origin.place_in(index.root)
    query = SimilarQuery(request.limit, request.filter, place, origin.language.name, origin.run_bytes)
    snapshot = index.snapshot  # the next one may be published at any moment
    neighbours = similar(snapshot, query, seen_as, cancelled=cancelled)
    verifier = Verifier(index.root, unsaved)
    compared = sketch(leaves(origin.text_utf8, origin.language), origin.language.name)
    hits: list[SimilarHit] = []
    copies: list[SimilarHit] = []
    stale: list[Path] = []
    for neighbour in neighbours:
        if len(hits) == request.limit or cancelled():
            break
        hit = _hit(snapshot, neighbour)
        if place is not None and hit.path == place.path and _is_part(origin, hit):
            continue
        found = verifier.check(hit)
        if found is None:
            stale.append(index.root / hit.path)
            continue
        body = found.text_utf8[hit.span.start_byte : hit.span.end_byte]
        if not has_exact_words(body.decode("utf-8", "replace"), request.filter):
            continue
        language = language_by_name(hit.language) or TEXT
        level = clone_level(compared, sketch(leaves(body, language), hit.language))
        kept = copies if level == LEVELS[0] else hits
        if len(kept) < request.limit:
            likely = of_level(hit.probability, level)
            kept.append(SimilarHit(replace(found, hit=replace(found.hit, probability=likely)), level))
    return hits, copies, stale


def _is_part(origin: Origin, hit: Hit) -> bool:
    """Whether one is a member of the other: a long class is a unit of its own, beside its methods."""
    ours = qualified_name(origin.name, origin.container)
    theirs = qualified_name(hit.name, hit.container)
    shorter, longer = sorted((ours, theirs), key=len)
    return bool(shorter) and longer.startswith(f"{shorter}.")


def _hit(snapshot: Snapshot, neighbour: Neighbour) -> Hit:
    signal = "static" if neighbour.model == "static" else "model"
    reason = Reason(signal, f"similarity {neighbour.cosine:.2f}")
    return hit_of_view(
        snapshot.view(neighbour.unit),
        score=neighbour.cosine,
        probability=probability(neighbour.way, neighbour.likeness),
        reasons=(reason,),
    )
