"""The ranking signals: small functions from candidates to what they add or take.

Each has its weight in `weights.py`, its reason in `explain.py` and its measurement in docs/ranking.md. No
signal looks at more than the candidates, and none reads a file.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from oasis_search.index.fields import normal_name
from oasis_search.index.lexical import holds
from oasis_search.index.roots import root
from oasis_search.index.snapshot import Snapshot
from oasis_search.search.analysis import Analysis
from oasis_search.search.fusion import Candidates
from oasis_search.search.roles import Role, asked_roles, roles_of
from oasis_search.search.weights import Weights
from oasis_search.syntax.words import split_identifier

Column = NDArray[np.float32]
"""(c,) one number a candidate."""


SPELLED_OTHERWISE = 0.4
"""`session` typed, `Session` defined: less sure than the same letters, still above a mention."""

SUPERSEDED_FACTOR = 0.6
"""On `v3/` where there is a `v4/` beside it and the query does not say v3."""

_VERSION = re.compile(r"(.*/|)v(\d+)(?=/)")
"""The innermost folder of a path that is a version."""


@dataclass(frozen=True, slots=True, eq=False)
class Files:
    """The files of the candidates."""

    numbers: NDArray[np.int32]
    """(f,) as `Snapshot.file_ids` gives them, ascending."""
    of_candidate: NDArray[np.intp]
    """(c,) row in `numbers`."""
    paths: tuple[str, ...]
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What the signals say of each candidate."""

    files: Files
    scores: Column
    definition: Column
    path_words: Column
    coherence: Column
    factors: Column
    roles: tuple[tuple[Role, ...], ...]
    """(f,) roles that moved a file down."""


def judge(snapshot: Snapshot, analysis: Analysis, candidates: Candidates, weights: Weights) -> Verdict:
    """All signals together: score = (fused + what the signals add) * factors."""
    files = files_of(snapshot, candidates)
    together = coherence(candidates, files, weights)
    defines = definition(snapshot, analysis, candidates, files, weights)
    named = path_words(analysis, files, weights)
    factors, moved = demotion(snapshot, analysis, candidates, files, weights)
    factors *= superseded(analysis, files, weights)[files.of_candidate]
    scores = (candidates.fused + together + defines + named) * factors
    return Verdict(files, scores, defines, named, together, factors, tuple(moved))


def files_of(snapshot: Snapshot, candidates: Candidates) -> Files:
    """The files of the candidates."""
    numbers, rows = np.unique(snapshot.file_ids[candidates.units], return_inverse=True)
    listed = numbers.tolist()
    return Files(
        numbers,
        rows,
        tuple(map(snapshot.path_of_file, listed)),
        tuple(map(snapshot.language_of_file, listed)),
    )


def definition(
    snapshot: Snapshot, analysis: Analysis, candidates: Candidates, files: Files, weights: Weights
) -> Column:
    """Units that define a name of the query; of several names the one that gives most counts."""
    gain = np.zeros(len(candidates.units), np.float32)
    full = {"query": weights.definition, "mention": weights.mention}
    for symbol in analysis.symbols:
        for at in np.flatnonzero(holds(snapshot, symbol.term, candidates.units)).tolist():
            found = full[symbol.role] * symbol.certainty
            if symbol.role == "query":
                if snapshot.name_of(int(candidates.units[at])).strip("_$@") != symbol.spelling.strip("_$@"):
                    found *= SPELLED_OTHERWISE
                if _own_name(files.paths[files.of_candidate[at]]) == normal_name(symbol.spelling):
                    found += weights.main_file
            gain[at] = max(gain[at], found)
    return gain


def path_words(analysis: Analysis, files: Files, weights: Weights) -> Column:
    """Share of the query's words that the names of the file and of its folder have, by file."""
    counts = np.array([len(analysis.words & _near_words(path)) for path in files.paths], np.float32)
    return np.float32(weights.path_words / max(1, len(analysis.words))) * counts[files.of_candidate]


def coherence(candidates: Candidates, files: Files, weights: Weights) -> Column:
    """For the best candidate of each file: the sum over its candidates against that of the best file."""
    sums = np.bincount(files.of_candidate, candidates.fused, len(files.numbers))
    gain = np.zeros(len(candidates.units), np.float32)
    best = best_of_each(files.of_candidate, candidates.fused)
    gain[best] = weights.coherence * sums[files.of_candidate[best]] / max(sums.max(initial=0.0), 1e-9)
    return gain


def demotion(
    snapshot: Snapshot, analysis: Analysis, candidates: Candidates, files: Files, weights: Weights
) -> tuple[Column, list[tuple[Role, ...]]]:
    """Factor of each candidate, and the roles that moved each file."""
    asked = asked_roles(analysis.words)
    moved = [
        tuple(role for role in roles_of(path, language) if role.name not in asked)
        for path, language in zip(files.paths, files.languages, strict=True)
    ]
    of_files = np.array([_factor(roles, named=True) for roles in moved], np.float32)
    of_runs = np.array([_factor(roles, named=False) for roles in moved], np.float32)
    factors = of_files[files.of_candidate]
    differing = np.flatnonzero((of_files != of_runs)[files.of_candidate])
    for at in differing.tolist():
        if not snapshot.name_of(int(candidates.units[at])):
            factors[at] = of_runs[files.of_candidate[at]]
    return factors**weights.demotion, moved


def superseded(analysis: Analysis, files: Files, weights: Weights) -> Column:
    """Factor of each file: less for the older of two versions side by side, unless the query names it."""
    versions = [_VERSION.match(path) for path in files.paths]
    newest: dict[str, int] = {}
    for match in filter(None, versions):
        newest[match[1]] = max(newest.get(match[1], 0), int(match[2]))
    asked = analysis.text.lower().split()
    old = [m is not None and int(m[2]) < newest[m[1]] and f"v{m[2]}" not in asked for m in versions]
    return np.where(old, np.float32(SUPERSEDED_FACTOR) ** weights.superseded, 1).astype(np.float32)


def best_of_each(groups: NDArray[np.intp], scores: NDArray[np.float32]) -> NDArray[np.intp]:
    """Row of the highest score of each group; the first of equals."""
    order = np.lexsort((np.arange(len(groups)), -scores, groups))
    return order[np.flatnonzero(np.diff(groups[order], prepend=-1))]


@lru_cache(maxsize=1 << 15)
def _own_name(path: str) -> str:
    """Name of a file without its last ending, as `normal_name` gives it."""
    name = path.rpartition("/")[2]
    return normal_name(name.rpartition(".")[0] or name)


def _factor(roles: Sequence[Role], *, named: bool) -> float:
    factor = 1.0
    for role in roles:
        if not (role.anonymous and named):
            factor *= role.factor
    return factor


@lru_cache(maxsize=1 << 15)
def _near_words(path: str) -> frozenset[str]:
    """Roots of the words in the file's own name, up to its first dot, and in its folder's."""
    *folders, name = path.split("/")
    near = (name.partition(".")[0] or name, *folders[-1:])
    return frozenset(root(word) for piece in near for word in split_identifier(piece))
