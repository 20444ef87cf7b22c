"""Edit distance of ordered labelled trees: exact, with exact lower bounds that spare most of the work.

The distance is the least number of nodes to insert, delete or relabel (Zhang and Shasha 1989). Its tables are
filled row by row in numpy, all keyroots of the second tree side by side:

- A row holds, for every keyroot of the second tree, the distances to its forests, one block after another.
  Blocks are shifted by multiples of `BLOCK`, so that one running minimum over the whole row does the
  insertions of each block and nothing flows from one block into the next.
- A row of a node on its keyroot's own left path needs distances of the same row in blocks of keyroots below;
  those are filled wave by wave, innermost keyroots first. All other rows need earlier rows only.
- A subtree that occurs twice in a tree is computed once: its row of distances is the same.

Deliberately no costs other than 1, and no mapping: only the number is needed.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from oasis_train.refine.tree_layout import Layout, layout_of

MAX_NODES = 4_000
"""Larger trees would not fit `BLOCK`, and take minutes."""


@dataclass(frozen=True)
class Tree:
    """An ordered labelled tree in post-order; equal labels are equal numbers."""

    labels: tuple[int, ...]
    """Label of every node."""
    sizes: tuple[int, ...]
    """Nodes in the subtree of every node, itself included."""

    def __len__(self) -> int:
        """Number of nodes."""
        return len(self.labels)

    @cached_property
    def preorder(self) -> tuple[int, ...]:
        """Labels, parents before children."""
        # A subtree lies in one piece in both orders, so each node's place follows from its parent's.
        order = [0] * len(self)
        place = {len(self) - 1: 0}
        for node in range(len(self) - 1, -1, -1):
            at = place[node]
            order[at] = self.labels[node]
            child, first = node - 1, node - self.sizes[node]
            end = at + self.sizes[node]
            while child > first:
                end -= self.sizes[child]
                place[child] = end
                child -= self.sizes[child]
        return tuple(order)

    @cached_property
    def counts(self) -> dict[int, int]:
        """How often every label occurs."""
        counts: dict[int, int] = {}
        for label in self.labels:
            counts[label] = counts.get(label, 0) + 1
        return counts

    @cached_property
    def masks(self) -> tuple[dict[int, int], dict[int, int]]:
        """For pre- and post-order: label -> the places where it stands, as bits of a number."""
        return _places(self.preorder), _places(self.labels)

    @cached_property
    def layout(self) -> Layout:
        """What the rows of the distance need to know."""
        return layout_of(self.labels, self.sizes)


def tree_from_postorder(labels: "list[int] | tuple[int, ...]", sizes: "list[int] | tuple[int, ...]") -> Tree:
    """A tree of one node or more; ValueError for one that is too large or no tree."""
    if not 1 <= len(labels) <= MAX_NODES or len(labels) != len(sizes) or sizes[-1] != len(labels):
        raise ValueError(
            f"{len(labels)} labels and {len(sizes)} sizes make no tree of 1 to {MAX_NODES} nodes"
        )
    return Tree(tuple(labels), tuple(sizes))


def tree_distance(a: Tree, b: Tree) -> int:
    """Least number of nodes to insert, delete or relabel that makes `a` to `b`."""
    if a == b:
        return 0
    rows, columns = a.layout, b.layout
    if _calls(columns, rows) < _calls(rows, columns):  # the distance is symmetric, the work is not
        rows, columns = columns, rows
    return _distance(rows, columns)


def normalised_distance(a: Tree, b: Tree) -> float:
    """The distance over the sum of node counts, from 0 (equal) to below 1."""
    return tree_distance(a, b) / (len(a) + len(b))


def within(a: Tree, b: Tree, limit: float) -> float | None:
    """The normalised distance if it is at most `limit`, else None; most pairs are told by a bound alone."""
    total = len(a) + len(b)
    allowed = int(limit * total + 1e-9)
    for bound in BOUNDS:
        if bound(a, b) > allowed:
            return None
    distance = tree_distance(a, b)
    return distance / total if distance <= allowed else None


def size_bound(a: Tree, b: Tree) -> int:
    """Nodes that one tree has more must be inserted."""
    return abs(len(a) - len(b))


def label_bound(a: Tree, b: Tree) -> int:
    """At most the labels that both have can stay; every other node of the larger tree costs 1."""
    few, many = (a.counts, b.counts) if len(a.counts) < len(b.counts) else (b.counts, a.counts)
    common = sum(min(count, many.get(label, 0)) for label, count in few.items())
    return max(len(a), len(b)) - common


def preorder_bound(a: Tree, b: Tree) -> int:
    """Edit distance of the labels in pre-order: every edit of a tree is one edit of that sequence."""
    return _sequence_distance(a.masks[0], len(a), b.preorder)


def postorder_bound(a: Tree, b: Tree) -> int:
    """Edit distance of the labels in post-order."""
    return _sequence_distance(a.masks[1], len(a), b.labels)


BOUNDS = (size_bound, label_bound, preorder_bound, postorder_bound)
"""Lower bounds of the distance, cheapest first."""


def _calls(a: Layout, b: Layout) -> int:
    """Calls of numpy that `_distance` makes, roughly."""
    return 5 * a.n_rows + 4 * a.n_path_rows * len(b.waves)


def _distance(a: Layout, b: Layout) -> int:
    """Zhang and Shasha, see the top of the file; variables are (width,) rows unless said otherwise."""
    width = len(b.nothing)
    changes = {  # label of a -> what matching with each column's node costs, on b's left paths only
        label: b.match + (b.column_labels != label) for label in set(a.labels)
    }
    forest = np.empty((len(a.labels) + 1, width), dtype=np.int32)
    forest[0] = b.nothing
    trees = np.empty((len(a.labels), width), dtype=np.int32)  # distance of a's node to each column's subtree
    for keyroot in a.keyroots:
        first = a.firsts[keyroot]
        for node in range(first, keyroot + 1):
            above, row = forest[node - first], forest[node - first + 1]
            np.add(above, 1, out=row)
            if a.firsts[node] != first:
                other = forest[a.firsts[node] - first].take(b.before)
                other += trees[a.same[node]]
                np.minimum(row, other, out=row)
                np.minimum.accumulate(row, out=row)
                continue
            other = changes[a.labels[node]]
            np.minimum(row[1:], above[:-1] + other[1:], out=row[1:])
            for start, end in b.waves:
                wave = row[start:end]
                if start:
                    inner = row.take(b.home[start:end])
                    inner += b.inner_step[start:end]
                    np.minimum(wave, inner, out=wave)
                np.minimum.accumulate(wave, out=wave)
            np.add(row.take(b.home), b.outer_step, out=trees[node])
    return int(row[b.last]) + b.last_shift


def _places(labels: tuple[int, ...]) -> dict[int, int]:
    places: dict[int, int] = {}
    for place, label in enumerate(labels):
        places[label] = places.get(label, 0) | 1 << place
    return places


def _sequence_distance(places: dict[int, int], length: int, other: tuple[int, ...]) -> int:
    """Levenshtein's distance, a column at a time in the bits of two integers (Myers 1999, Hyyrö 2003)."""
    mask, top = (1 << length) - 1, 1 << length - 1
    up, down, distance = mask, 0, length
    for label in other:
        here = places.get(label, 0)
        diagonal = (((here & up) + up) ^ up) | here | down
        right_up = down | ~(diagonal | up) & mask
        right_down = up & diagonal
        if right_up & top:
            distance += 1
        elif right_down & top:
            distance -= 1
        right_up = (right_up << 1 | 1) & mask
        right_down = right_down << 1 & mask
        up = right_down | ~(diagonal | right_up) & mask
        down = right_up & diagonal
    return distance
