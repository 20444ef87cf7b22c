"""Code as it is fed to an encoder: as written, or as tokens with one blank between.

The paper's authors fed joined tokens, an editor sees formatted code; figures of both are wanted. Tokens are
the leaves of the tree, strings kept whole, comments left out as in CodeSearchNet's own `code_tokens`. Where a
publisher gives tokens, those are taken. Code of a language without a grammar is split at white space.
"""

import re
from dataclasses import replace
from typing import Literal

import tree_sitter

from oasis_search.syntax import language_by_name
from oasis_search.syntax.grammars import load_grammar, parse_tree
from oasis_train.evaluation.suites import Pool, Suite

Form = Literal["formatted", "joined"]

_WHOLE = re.compile(r"^(?!concatenated).*(string|char|heredoc|regex)|^variable_name$")
"""A node of such a type is one token, whatever is inside; strings written side by side are several."""

_PHP_OPENING = b"<?php "


def in_form(suite: Suite, form: Form) -> Suite:
    """The suite with its codes (and code queries) in that form; its name says `joined`.

    CoSQA stays as it is in both forms, as in the authors' evaluation.
    """
    if form == "formatted" or suite.name.startswith("cosqa"):
        return suite
    pools = tuple(_join_pool(pool, suite.task) for pool in suite.pools)
    return replace(suite, name=f"{suite.name} joined", pools=pools)


def join_tokens(code: str, language: str) -> str:
    r"""The tokens of `code` with one blank between, without comments and Python's docstrings.

    >>> join_tokens("def f(a):  # why\n    return 'x y' + a", "python")
    "def f ( a ) : return 'x y' + a"
    """
    tree, source = _parse(code, language)
    if tree is None:
        return " ".join(code.split())
    tokens: list[str] = []
    _collect(tree.root_node, source, tokens)
    return " ".join(tokens)


def strip_documentation(code: str, language: str) -> str:
    """`code` without comments and Python's docstrings; lines that held nothing else are dropped."""
    tree, source = _parse(code, language)
    if tree is None:
        return code
    pieces, at = [], 0
    for start, end in sorted(_documentation(tree.root_node)):
        if start >= at:
            pieces.append(source[at:start])
            at = end
    text = b"".join([*pieces, source[at:]]).decode("utf-8", "replace")
    if len(source) != len(code.encode("utf-8", "replace")):
        text = text[len(_PHP_OPENING) :]
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())


def _join_pool(pool: Pool, task: str) -> Pool:
    languages = pool.languages or ("",) * len(pool.codes)
    codes = pool.joined_codes or tuple(map(join_tokens, pool.codes, languages))
    if task != "code2code":
        return replace(pool, codes=codes)
    joined = dict(zip(pool.item_ids, codes, strict=True))
    asked = pool.query_languages or ("",) * len(pool.queries)
    queries = tuple(
        joined[item] if item is not None else join_tokens(query, language)
        for query, item, language in zip(pool.queries, pool.self_ids, asked, strict=True)
    )
    return replace(pool, codes=codes, queries=queries)


def _parse(code: str, language: str) -> tuple[tree_sitter.Tree | None, bytes]:
    """The tree and the bytes it is of; PHP without its opening tag would be read as HTML."""
    row = language_by_name(language)
    source = code.encode("utf-8", "replace")
    if row is None or row.grammar is None:
        return None, source
    if language == "php" and b"<?" not in source:
        source = _PHP_OPENING + source
    try:
        return parse_tree(load_grammar(row), source), source
    except ValueError:
        return None, source


def _collect(root: tree_sitter.Node, source: bytes, tokens: list[str]) -> None:
    stack = [root]
    while stack:
        node = stack.pop()
        if _is_documentation(node) or node.type == "php_tag":
            continue
        if not node.child_count or (node.is_named and _WHOLE.match(node.type)):
            text = source[node.start_byte : node.end_byte].decode("utf-8", "replace").strip()
            if text:
                tokens.append(" ".join(text.split()) if not node.child_count else text)
            continue
        stack.extend(reversed(node.children))


def _documentation(root: tree_sitter.Node) -> list[tuple[int, int]]:
    found, stack = [], [root]
    while stack:
        node = stack.pop()
        if _is_documentation(node):
            found.append((node.start_byte, node.end_byte))
        else:
            stack.extend(node.children)
    return found


def _is_documentation(node: tree_sitter.Node) -> bool:
    if node.is_named and "comment" in node.type:
        return True
    if node.type != "expression_statement" or node.child_count != 1 or node.children[0].type != "string":
        return False
    parent = node.parent
    if parent is None or parent.type not in ("block", "module"):
        return False
    first = next((child for child in parent.named_children if "comment" not in child.type), None)
    return first is not None and first.id == node.id
