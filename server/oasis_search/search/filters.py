"""From a Filter to the units that it lets through."""

from collections.abc import Sequence
from functools import lru_cache, reduce

import numpy as np
from numpy.typing import NDArray
from pathspec import PathSpec

from oasis_search.errors import SettingError
from oasis_search.index.fields import Field, term_id, whole_words_of
from oasis_search.index.lexical import units_with
from oasis_search.index.roots import root, terms
from oasis_search.index.segment import Segment
from oasis_search.index.snapshot import Snapshot
from oasis_search.search.query import Filter
from oasis_search.search.roles import roles, roles_of
from oasis_search.syntax.units import KINDS
from oasis_search.syntax.words import identifiers

_REMEMBERED = 64
"""Pairs of a segment's paths and globs whose matches are kept: only strings and bytes, never a segment."""


def allowed_units(snapshot: Snapshot, restriction: Filter) -> NDArray[np.bool_] | None:
    """(size,) units that may be hits under `restriction`; None when it restricts nothing.

    Globs are read as in gitignore, and the last that matches decides; with none but excluding ones (`!`)
    everything else is let through. Exact words are looked up as terms: who has the text must still compare
    it (`has_exact_words`). O(files), remembered, and O(postings) of words. Raises SettingError for a pattern
    that is none.
    """
    if restriction == Filter():
        return None
    masks = [_allowed_in(segment, restriction) for segment in snapshot.segments]
    allowed = np.concatenate(masks) if masks else np.zeros(0, bool)
    for phrase in restriction.exact:
        for term in {term for token in identifiers(phrase) for term in terms(token)}:
            held = np.zeros(len(allowed), bool)
            held[units_with(snapshot, term_id(Field.BODY, term))] = True
            allowed &= held
    for word in restriction.without:
        for field in (Field.NAME, Field.PATH):
            allowed[_units_with_all(snapshot, field, whole_words_of(word))] = False
    return allowed


def has_exact_words(text: str, restriction: Filter) -> bool:
    """Whether all exact words stand in `text`; runs of blanks are one blank."""
    if not restriction.exact:
        return True
    plain = " ".join(text.casefold().split())
    return all(" ".join(phrase.casefold().split()) in plain for phrase in restriction.exact)


def _units_with_all(snapshot: Snapshot, field: Field, words: Sequence[str]) -> NDArray[np.int64]:
    """Units that hold every word in this field; none for no words."""
    held = [units_with(snapshot, term_id(field, word)) for word in words]
    return reduce(np.intersect1d, held) if held else np.zeros(0, np.int64)


def _allowed_in(segment: Segment, restriction: Filter) -> NDArray[np.bool_]:
    files = np.ones(len(segment.paths), bool)
    if restriction.languages:
        files &= np.fromiter((name in restriction.languages for name in segment.languages), bool, len(files))
    if restriction.globs:
        files &= _matching(segment.paths, restriction.globs)
    if unwanted := _unwanted_roles(restriction.without):
        files &= ~np.fromiter(
            (
                not unwanted.isdisjoint(role.name for role in roles_of(path, language))
                for path, language in zip(segment.paths, segment.languages, strict=True)
            ),
            bool,
            len(files),
        )
    units = files[segment.file_of]
    if restriction.kinds:
        codes = [code for code, kind in enumerate(KINDS) if kind in restriction.kinds]
        units &= np.isin(segment.kinds, codes)
    return units


def _unwanted_roles(words: tuple[str, ...]) -> frozenset[str]:
    roots = {root(word.lower()) for word in words}
    return frozenset(role.name for role in roles() if root(role.name) in roots)


@lru_cache(maxsize=_REMEMBERED)
def _matching(paths: tuple[str, ...], globs: tuple[str, ...]) -> NDArray[np.bool_]:
    try:
        spec = PathSpec.from_lines("gitignore", globs)
    except ValueError as error:
        raise SettingError(
            f"The globs {', '.join(globs)} cannot be read ({error}). Write them as in a .gitignore file."
        ) from error
    otherwise = all(glob.startswith("!") for glob in globs)
    verdicts = (spec.check_file(path).include for path in paths)
    return np.fromiter((otherwise if v is None else v for v in verdicts), bool, len(paths))
