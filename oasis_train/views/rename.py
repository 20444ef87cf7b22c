"""The same function under other names, so that a model must read what code does, not what it is called.

Grammar facts only: the function's own name, its parameters and what it assigns to are renamed wherever they
stand as plain identifiers; attributes, calls of other functions, types and literals stay.
"""

import random
import re
from collections.abc import Iterator
from textwrap import dedent

import tree_sitter

from oasis_search.syntax import language_by_name
from oasis_train.refine.trees import parse_function

_IDENTIFIER = re.compile(r"^(identifier|simple_identifier|variable_name|name|shorthand_field_identifier)$")
_ATTRIBUTE_FIELDS = frozenset(("attribute", "field", "property", "function", "type", "label"))
"""Fields of a parent under which an identifier is no variable."""
_DECLARING = re.compile(
    r"assignment|declarator|parameter|declaration|let_|for_|_pattern|variable_list|expression_list"
)
_TARGET_FIELDS = frozenset(("left", "name", "declarator", "pattern"))
_LETTERS = "abcdefghijkmnpqstuvwxyz"
_OWN_NAMES = ("Func", "f", "func0", "foo", "solve")
"""Of a function; Ruby takes a capital for a constant."""

MOST_DEPTH = 200
"""Deeper trees are data, not code."""


def rename_identifiers(
    code: str, language_name: str, name: str, generator: random.Random, *, variables: bool
) -> str | None:
    """`code` with its own name replaced and, with `variables`, its parameters and local variables too.

    None where there is no grammar or nothing to rename. Linear in the code.
    """
    language = language_by_name(language_name)
    if language is None or language.grammar is None:
        return None
    root, source = parse_function(dedent(code), language)
    if root is None:
        return None
    own = name.encode()
    names: dict[bytes, str] = {own: generator.choice(_OWN_NAMES[language_name == "ruby" :])} if own else {}
    leaves = [node for node in _identifiers(root)]
    if variables:
        style = generator.randrange(4)
        for number, text in enumerate(_declared(root, source, own)):
            names[text] = _new_name(style, number, text)
    spans = [
        (leaf.start_byte, leaf.end_byte, names[text])
        for leaf in leaves
        if (text := source[leaf.start_byte : leaf.end_byte]) in names
    ]
    if not spans:
        return None
    pieces, at = [], root.start_byte
    for start, end, new in sorted(spans):
        if start >= at:
            pieces += [source[at:start], new.encode()]
            at = end
    pieces.append(source[at : root.end_byte])
    return b"".join(pieces).decode("utf-8", "replace")


def _new_name(style: int, number: int, text: bytes) -> str:
    sigil = "$" if text.startswith(b"$") else ""
    if style == 0:
        return f"{sigil}arg_{number}"
    if style == 1:
        return f"{sigil}name{number}"
    if style == 2:
        return f"{sigil}{_LETTERS[number % len(_LETTERS)]}{number // len(_LETTERS) or ''}"
    return f"{sigil}var{number}"


def _declared(root: tree_sitter.Node, source: bytes, own: bytes) -> list[bytes]:
    """Names that the function's parameters and assignments declare, in order, each once."""
    found: dict[bytes, None] = {}
    stack: list[tuple[tree_sitter.Node, bool, int]] = [(root, False, 0)]
    while stack:
        node, declares, depth = stack.pop()
        if declares and _IDENTIFIER.match(node.type):
            text = source[node.start_byte : node.end_byte]
            if text != own and text not in (b"self", b"this", b"cls", b"_", b"$this"):
                found[text] = None
            continue
        if depth > MOST_DEPTH:
            continue
        is_declaration = bool(_DECLARING.search(node.type))
        children = []
        for place, child in enumerate(node.children):
            field = node.field_name_for_child(place)
            inner = False
            if field not in _ATTRIBUTE_FIELDS and "call" not in node.type and "member" not in node.type:
                if is_declaration:
                    inner = field in _TARGET_FIELDS or (
                        field is None and (declares or "parameter" in node.type)
                    )
                elif declares and field not in ("value", "body", "right"):
                    inner = "attribute" not in node.type and "subscript" not in node.type
            children.append((child, inner, depth + 1))
        stack.extend(reversed(children))
    return list(found)


def _identifiers(root: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Identifiers that are no attribute of something else."""
    stack: list[tuple[tree_sitter.Node, str | None, str]] = [(root, None, "")]
    while stack:
        node, field, parent = stack.pop()
        if _IDENTIFIER.match(node.type):
            is_attribute = field in ("attribute", "property", "type") or (
                field == "field" and "access" in parent
            )
            if not is_attribute and not (field == "name" and "access" in parent):
                yield node
            continue
        stack.extend(
            (child, node.field_name_for_child(place), node.type) for place, child in enumerate(node.children)
        )
