"""What to take from which sources: everything that decides what a corpus holds.

Nothing of this was published by the paper's authors beyond the nine languages (taken to be those of its
code-to-code table); the other defaults are ours, and a manifest records them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oasis_search.search.roles import roles
from oasis_search.syntax import LANGUAGES, language_by_name
from oasis_train.corpus.licences import normalise_licence
from oasis_train.data import config_facts
from oasis_train.errors import CorpusError

PAPER_LANGUAGES = ("python", "java", "javascript", "typescript", "csharp", "c", "ruby", "php", "go")
VARIANTS = {"typescript": ("tsx",)}
"""Grammars of the server's table that belong to a language of the paper."""


@dataclass(frozen=True, slots=True)
class CorpusConfig:
    """What to take from the sources."""

    sources: tuple[str, ...] = ()
    """One repository each: git URL, clone, bare mirror, plain folder, Python package; see `sources.py`."""
    collections: tuple[Path, ...] = ()
    """Folders whose sub-folders are repositories: clones, bare mirrors or plain folders."""
    languages: tuple[str, ...] = PAPER_LANGUAGES
    """Names of the server's language table that have a grammar; `typescript` includes its `tsx`."""
    licences: tuple[str, ...] = ()
    """SPDX identifiers that are taken; all when empty. `A OR B` needs one of both here, `A AND B` both."""
    keep_unknown_licence: bool = False
    """With `licences`: whether repositories in which no licence is recognised are taken too."""
    leave_out: tuple[str, ...] = ("tests", "vendored", "generated", "declarations")
    """Roles of files, as in the server's `file_roles.toml`, that are left out."""
    documented_only: bool = False
    """Whether functions without usable documentation are left out; else they serve as negatives, and an LLM
    may describe them."""
    guides: bool = False
    """Whether examples in guides (Markdown, reStructuredText) are taken too, described by the words before
    them; they stand in the table as functions whose name is the heading."""
    exclude_repositories: Path | None = None
    """File with a line `owner/name` per repository that must be left out."""
    exclude_suites: tuple[Path, ...] = ()
    """Suite folders whose code must be left out."""
    near_duplicates: float = 0.85
    """Functions whose identifier triples have this Jaccard similarity count as one; 0 keeps them."""
    min_identifiers: int = 8
    """Shorter functions say too little."""
    max_code_characters: int = 6_000
    """Longer functions are cut at a line; about 1,500 tokens, training reads 1,024."""
    max_file_bytes: int = 400_000
    max_repository_bytes: int = 64_000_000
    """Source text read per repository at most, a random choice of its files."""
    max_callers: int = 8
    """Callers kept of a function, nearest first."""
    max_callees: int = 8
    """Callees kept of a function, nearest first."""
    max_candidates: int = 3
    """A called name that may mean more functions than this is not resolved."""
    dev_share: float = 0.01
    """Share of the repositories whose functions are kept from training."""
    skip_unreachable: bool = False
    """Whether a repository that git cannot clone is recorded as a problem; else it is an error."""
    cache: Path | None = None
    """Folder of the clones of URLs; the user's cache folder when not given. Does not change the outcome."""
    seed: int = 3407

    @property
    def facts(self) -> dict[str, Any]:
        """What decides the outcome, as JSON values."""
        facts = config_facts(self)
        del facts["cache"]
        return facts


def check_config(config: CorpusConfig) -> None:
    """Refuse values that mean nothing, naming what is known."""
    if not config.sources and not config.collections:
        raise CorpusError("The corpus has no source: name repositories in sources or folders in collections.")
    grammars = [language.name for language in LANGUAGES if language.grammar]
    if unknown := sorted(set(config.languages) - set(grammars)):
        raise CorpusError(
            f"languages: no grammar for {', '.join(unknown)}; there is one for {', '.join(grammars)}."
        )
    known_roles = [role.name for role in roles()]
    if unknown := sorted(set(config.leave_out) - set(known_roles)):
        raise CorpusError(f"leave_out: unknown {', '.join(unknown)}; known are {', '.join(known_roles)}.")
    for licence in config.licences:
        if normalise_licence(licence) != licence:
            raise CorpusError(
                f"licences: {licence!r} is no SPDX identifier"
                + (f"; write {known!r}." if (known := normalise_licence(licence)) else ".")
            )
    for name in ("near_duplicates", "dev_share"):
        if not 0 <= getattr(config, name) <= 1:
            raise CorpusError(f"{name} is a share from 0 to 1, not {getattr(config, name)}.")
    for name in ("min_identifiers", "max_callers", "max_callees", "max_candidates"):
        if getattr(config, name) < 0:
            raise CorpusError(f"{name} cannot be negative ({getattr(config, name)}).")
    for name in ("max_code_characters", "max_file_bytes", "max_repository_bytes"):
        if getattr(config, name) <= 0:
            raise CorpusError(f"{name} must be positive, not {getattr(config, name)}.")


def wanted_languages(config: CorpusConfig) -> frozenset[str]:
    """Names of the language table that are read."""
    names = {*config.languages, *(v for name in config.languages for v in VARIANTS.get(name, ()))}
    return frozenset(name for name in names if language_by_name(name) is not None)
