"""Tree edit distance: equal to apted's on random trees and on real code; bounds never above it."""

from typing import Any

import pytest
from apted import APTED, Config
from hypothesis import given, settings
from hypothesis import strategies as st

from oasis_train.refine.tree_distance import (
    BOUNDS,
    Tree,
    normalised_distance,
    tree_distance,
    tree_from_postorder,
    within,
)
from oasis_train.refine.trees import TreeBuilder, TreeConfig
from tests.train.labels.small_run import real_functions

Nested = tuple[int, list[Any]]
"""(label, children)"""

NESTED: st.SearchStrategy[Nested] = st.recursive(
    st.tuples(st.integers(0, 2), st.just([])),
    lambda children: st.tuples(st.integers(0, 2), st.lists(children, max_size=4)),
    max_leaves=14,
)
BUILDER = TreeBuilder(TreeConfig(max_nodes=90))
REAL = [
    tree for f in real_functions() if (tree := BUILDER.build(f.code, "python")) is not None and len(tree) > 20
]


class UnitCosts(Config):  # type: ignore[misc]
    def rename(self, a: Nested, b: Nested) -> int:
        return int(a[0] != b[0])

    def children(self, node: Nested) -> list[Nested]:
        return node[1]


def apted_distance(a: Nested, b: Nested) -> int:
    return int(APTED(a, b, UnitCosts()).compute_edit_distance())


def tree_of(nested: Nested) -> Tree:
    labels: list[int] = []
    sizes: list[int] = []

    def visit(node: Nested) -> None:
        before = len(labels)
        for child in node[1]:
            visit(child)
        labels.append(node[0])
        sizes.append(len(labels) - before)

    visit(nested)
    return tree_from_postorder(labels, sizes)


def nested_of(tree: Tree) -> Nested:
    stack: list[tuple[Nested, int]] = []
    for label, size in zip(tree.labels, tree.sizes, strict=True):
        children: list[Nested] = []
        missing = size - 1
        while missing:
            child, n = stack.pop()
            children.insert(0, child)
            missing -= n
        stack.append(((label, children), size))
    return stack[0][0]


@settings(max_examples=150, deadline=None)
@given(NESTED, NESTED)
def test_distance_is_apteds_and_no_bound_is_above_it(a: Nested, b: Nested) -> None:
    expected = apted_distance(a, b)
    x, y = tree_of(a), tree_of(b)
    assert tree_distance(x, y) == tree_distance(y, x) == expected
    for bound in BOUNDS:
        assert bound(x, y) == bound(y, x) <= expected
    assert (expected == 0) == (a == b)
    assert normalised_distance(x, y) < 1


@settings(max_examples=60, deadline=None)
@given(NESTED, NESTED, st.floats(0, 1))
def test_a_limit_loses_nothing_and_adds_nothing(a: Nested, b: Nested, limit: float) -> None:
    x, y = tree_of(a), tree_of(b)
    distance = normalised_distance(x, y)
    assert within(x, y, limit) == (distance if distance <= limit + 1e-12 else None)


@settings(max_examples=60, deadline=None)
@given(NESTED, NESTED, NESTED)
def test_distance_keeps_the_triangle_inequality(a: Nested, b: Nested, c: Nested) -> None:
    x, y, z = map(tree_of, (a, b, c))
    assert tree_distance(x, z) <= tree_distance(x, y) + tree_distance(y, z)


@settings(deadline=None)
@given(NESTED)
def test_preorder_is_that_of_a_plain_walk(nested: Nested) -> None:
    def walk(node: Nested) -> list[int]:
        return [node[0], *(label for child in node[1] for label in walk(child))]

    assert list(tree_of(nested).preorder) == walk(nested)


@pytest.mark.parametrize("seed", range(6))
def test_distance_of_real_functions_is_apteds(seed: int) -> None:
    a, b = REAL[seed * 7], REAL[seed * 11 + 3]
    expected = apted_distance(nested_of(a), nested_of(b))
    assert tree_distance(a, b) == tree_distance(b, a) == expected
    assert all(bound(a, b) <= expected for bound in BOUNDS)


def test_pruning_finds_every_near_pair_of_real_functions() -> None:
    pairs = [(a, b) for i, a in enumerate(REAL[:24]) for b in REAL[:i]]
    for limit in (0.15, 0.25):
        near = [(a, b) for a, b in pairs if normalised_distance(a, b) <= limit]
        assert near
        assert [(a, b) for a, b in pairs if within(a, b, limit) is not None] == near


def test_worked_example_of_zhang_and_shasha() -> None:
    # Their paper's figure 4: f(d(a c(b)) e) and f(c(d(a b)) e) are two edits apart.
    a, b, c, d, e, f = range(6)
    first: Nested = (f, [(d, [(a, []), (c, [(b, [])])]), (e, [])])
    second: Nested = (f, [(c, [(d, [(a, []), (b, [])])]), (e, [])])
    assert tree_distance(tree_of(first), tree_of(second)) == 2


def test_what_is_no_tree_is_refused() -> None:
    for labels, sizes in (([], []), ([1], [2]), ([1, 2], [1]), ([0] * 5_000, list(range(1, 5_001)))):
        with pytest.raises(ValueError, match="make no tree"):
            tree_from_postorder(labels, sizes)
