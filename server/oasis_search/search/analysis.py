"""From the text of a query to what the index is asked: terms of each field, and the names it may mean.

Deliberately no language model and no dictionary: a name is recognised by its shape or by being known to the
index (`signals.py`), a question by having several words.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from oasis_search.index.fields import Field, normal_name, term_id
from oasis_search.index.roots import root, terms
from oasis_search.search.query import MAX_QUERY_CHARS
from oasis_search.syntax.words import identifiers, split_identifier

MAX_WORDS = 64
"""Distinct words of a query that are looked up: pasted code of more has said what it is about."""

_QUALIFIED = re.compile(r"[\w$]+(?:(?:\.|::|->|#|\\|/)[\w$]+)+")
"""Names joined as programs join them: `Foo.bar`, `Foo::bar`, `Foo->bar`, `Foo#bar`, `Name\\Space`."""

_SHAPED = re.compile(r"[a-z0-9]+[A-Z]\w*|[A-Z]+[a-z0-9]+[A-Z]\w*|[A-Z]{2,}[a-z]\w*|\w+_\w+|_\w+|[A-Z][a-z0-9]\w*")
"""Words that are written as a name is: humps, underscores, a capital first."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A whole name that a query may mean."""

    term: int
    """Its number in `Field.DEFINITION`."""
    spelling: str
    """As it was typed, without what qualifies it; empty when it was put together from words."""
    certainty: float
    """1 for the query itself, less for a name that only may be meant."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a query asks of the index."""

    text: str
    """Cut at `MAX_QUERY_CHARS`: what the encoder sees."""
    words: tuple[str, ...]
    """Distinct stems of the words that carry meaning, in order."""
    body: Mapping[int, float]
    name: Mapping[int, float]
    path: Mapping[int, float]
    """Term numbers of a field with their weights."""
    labels: Mapping[int, str]
    """Term number of the body -> its term, for reasons."""
    symbols: tuple[Symbol, ...]
    is_symbol: bool
    """The query is one name."""


def analyse(text: str) -> Analysis:
    """Terms and names of a query; no terms at all for text without letters and digits."""
    text = text[:MAX_QUERY_CHARS].strip()
    tokens = identifiers(text)
    is_symbol = _is_one_name(text, tokens)
    kept = [token for token in tokens if is_symbol or token.lower() not in stop_words()]
    tokens = (kept or tokens)[: 4 * MAX_WORDS]
    weights: dict[str, float] = {}
    for token in tokens:
        for term in terms(token):
            weights.setdefault(term, 1.0)
    pairs = [] if is_symbol else _neighbours(tokens)
    for pair in pairs:
        weights.setdefault(pair, PAIR_WEIGHT)
    weights = dict(list(weights.items())[: 2 * MAX_WORDS])
    words = dict.fromkeys(root(word) for token in tokens for word in split_identifier(token))
    return Analysis(
        text=text,
        words=tuple(words)[:MAX_WORDS],
        body=_numbered(Field.BODY, weights),
        name=_numbered(Field.NAME, weights),
        path=_numbered(Field.PATH, weights),
        labels={term_id(Field.BODY, term): term for term in weights},
        symbols=_symbols(text, tokens, is_symbol),
        is_symbol=is_symbol,
    )


PAIR_WEIGHT = 0.5
"""Weight of two neighbouring words joined to one name: `handler stack` finds HandlerStack."""


@cache
def stop_words() -> frozenset[str]:
    """Lower-case words that a question has whatever it asks for."""
    lines = files("oasis_search.search").joinpath("stop_words.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def _numbered(field: Field, weights: Mapping[str, float]) -> dict[int, float]:
    return {term_id(field, term): weight for term, weight in weights.items()}


def _is_one_name(text: str, tokens: list[str]) -> bool:
    return len(tokens) == 1 or bool(_QUALIFIED.fullmatch(text.removesuffix("()")))


def _neighbours(tokens: list[str]) -> list[str]:
    """Neighbouring words joined as the index joins the words of one identifier; the last also in the singular."""
    joined: list[str] = []
    for first, second in zip(tokens, tokens[1:], strict=False):
        head, tail = normal_name(first), normal_name(second)
        joined += [head + tail, head + root(tail)] if head and tail else []
    return list(dict.fromkeys(joined))


def _symbols(text: str, tokens: list[str], is_symbol: bool) -> tuple[Symbol, ...]:
    found: dict[int, Symbol] = {}

    def add(whole: str, spelling: str, certainty: float) -> None:
        number = term_id(Field.DEFINITION, whole)
        if whole and (number not in found or found[number].certainty < certainty):
            found[number] = Symbol(number, spelling, certainty)

    for match in _QUALIFIED.finditer(text):
        parts = [part for part in re.split(r"[^\w$]+", match.group()) if part]
        certainty = 1.0 if is_symbol else 0.5
        add(".".join(normal_name(part) for part in parts[-2:]), parts[-1], certainty)
        add(normal_name(parts[-1]), parts[-1], certainty * 0.7)
    for token in tokens:
        if is_symbol and len(tokens) == 1:
            add(normal_name(token), token, 1.0)
        elif _SHAPED.fullmatch(token):
            add(normal_name(token), token, 0.5)
    if not is_symbol:
        for pair in _neighbours(tokens):
            add(pair, "", 0.3)
    return tuple(found.values())
