"""Grammars and their queries, loaded on first use and once per process.

Loading one grammar imports that wheel alone. Parsers are made per call because a parser may not be
shared by threads; grammars and compiled queries are read-only and may.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.resources import files

import tree_sitter

from oasis_search.syntax.languages import Language


@dataclass(frozen=True, slots=True)
class Grammar:
    """What it takes to parse one language and to find its definitions and calls."""

    language: tree_sitter.Language
    query: tree_sitter.Query


@lru_cache(maxsize=None)
def load_grammar(language: Language) -> Grammar:
    """The grammar of `language`; a caller mistake (`ValueError`) for a language without one."""
    if language.grammar is None:
        raise ValueError(f"{language.name} has no grammar; cut it in windows instead")
    module, function = language.grammar
    grammar = tree_sitter.Language(getattr(import_module(module), function)())
    source = files("oasis_search.syntax").joinpath("queries", language.query).read_text(encoding="utf-8")
    return Grammar(grammar, tree_sitter.Query(grammar, source))
