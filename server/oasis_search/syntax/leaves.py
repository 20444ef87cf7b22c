"""The words and signs of a piece of code in order, comments left out: what two pieces are compared by.

A leaf says whether it is a name, a literal, or part of the language itself. A string is one leaf whatever the
grammar makes of its inside. Text without a grammar gives its words and signs. Never raises on bad code.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import tree_sitter

from oasis_search.syntax.fragment import parse_fragment
from oasis_search.syntax.grammars import load_grammar, parse_tree
from oasis_search.syntax.languages import Language

Part = Literal["name", "literal", "language"]

MAX_LEAVES = 20_000
"""A longer piece is compared by its beginning."""

_NAME = re.compile(r"identifier$|^(?:name|constant|word|instance_variable|global_variable|class_variable)$")
_LITERAL = re.compile(r"string|char_literal|character_literal|rune_literal|number|integer|float|regex$|^int$")
_COMMENT = re.compile(r"comment$")
_PLAIN = re.compile(r"[^\W\d]\w*|\d[\w.]*|[^\w\s]")

_INSERTED = re.compile(r"interpolation|substitution|^variable_name$")
"""Code inside a string, which then is no one leaf: its names may change as others do."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One word or sign."""

    part: Part
    text: str


def leaves(source: bytes, language: Language, within: tuple[int, int] | None = None) -> tuple[Leaf, ...]:
    """Leaves of `source` in order, at most `MAX_LEAVES`; linear in its length.

    Of a part `within` two byte offsets, those that lie wholly in it, as the whole text says what they are.
    """
    first, last = within or (0, len(source))
    if language.grammar is None:
        return _plain_leaves(source[first:last])
    try:
        if within is None:
            piece = parse_fragment(source, language)
            start = piece.start_byte
            found = list(_walk(piece.root, piece.text, (start, start + len(source))))
        else:
            root = parse_tree(load_grammar(language), source).root_node
            found = list(_walk(root, source, within))
    except (ValueError, RuntimeError, RecursionError, MemoryError):
        return _plain_leaves(source[first:last])
    return tuple(found)


def _walk(root: tree_sitter.Node, text: bytes, within: tuple[int, int]) -> Iterator[Leaf]:
    """In document order, without recursion: code may be nested deeply."""
    cursor = root.walk()
    n_found = 0
    while True:
        node = cursor.node
        if node is None:
            return
        is_whole = node.child_count == 0 or _is_literal(node)
        if _COMMENT.search(node.type) or _is_docstring(node):
            is_whole = True
        elif is_whole and within[0] <= node.start_byte < node.end_byte <= within[1]:
            leaf = _leaf(node, text)
            if leaf.text:
                yield leaf
                n_found += 1
                if n_found == MAX_LEAVES:
                    return
        is_passed = node.end_byte <= within[0] or node.start_byte >= within[1]
        if not is_whole and not is_passed and cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def _is_literal(node: tree_sitter.Node) -> bool:
    if not node.is_named or not _LITERAL.search(node.type):
        return False
    return not any(_INSERTED.search(child.type) for child in node.named_children)


def _is_docstring(node: tree_sitter.Node) -> bool:
    """A string that stands alone as a statement does nothing, wherever it stands."""
    if node.type != "expression_statement" or node.named_child_count != 1:
        return False
    child = node.named_child(0)
    return child is not None and child.type == "string"


def _leaf(node: tree_sitter.Node, text: bytes) -> Leaf:
    own = text[node.start_byte : node.end_byte].decode("utf-8", "replace").strip()
    if not node.is_named:
        return Leaf("language", own)
    if _NAME.search(node.type):
        return Leaf("name", own)
    return Leaf("literal" if _LITERAL.search(node.type) else "language", own)


def _plain_leaves(source: bytes) -> tuple[Leaf, ...]:
    found: list[Leaf] = []
    for match in _PLAIN.finditer(source.decode("utf-8", "replace")):
        text = match.group()
        part: Part = "literal" if text[0].isdigit() else "name" if text[0].isalpha() else "language"
        found.append(Leaf(part, text))
        if len(found) == MAX_LEAVES:
            break
    return tuple(found)
