"""Tree edit distance on real functions: what the bounds spare, that they lose nothing, and how fast it is.

    python tests/bench/tree_distance.py --functions 300 --limit 0.2

Pairs are those that refinement meets: a function and others of its package, here of the standard library of
the running Python. Every pair is computed in full once by our algorithm; a part of them, chosen at random, by
the `apted` package too, whose answers must be the same. Exit status 1 when a pair is lost or a distance
differs.
"""

import argparse
import ast
import random
import statistics
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from apted import APTED, Config

from oasis_train.refine.tree_distance import BOUNDS, Tree, tree_distance, within
from oasis_train.refine.trees import TreeBuilder, TreeConfig


def main() -> int:
    """Status 1 when the bounds lost a pair or a distance was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--functions", type=int, default=300)
    parser.add_argument("--negatives", type=int, default=4, help="others of the same package per function")
    parser.add_argument("--limit", type=float, default=0.2, help="normalised distance of a candidate")
    parser.add_argument("--apted", type=int, default=40, help="pairs computed by apted too")
    parser.add_argument("--seed", type=int, default=3407)
    options = parser.parse_args()
    generator = random.Random(options.seed)
    pairs = _pairs(options.functions, options.negatives, generator)
    sizes = sorted(len(tree) for pair in pairs for tree in pair)
    print(f"{len(pairs)} pairs of trees, median {statistics.median(sizes):.0f} nodes, largest {sizes[-1]}")

    start = time.perf_counter()
    found = [within(a, b, options.limit) for a, b in pairs]
    pruned_s = time.perf_counter() - start
    start = time.perf_counter()
    distances = [tree_distance(a, b) for a, b in pairs]
    all_s = time.perf_counter() - start

    near = {
        i for i, (a, b) in enumerate(pairs) if distances[i] <= int(options.limit * (len(a) + len(b)) + 1e-9)
    }
    kept = {i for i, distance in enumerate(found) if distance is not None}
    recall = len(near & kept) / max(1, len(near))
    left = list(range(len(pairs)))
    for bound in BOUNDS:
        rest = []
        for i in left:
            a, b = pairs[i]
            if bound(a, b) <= int(options.limit * (len(a) + len(b)) + 1e-9):
                rest.append(i)
        print(f"  {bound.__name__:16} leaves {len(rest):6} of {len(left)}")
        left = rest
    wrong = len(near ^ kept) + sum(
        bound(a, b) > d for (a, b), d in zip(pairs, distances, strict=True) for bound in BOUNDS
    )
    print(f"pruned by bounds      {1 - len(left) / len(pairs):.1%}")
    print(f"within {options.limit:<4}           {len(near)} pairs, recall {recall:.1%}")
    print(f"all, no bounds        {all_s:.2f} s, {1000 * all_s / len(pairs):.2f} ms a pair")
    print(f"with bounds           {pruned_s:.2f} s, {all_s / pruned_s:.1f} times as fast")

    some = generator.sample(range(len(pairs)), min(options.apted, len(pairs)))
    start = time.perf_counter()
    theirs = [APTED(_nodes(pairs[i][0]), _nodes(pairs[i][1]), _Unit()).compute_edit_distance() for i in some]
    apted_s = time.perf_counter() - start
    start = time.perf_counter()
    ours = [tree_distance(*pairs[i]) for i in some]
    ours_s = time.perf_counter() - start
    wrong += sum(a != b for a, b in zip(ours, theirs, strict=True))
    ratio = apted_s / len(some) * len(pairs) / pruned_s
    times = f"{apted_s / ours_s:.1f} times as fast"
    print(f"apted, {len(some)} of the pairs {apted_s:.2f} s, ours {ours_s:.2f} s without bounds: {times}")
    print(f"with bounds           {ratio:.0f} times as fast as apted on all pairs")
    return int(wrong > 0)


class _Unit(Config):  # type: ignore[misc]
    """Costs of 1 for apted."""

    def rename(self, a: Any, b: Any) -> int:  # noqa: ANN401
        return int(a[0] != b[0])

    def children(self, node: Any) -> Any:  # noqa: ANN401
        return node[1]


def _nodes(tree: Tree) -> tuple[int, list[Any]]:
    """The tree as (label, children)."""
    stack: list[tuple[int, list[Any]]] = []
    for label, size in zip(tree.labels, tree.sizes, strict=True):
        children: list[Any] = []
        missing = size - 1
        while missing:
            child = stack.pop()
            missing -= _size(child)
            children.insert(0, child)
        stack.append((label, children))
    return stack[0]


def _size(node: tuple[int, list[Any]]) -> int:
    return 1 + sum(map(_size, node[1]))


def _pairs(n_functions: int, n_negatives: int, generator: random.Random) -> list[tuple[Tree, Tree]]:
    builder = TreeBuilder(TreeConfig())
    root = Path(sysconfig.get_path("stdlib"))
    files = [p for p in sorted(root.rglob("*.py")) if "-packages" not in str(p) and "/test" not in str(p)]
    generator.shuffle(files)
    by_package: dict[str, list[Tree]] = {}
    n = 0
    for path in files:
        for code in _functions(path):
            tree = builder.build(code, "python")
            if tree is not None:
                by_package.setdefault(str(path.parent), []).append(tree)
                n += 1
        if n >= 4 * n_functions:
            break
    known = [(package, tree) for package, trees in by_package.items() for tree in trees if len(trees) > 1]
    chosen = generator.sample(known, min(n_functions, len(known)))
    pairs = []
    for package, tree in chosen:
        others = [other for other in by_package[package] if other is not tree]
        pairs += [(tree, other) for other in generator.sample(others, min(n_negatives, len(others)))]
    return pairs


def _functions(path: Path) -> Iterator[str]:
    """Source of the functions of three lines or more."""
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        module = ast.parse(text)
    except SyntaxError:
        return
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 3:
            yield ast.get_source_segment(text, node, padded=True) or "pass"


if __name__ == "__main__":
    sys.exit(main())
