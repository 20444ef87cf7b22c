"""Every weight of the ranking in one frozen value, so that a signal can be switched off and measured.

Scores are in units of the best fused score of the query: 1 is what the best candidate has before any signal.
The measurements behind the numbers stand in docs/ranking.md.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weights:
    """What each signal may add or take."""

    dense_share: float = 0.5
    """Share of the dense ranking in the fusion; the rest is lexical."""
    symbol_dense_share: float = 0.3
    """The same for queries that are a name."""
    name_field: float = 0.5
    """Weight of a term in a unit's name against one in its text."""
    path_field: float = 0.5
    """Weight of a term in the path."""
    definition: float = 3.0
    """A unit that defines the queried symbol."""
    mention: float = 1.5
    """A unit that defines a name which the question mentions."""
    stem: float = 1.0
    """Query words found in the file's own name and its folder's."""
    coherence: float = 0.2
    """Several candidates in one file."""
    demotion: float = 1.0
    """Exponent on the factors of demoted kinds of files; 0 switches demotion off."""
    saturation: float = 0.5
    """Factor on every further hit of one file."""


WEIGHTS = Weights()
