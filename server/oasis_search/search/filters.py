"""From a Filter to the units that it lets through."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pathspec import PathSpec

from oasis_search.errors import SettingError
from oasis_search.index.segment import Segment
from oasis_search.index.snapshot import Snapshot
from oasis_search.search.query import Filter
from oasis_search.syntax.units import KINDS

_REMEMBERED = 64
"""Pairs of a segment's paths and globs whose matches are kept: only strings and bytes, never a segment."""


def allowed_units(snapshot: Snapshot, restriction: Filter) -> NDArray[np.bool_] | None:
    """(size,) units that may be hits under `restriction`; None when it restricts nothing.

    Globs are read as in gitignore, and the last that matches decides; with none but excluding ones (`!`)
    everything else is let through. O(files), remembered. Raises SettingError for a pattern that is none.
    """
    if not (restriction.languages or restriction.globs or restriction.kinds):
        return None
    masks = [_allowed_in(segment, restriction) for segment in snapshot.segments]
    return np.concatenate(masks) if masks else np.zeros(0, bool)


def _allowed_in(segment: Segment, restriction: Filter) -> NDArray[np.bool_]:
    files = np.ones(len(segment.paths), bool)
    if restriction.languages:
        files &= np.fromiter((name in restriction.languages for name in segment.languages), bool, len(files))
    if restriction.globs:
        files &= _matching(segment.paths, restriction.globs)
    units = files[segment.file_of]
    if restriction.kinds:
        codes = [code for code, kind in enumerate(KINDS) if kind in restriction.kinds]
        units &= np.isin(segment.kinds, codes)
    return units


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
