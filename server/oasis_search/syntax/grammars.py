"""Grammars and their queries, loaded on first use and once per process; parsing within bounds.

Loading one grammar imports that wheel alone. Parsers are made per call because threads may not share one;
grammars and compiled queries are read-only and may be shared.
"""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.resources import files
from time import thread_time

import tree_sitter

from oasis_search.syntax.languages import Language

PARSE_BUDGET_S = 2.0
"""Processor time that any file may take, plus a share for its length."""

PARSE_BUDGET_S_PER_BYTE = 4e-6
"""Ordinary code takes 0.2 microseconds a byte; error recovery of a wrong grammar can be quadratic."""

_MAX_DEPTH = 256
"""Patterns start no deeper in the tree, else a chain of 20,000 calls keeps 20,000 patterns open."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """What it takes to parse one language and to find its definitions and calls."""

    language: tree_sitter.Language
    query: tree_sitter.Query


@cache
def load_grammar(language: Language) -> Grammar:
    """The grammar of `language`; a caller mistake (`ValueError`) for a language without one."""
    if language.grammar is None:
        raise ValueError(f"{language.name} has no grammar; cut it in windows instead")
    module, function = language.grammar
    grammar = tree_sitter.Language(getattr(import_module(module), function)())
    source = files("oasis_search.syntax").joinpath("queries", language.query).read_text(encoding="utf-8")
    return Grammar(grammar, tree_sitter.Query(grammar, source))


def parse_tree(grammar: Grammar, source: bytes) -> tree_sitter.Tree:
    """The tree of `source`, errors inside; `ValueError` when it takes far longer than code can take."""
    deadline_s = thread_time() + PARSE_BUDGET_S + PARSE_BUDGET_S_PER_BYTE * len(source)
    view = memoryview(source)
    pieces: list[memoryview] = []

    def read(offset: int, _point: object) -> memoryview:
        pieces.append(view[offset:])
        return pieces[-1]

    try:
        return tree_sitter.Parser(grammar.language).parse(
            read, progress_callback=lambda _offset, _has_error: thread_time() > deadline_s
        )
    except ValueError as error:
        raise ValueError("parsing did not end in time, perhaps it is another language") from error
    finally:
        # The binding (0.26) never lets go of what `read` returned; released, it at least holds no source.
        for piece in pieces:
            piece.release()


def match_query(
    grammar: Grammar, tree: tree_sitter.Tree
) -> list[tuple[int, dict[str, list[tree_sitter.Node]]]]:
    """All matches of the grammar's query: pattern number and captured nodes by name."""
    cursor = tree_sitter.QueryCursor(grammar.query)
    cursor.set_max_start_depth(_MAX_DEPTH)
    return cursor.matches(tree.root_node)
