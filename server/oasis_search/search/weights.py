"""Every weight of the ranking in one frozen value, so that a signal can be left out and measured.

Scores are in units of the best fused score of the query: 1 is what the best candidate has before any signal.
How the numbers were chosen, and what each signal is worth, stands in docs/ranking.md.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weights:
    """What each signal may add or take; the value that switches a signal off is 0 (`saturation`: 1)."""

    dense_share: float = 0.5
    """Share of the dense ranking in the fusion; the rest is lexical."""
    model_share: float = 0.2
    """Share of the better encoders' ranking in the dense one, where there is such; the rest is static."""
    unmatched_dense_share: float = 0.7
    """`dense_share` with a better encoder, for a question of whose words no unit holds `fusion.MATCHED`."""
    unmatched_model_share: float = 0.6
    """`model_share` likewise."""
    name_field: float = 0.4
    """Weight of a term in a unit's name against one in its text."""
    path_field: float = 0.2
    """Weight of a term in the path."""
    definition: float = 5.0
    """A unit that defines the name which the query is: above anything that only mentions it."""
    main_file: float = 2.0
    """The same in the file that has the name too: where a definition is spread over files, its main part."""
    mention: float = 0.5
    """A unit that defines a name which stands in a question."""
    path_words: float = 0.75
    """Share of the query's words in the names of the file and its folder."""
    coherence: float = 0.3
    """Sum of the candidates of a file, for its best one."""
    demotion: float = 1.0
    """Exponent on the factors of files that are no implementation."""
    superseded: float = 1.0
    """Exponent on the factor of the older of two versions side by side."""
    saturation: float = 0.5
    """Factor on every further hit of one file."""


WEIGHTS = Weights()
