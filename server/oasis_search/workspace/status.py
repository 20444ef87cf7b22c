"""What a session tells about itself: plain frozen values."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from oasis_search.search.clones import Level
from oasis_search.search.query import Hit
from oasis_search.syntax.units import Problem


class Phase(StrEnum):
    """What happens to a folder now."""

    SCANNING = "scanning"
    INDEXING = "indexing"
    READY = "ready"
    PAUSED = "paused"
    DISABLED = "disabled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of what was found can be found: counts, and shares from 0 to 1."""

    units: int
    lexical: float
    static: float
    model: float


@dataclass(frozen=True, slots=True)
class FolderStatus:
    """State of one workspace folder."""

    root: Path
    phase: Phase
    files_total: int
    """Files to index as far as the walk knows."""
    files_done: int
    """Never falls within one run."""
    coverage: Coverage
    snapshot: int
    """Grows with every published snapshot of this folder."""
    problems: tuple[Problem, ...]
    """The first `MAX_PROBLEMS`; `problem_counts` counts all."""
    problem_counts: dict[str, int]
    """Reason -> files."""
    embedded: int
    """Units whose vectors were computed (not found in the store) since the session began."""
    watching: str
    """client, own, polling or off."""
    message: str
    """One sentence for a person, empty when all is well."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """The chosen model, when it is more than the first tier."""

    name: str
    """Its own name; what was chosen before it was loaded."""
    phase: str
    """idle, starting, loading, ready, restarting or failed: of its process."""
    place: str
    """Where it computes, in one phrase: the device, or where text is sent; empty before it was loaded."""
    dim: int
    """Length of its vectors, 0 before it was loaded."""
    process: int | None
    """Number of its process, None while there is none."""
    restarts: int
    """Times its process ended without being asked to."""
    message: str
    """A sentence when something is wrong."""


@dataclass(frozen=True, slots=True)
class FoundHit:
    """A hit whose text was verified, with where it is on this machine."""

    root: Path
    hit: Hit
    preview: str
    """The unit's text as it is now, at most `PREVIEW_CHARS` characters."""
    text_utf8: bytes
    """The whole text that was verified, shared by the hits of one file: it turns bytes into columns."""
    start_line_text: str
    """The whole line on which the unit's name begins."""


@dataclass(frozen=True, slots=True)
class SimilarHit:
    """A unit like the given piece of code."""

    found: FoundHit
    level: Level
    """How much of a copy it is."""


@dataclass(frozen=True, slots=True)
class SimilarAnswer:
    """The answer to one question for similar code."""

    hits: tuple[SimilarHit, ...]
    """The nearest first, without copies."""
    copies: tuple[SimilarHit, ...]
    """Units that are the piece itself but for layout and comments: they say nothing new."""
    origin: str
    """What was compared, in a word or two: a name, or `selection`."""
    coverage: Coverage
    model: str
    elapsed_ms: float
    snapshot: int
    message: str = ""
    """A sentence when there is something to say."""


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """The answer to one query over one or several folders."""

    hits: tuple[FoundHit, ...]
    coverage: Coverage
    model: str
    elapsed_ms: float
    snapshot: int
    message: str = ""
    """A sentence when there is something to say (empty query, no folder, still indexing)."""
