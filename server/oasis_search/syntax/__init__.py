"""Source text to units: languages, cutting, and the words of code."""

from oasis_search.syntax.cut import cut_units
from oasis_search.syntax.languages import (
    LANGUAGES,
    Language,
    language_by_lsp_id,
    language_by_name,
    language_of,
)
from oasis_search.syntax.units import KINDS, CodeUnit, Kind, Problem, Span
from oasis_search.syntax.words import identifiers, split_identifier, stem, terms

__all__ = [
    "CodeUnit",
    "KINDS",
    "Kind",
    "LANGUAGES",
    "Language",
    "Problem",
    "Span",
    "cut_units",
    "identifiers",
    "language_by_lsp_id",
    "language_by_name",
    "language_of",
    "split_identifier",
    "stem",
    "terms",
]
