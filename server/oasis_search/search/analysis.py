"""From the text of a query to what the index is asked: terms of each field, and the names it may mean.

Deliberately no language model and no dictionary: a name is recognised by its shape or by being known to the
index (`signals.py`), a question by having several words.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import islice, pairwise
from typing import Literal

from oasis_search.index.fields import Field, normal_name, term_id
from oasis_search.index.roots import root, terms
from oasis_search.search.query import MAX_QUERY_CHARS
from oasis_search.syntax.words import identifiers, split_identifier

MAX_TERMS = 128
"""Distinct terms of a query that are looked up: pasted code of more has said what it is about."""

PAIR_WEIGHT = 0.5
"""Weight of two neighbouring words joined to one name: `handler stack` finds HandlerStack."""

LAST_PART_CERTAINTY = 0.7
"""`Foo.bar` may mean a `bar` outside Foo, less likely."""

_QUALIFIED = re.compile(r"[\w$]+(?:(?:\.|::|->|#|\\|/)[\w$]+)+")
"""Names joined as programs join them: `Foo.bar`, `Foo::bar`, `Foo->bar`, `Foo#bar`, `Name\\Space`."""

_SHAPED = re.compile(r"[a-z0-9]+[A-Z]\w*|[A-Z]{2,}[a-z]\w*|\w*_\w+|[A-Z][a-z0-9]\w*")
"""Words that are written as a name is: humps, underscores, a capital first."""

SymbolRole = Literal["query", "mention"]


@dataclass(frozen=True, slots=True)
class Symbol:
    """A whole name that a query may mean."""

    term: int
    """Its number in `Field.DEFINITION`."""
    spelling: str
    """As it was typed, without what qualifies it."""
    role: SymbolRole
    """The name is the whole query, or stands in a question."""
    certainty: float = 1.0
    """Less for the last part of a qualified name, which may be defined elsewhere."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a query asks of the index."""

    text: str
    """Cut at `MAX_QUERY_CHARS`: what the encoder sees."""
    words: frozenset[str]
    """Roots of the words that carry meaning."""
    body: Mapping[int, float]
    """Weights of term numbers of the body, words like `how` and `the` included: they stand in comments, and
    documented code answers questions more often (docs/ranking.md).
    """
    name: Mapping[int, float]
    path: Mapping[int, float]
    """The same of names and paths, only words that carry meaning."""
    labels: Mapping[int, str]
    """Term number of the body -> its term, only words that carry meaning: for reasons."""
    symbols: tuple[Symbol, ...]
    is_symbol: bool
    """The query is one name."""


def analyse(text: str) -> Analysis:
    """Terms and names of a query; no terms at all for text without letters and digits."""
    text = text[:MAX_QUERY_CHARS].strip()
    tokens = identifiers(text)
    is_symbol = len(tokens) == 1 or _QUALIFIED.fullmatch(text.removesuffix("()")) is not None
    kept = [token for token in tokens if token.lower() not in stop_words()] or tokens
    meaning = _distinct(term for token in kept for term in terms(token))
    pairs = [] if is_symbol else _distinct(_neighbours(kept))
    weights = {**dict.fromkeys(pairs, PAIR_WEIGHT), **dict.fromkeys(meaning, 1.0)}
    everything = _distinct(term for token in tokens for term in terms(token))
    return Analysis(
        text=text,
        words=frozenset(root(word) for token in kept[:MAX_TERMS] for word in split_identifier(token)),
        body=_numbered(Field.BODY, {**dict.fromkeys(everything, 1.0), **weights}),
        name=_numbered(Field.NAME, weights),
        path=_numbered(Field.PATH, weights),
        labels={term_id(Field.BODY, term): term for term in meaning},
        symbols=_symbols(text, kept[:MAX_TERMS], is_symbol),
        is_symbol=is_symbol,
    )


@cache
def stop_words() -> frozenset[str]:
    """Lower-case words that a question has whatever it asks for."""
    lines = files("oasis_search.search").joinpath("stop_words.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def _distinct(found: Iterable[str]) -> list[str]:
    return list(islice(dict.fromkeys(found), MAX_TERMS))


def _numbered(field: Field, weights: Mapping[str, float]) -> dict[int, float]:
    return {term_id(field, term): weight for term, weight in weights.items()}


def _neighbours(tokens: Sequence[str]) -> Iterator[str]:
    """Neighbouring words joined as the words of one identifier are; also with the root of the last."""
    for first, second in pairwise(tokens):
        head, tail = normal_name(first), normal_name(second)
        if head and tail:
            yield head + tail
            yield head + root(tail)


def _symbols(text: str, tokens: Sequence[str], is_symbol: bool) -> tuple[Symbol, ...]:
    """Names that a query may mean, the surest first, each once."""
    role: SymbolRole = "query" if is_symbol else "mention"
    found: dict[int, Symbol] = {}

    def add(whole: str, spelling: str, certainty: float = 1.0) -> None:
        if whole:
            number = term_id(Field.DEFINITION, whole)
            found.setdefault(number, Symbol(number, spelling, role, certainty))

    for match in islice(_QUALIFIED.finditer(text), MAX_TERMS):
        parts = [part for part in re.split(r"[^\w$]+", match.group()) if part]
        add(".".join(normal_name(part) for part in parts[-2:]), parts[-1])
        add(normal_name(parts[-1]), parts[-1], LAST_PART_CERTAINTY)
    for token in tokens:
        if (is_symbol and len(tokens) == 1) or (not is_symbol and _SHAPED.fullmatch(token)):
            add(normal_name(token), token)
    return tuple(found.values())
