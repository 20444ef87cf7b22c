"""Parsing a piece that was cut out of its file: in most languages a method alone is no program."""

from dataclasses import dataclass

import tree_sitter

from oasis_search.syntax.grammars import load_grammar, parse_tree
from oasis_search.syntax.languages import Language

_CLASS = (b"class C {\n", b"\n}")
_PLAIN = (b"", b"")
_AROUND: dict[str, tuple[bytes, bytes]] = {
    "java": _CLASS,
    "csharp": _CLASS,
    "javascript": _CLASS,
    "typescript": _CLASS,
    "tsx": _CLASS,
    "cpp": (b"class C {\n", b"\n};"),
    "php": _CLASS,
}
"""What makes a method a whole program."""

_BEFORE = {"php": b"<?php\n"}
"""What makes a function a whole program."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A parsed piece."""

    root: tree_sitter.Node
    text: bytes
    """What the nodes point into."""
    start_byte: int
    """Of the piece in that text."""
    in_class: bool
    """Whether a class was put around it."""


def parse_fragment(piece: bytes, language: Language) -> Fragment:
    """The piece as it is or inside a class, whichever parses with fewer errors; as it is where both do.

    Linear; the second parse is made only where the first has errors. Raises ValueError for a language
    without a grammar and for text that takes far longer than code can take.
    """
    grammar = load_grammar(language)
    opening = b"" if piece.lstrip().startswith(b"<?") else _BEFORE.get(language.name, b"")
    best: Fragment | None = None
    least = 0
    for before, after in dict.fromkeys((_PLAIN, _AROUND.get(language.name, _PLAIN))):
        text = opening + before + piece + after
        root = parse_tree(grammar, text).root_node
        n_errors = _count_errors(root) if root.has_error else 0
        if best is None or n_errors < least:
            best = Fragment(root, text, len(opening) + len(before), bool(before))
            least = n_errors
        if n_errors == 0:
            break
    assert best is not None
    return best


def _count_errors(root: tree_sitter.Node) -> int:
    """Nodes that the parser made up or could not place."""
    found, stack = 0, [root]
    while stack:
        node = stack.pop()
        found += node.is_error or node.is_missing
        stack.extend(child for child in node.children if child.has_error)
    return found
