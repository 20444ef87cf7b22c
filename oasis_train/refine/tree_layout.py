"""How a tree lies in the rows of the distance between trees: one block of columns for every distinct keyroot.

A keyroot is the root, or a node with a sibling to its left; the left path of a node leads through first
children to a leaf, and every node is on the left path of exactly one keyroot. A block holds the forests of a
keyroot: none of its subtree's nodes, the first one in post-order, the first two, and so on. Keyroots with
equal subtrees share one block. Made once per tree, whatever it is compared with.
"""

from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.int32]
Places = NDArray[np.int64]

BLOCK = 1 << 14
"""Shift between blocks: more than any distance plus twice the nodes of a tree."""

FAR = 1 << 29
"""Above every distance, and far enough from the end of 32 bits to be added to one."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What the rows need to know of a tree; arrays have one value per column.

    A row holds distance - forest size - BLOCK * block, so that an insertion, which costs 1 and makes the
    forest larger by 1, changes nothing: the running minimum of a row does all of them.
    """

    labels: tuple[int, ...]
    firsts: tuple[int, ...]
    """First node in post-order of every node's subtree."""
    same: tuple[int, ...]
    """For every node its counterpart in the keyroot that stands for its own."""
    keyroots: tuple[int, ...]
    """Those that stand for themselves, in post-order."""
    n_rows: int
    """Nodes in the subtrees of `keyroots`, so rows to fill when this tree is the first."""
    n_path_rows: int
    """How many of these are on the keyroot's left path."""

    waves: tuple[tuple[int, int], ...]
    """Ranges of columns; a block lies in a later range than all blocks of keyroots below its own."""
    nothing: Row
    """The row of the empty forest."""
    column_labels: Row
    match: Row
    """Step for matching the column's node, but for its label; far off the left path."""
    before: Places
    """Column of the same block that holds the forest left of the column's subtree."""
    home: Places
    """Column where the distance of the subtree itself is found."""
    inner_step: Row
    """From the home's value in a row on the left path to this column's; far on the column's left path."""
    outer_step: Row
    """From the home's value to what is added to a value of `before`."""
    last: int
    """Column of the whole tree."""
    last_shift: int
    """What is added there to have the distance."""


def layout_of(labels: tuple[int, ...], sizes: tuple[int, ...]) -> Layout:
    """The layout of a tree given in post-order."""
    n = len(labels)
    firsts = tuple(node - size + 1 for node, size in enumerate(sizes))
    keyroot_of_first = {first: node for node, first in enumerate(firsts)}  # the last one stays
    subtree = _subtree_ids(labels, sizes)
    keyroots, stands_for = [], dict[int, int]()
    for keyroot in sorted(keyroot_of_first.values()):
        if stands_for.setdefault(subtree[keyroot], keyroot) == keyroot:
            keyroots.append(keyroot)
    same = tuple(
        firsts[stands_for[subtree[keyroot]]] + node - firsts[keyroot]
        for node, keyroot in enumerate(keyroot_of_first[first] for first in firsts)
    )
    wave_of = _nesting(firsts, sizes)
    blocks = sorted(keyroots, key=lambda keyroot: (wave_of[keyroot], keyroot))
    starts = [0, *accumulate(sizes[keyroot] + 1 for keyroot in blocks)]

    first_of_column = np.concatenate([np.full(sizes[k] + 1, firsts[k]) for k in blocks])
    column = np.concatenate([np.arange(sizes[k] + 1) for k in blocks])
    block = np.repeat(np.arange(len(blocks)), [sizes[k] + 1 for k in blocks])
    is_node = column > 0
    node = np.where(is_node, first_of_column + column - 1, 0)
    first = np.array(firsts)[node]
    on_path = is_node & (first == first_of_column)
    shift = column + BLOCK * block
    place = np.zeros(n, dtype=np.int64)
    place[node[on_path]] = np.flatnonzero(on_path)
    before_column = np.where(is_node, first - first_of_column, 0)
    before = np.array(starts)[block] + before_column
    home = np.where(is_node, place[np.array(same)[node]], 0)

    bounds = [starts[i] for i, k in enumerate(blocks) if i == 0 or wave_of[k] != wave_of[blocks[i - 1]]]
    last = int(place[n - 1])
    return Layout(
        labels=labels,
        firsts=firsts,
        same=same,
        keyroots=tuple(keyroots),
        n_rows=sum(sizes[keyroot] for keyroot in keyroots),
        n_path_rows=int(on_path.sum()),
        waves=tuple(zip(bounds, [*bounds[1:], starts[-1]], strict=True)),
        nothing=(-BLOCK * block).astype(np.int32),
        column_labels=np.where(is_node, np.array(labels)[node], -1).astype(np.int32),
        match=np.where(on_path, -1, FAR).astype(np.int32),
        before=before,
        home=home,
        inner_step=np.where(is_node & ~on_path, before_column + shift[home] - shift, FAR).astype(np.int32),
        outer_step=np.where(is_node, shift[home] + shift[before] - shift, FAR).astype(np.int32),
        last=last,
        last_shift=int(shift[last]),
    )


def _subtree_ids(labels: tuple[int, ...], sizes: tuple[int, ...]) -> list[int]:
    """Equal numbers for equal subtrees."""
    known: dict[tuple[int, ...], int] = {}
    ids: list[int] = []
    for node, label in enumerate(labels):
        key, child = [label], node - 1
        while child > node - sizes[node]:
            key.append(ids[child])
            child -= sizes[child]
        ids.append(known.setdefault(tuple(key), len(known)))
    return ids


def _nesting(firsts: tuple[int, ...], sizes: tuple[int, ...]) -> list[int]:
    """For every node how deep keyroots are nested in its subtree, not counting its own keyroot."""
    depths: list[int] = []
    for node in range(len(firsts)):
        depth, child = 0, node - 1
        while child >= firsts[node]:
            depth = max(depth, depths[child] + (firsts[child] != firsts[node]))
            child -= sizes[child]
        depths.append(depth)
    return depths
