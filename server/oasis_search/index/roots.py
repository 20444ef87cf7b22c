"""Words as the lexical index knows them: without endings, one form for common abbreviations.

`serializer`, `serialize` and `serialization` are one root, so are `param` and `parameters`: a question and a
name rarely choose the same form. Rough on purpose and by rule alone; a wrong merge of two rare words costs
less than the misses (measured in docs/ranking.md). The encoder does not use it.
"""

from functools import cache, lru_cache
from importlib.resources import files

from oasis_search.syntax.words import split_identifier, stem

_ENDINGS: tuple[tuple[str, int], ...] = (
    ("ization", 4),
    ("ation", 4),
    ("ition", 5),
    ("ement", 5),
    ("ment", 5),
    ("anc", 5),
    ("enc", 5),
    ("abl", 5),
    ("ibl", 5),
    ("ator", 5),
    ("ery", 5),
    ("er", 4),
    ("or", 5),
    ("iv", 5),
    ("ion", 4),
    ("iz", 5),
    ("at", 5),
)
"""Endings that are cut from a light stem, longest first where one ends another, and what must stay."""

_ROUNDS = 3
"""`serializer` loses two endings; no word of the tests loses more."""


@lru_cache(maxsize=1 << 14)
def root(word: str) -> str:
    """The root of one lower-case word."""
    base = stem(word)
    if not base.isascii():
        return base
    for _ in range(_ROUNDS):
        known = _same_words().get(base)
        if known is not None:
            return known
        shorter = _without_ending(base)
        if shorter == base:
            break
        base = shorter
    return base[:-1] if base.endswith("e") and len(base) > 4 else base


def terms(identifier: str) -> tuple[str, ...]:
    """Lexical terms of one identifier: roots of its words, and the whole of it when it has several.

    `HTTPAdapters` gives http, adapt and `httpadapters`, so a question in words and a pasted name both match.
    """
    words = split_identifier(identifier)
    roots = tuple(root(word) for word in words)
    return (*roots, "".join(words)) if len(words) > 1 else roots


def _without_ending(base: str) -> str:
    for ending, least in _ENDINGS:
        if base.endswith(ending) and len(base) - len(ending) >= least:
            shorter = base[: -len(ending)]
            if shorter[-1] == shorter[-2] and shorter[-1] not in "lsz":
                return shorter[:-1]
            return shorter
    return base


@cache
def _same_words() -> dict[str, str]:
    """Light stem -> the form that is indexed."""
    table: dict[str, str] = {}
    text = files("oasis_search.index").joinpath("same_words.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            forms = [stem(word) for word in line.split()]
            table.update(dict.fromkeys(forms, forms[0]))
    return table
