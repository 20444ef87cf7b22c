"""Candidates by structure: a wrong function whose tree is near that of the docstring's own function.

Near is a normalised tree edit distance of at most a limit, which the paper does not publish. Only functions
of one language are compared, and a copy of the same text is no candidate.
"""

from functools import lru_cache

from oasis_train.data import Function
from oasis_train.refine.tree_distance import Tree, within
from oasis_train.refine.trees import TreeBuilder, TreeConfig

NOT_COMPUTED = -1.0
"""Stands for a distance above the limit, or between functions that are not compared."""

_TREES = 4_096
"""Trees kept, since a function is a candidate for several docstrings."""


class StructureComparison:
    """Compares functions with each other; remembers their trees."""

    def __init__(self, config: TreeConfig, limit: float) -> None:
        """`limit` is the largest normalised distance of interest."""
        self._builder = TreeBuilder(config)
        self._limit = limit
        self._tree = lru_cache(_TREES)(self._builder.build)

    def distance(self, own: Function, other: Function) -> float:
        """The normalised distance when it is at most the limit and the texts differ, else `NOT_COMPUTED`."""
        if own.language != other.language or own.code.strip() == other.code.strip():
            return NOT_COMPUTED
        a, b = self._tree_of(own), self._tree_of(other)
        if a is None or b is None:
            return NOT_COMPUTED
        distance = within(a, b, self._limit)
        return NOT_COMPUTED if distance is None else distance

    def _tree_of(self, function: Function) -> Tree | None:
        return self._tree(function.code, function.language)
