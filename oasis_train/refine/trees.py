"""Code to labelled ordered trees, the form in which two functions' structure is compared.

A node is a named node of tree-sitter's tree; comments are left out. Its label is its type, with the operator
where it has one (`a + b` is no `a - b`). Names never count, so that a renamed copy is the same tree; whether
literals or all words of leaves count is an option. The paper publishes neither labels nor algorithm.
"""

import re
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Literal

import tree_sitter

from oasis_search.syntax import Language, language_by_name
from oasis_search.syntax.fragment import parse_fragment
from oasis_train.errors import RecipeError
from oasis_train.refine.tree_distance import MAX_NODES, Tree, tree_from_postorder

Leaves = Literal["type", "literal", "text"]

_NAME = re.compile(r"identifier$|^(name|variable_name|constant|field_name|label_name|instance_variable)$")
_COMMENT = re.compile("comment$")


@dataclass(frozen=True, slots=True)
class TreeConfig:
    """What counts in a tree."""

    leaves: Literal["type", "literal", "text"] = "type"
    """What a leaf is labelled with: its type alone, the text of literals too, or all text. Names are
    anonymous except with `text`. Not published."""
    max_nodes: int = 600
    """Larger functions are not compared by structure."""

    def __post_init__(self) -> None:
        """Raise RecipeError for a value that cannot be honoured."""
        if self.leaves not in ("type", "literal", "text"):
            raise RecipeError(f"refine.trees.leaves is {self.leaves!r}; give type, literal or text.")
        if not 1 <= self.max_nodes <= MAX_NODES:
            raise RecipeError(f"refine.trees.max_nodes is {self.max_nodes}; give 1 to {MAX_NODES}.")


@dataclass(slots=True)
class TreeBuilder:
    """Builds trees that may be compared with each other: equal labels get equal numbers."""

    config: TreeConfig
    _labels: dict[str, int] = field(default_factory=dict)

    def build(self, code: str, language_name: str) -> Tree | None:
        """The tree of one function; None if there is no grammar, no parse or too many nodes."""
        language = language_by_name(language_name)
        if language is None or language.grammar is None:
            return None
        root, source = parse_function(dedent(code), language)
        if root is None:
            return None
        labels: list[int] = []
        sizes: list[int] = []
        # Post-order without recursion: (node, its named children, how many nodes lay before it).
        stack = [(root, iter(_children(root)), 0)]
        while stack:
            node, children, before = stack[-1]
            child = next(children, None)
            if child is not None:
                stack.append((child, iter(_children(child)), len(labels)))
                continue
            stack.pop()
            label = self._label(node, source, is_leaf=len(labels) == before)
            labels.append(self._labels.setdefault(label, len(self._labels)))
            sizes.append(len(labels) - before)
            if len(labels) > self.config.max_nodes:
                return None
        return tree_from_postorder(labels, sizes)

    def _label(self, node: tree_sitter.Node, source: bytes, *, is_leaf: bool) -> str:
        operator = node.child_by_field_name("operator")
        if operator is not None:
            return f"{node.type} {_text(operator, source)}"
        if not is_leaf or self.config.leaves == "type":
            return node.type
        if self.config.leaves == "literal" and _NAME.search(node.type):
            return node.type
        return f"{node.type} {_text(node, source)}"


def parse_function(code: str, language: Language) -> tuple[tree_sitter.Node | None, bytes]:
    """The node of the function in `code` and the source that it points into."""
    try:
        found = parse_fragment(code.encode("utf-8", "replace"), language)
    except ValueError:
        return None, b""
    node = _inside_class(found.root) if found.in_class else found.root
    children = [child for child in _children(node) if child.type != "php_tag"]
    return (children[0] if len(children) == 1 else node), found.text


def _inside_class(root: tree_sitter.Node) -> tree_sitter.Node:
    """The body of the class that was put around the code."""
    for child in root.named_children:
        body = child.child_by_field_name("body")
        if body is not None:
            return body
    return root


def _children(node: tree_sitter.Node) -> list[tree_sitter.Node]:
    return [child for child in node.named_children if not _COMMENT.search(child.type)]


def _text(node: tree_sitter.Node, source: bytes) -> str:
    return source[node.start_byte : node.end_byte].decode("utf-8", "replace")
