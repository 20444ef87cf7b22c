"""What is asked and what comes back: plain frozen values, no behaviour."""

from dataclasses import dataclass, field

from oasis_search.search.calibration import Evidence
from oasis_search.syntax.units import Kind, Span

DEFAULT_LIMIT = 20
MAX_QUERY_CHARS = 4096
"""Longer queries are cut here: what comes later in 100 kB of pasted text would only add noise and time."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Restricts which units can be hits; an empty field restricts nothing."""

    languages: frozenset[str] = frozenset()
    """Names of the language table."""
    globs: tuple[str, ...] = ()
    """gitignore-style patterns on the path relative to the folder; a leading `!` excludes."""
    kinds: frozenset[Kind] = frozenset()
    exact: tuple[str, ...] = ()
    """Words that must stand in the unit's text as they are, letter case aside."""
    without: tuple[str, ...] = ()
    """Words that must not stand in the unit's name or path; a role (`test`) leaves out all files of it.

    A word of several (`read_file`) is meant as a whole, and so are the sides of a dot together (`os.path`).
    """


@dataclass(frozen=True, slots=True)
class Query:
    """A question in words, a name, or both."""

    text: str
    limit: int = DEFAULT_LIMIT
    filter: Filter = field(default_factory=Filter)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a hit stands where it does, for a person."""

    signal: str
    """Stable word: lexical, static, definition, path, name, file, demoted, ..."""
    detail: str


@dataclass(frozen=True, slots=True)
class Trace:
    """The numbers behind a hit's probability: `calibration.probability` of them gives it again."""

    way: str
    """How it was ranked, one of `calibration.WAYS`."""
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Hit:
    """One search result, ready to show; holds no reference to the index."""

    path: str
    """Relative to the workspace folder, POSIX separators."""
    span: Span
    """Byte range in the text that was indexed."""
    name_span: Span
    name: str
    kind: Kind
    language: str
    container: str
    key: bytes
    """Content key of the unit: equal exactly when its text, name and container are."""
    score: float
    """Fused score; comparable within one result list only."""
    probability: float
    """Estimated chance that this answers the query, 0 to 1."""
    reasons: tuple[Reason, ...] = ()
    trace: Trace | None = None
    """The numbers behind the probability; None for a hit that no search ranked."""
