"""Restrictions inside a question: `lang:go path:src/ kind:method "exact words" -test where is the lock`.

What they mean is what the fields of a Filter mean, so every face of the engine understands the same words.
Only these names in front of a colon are operators: `std::sort` and `error: no such file` are words as ever.
"""

import re
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import TypeVar

from oasis_search.errors import SettingError
from oasis_search.search.names import read_kind, read_language
from oasis_search.search.query import Filter, Query
from oasis_search.syntax.languages import LANGUAGES
from oasis_search.syntax.units import KINDS, Kind

_Name = TypeVar("_Name", bound=str)

_EVERY_LANGUAGE = frozenset(row.name for row in LANGUAGES)
_EVERY_KIND = frozenset(KINDS)

_TOKEN = re.compile(
    r"""(?<!\S)(?:
        (?P<not>-)?(?P<name>lang|language|path|file|kind):(?P<value>"[^"]+"|[^\s"]+)
      | "(?P<exact>[^"]+)"
      | -(?P<without>[A-Za-z][\w.]+)
    )(?!\S)""",
    re.VERBOSE | re.IGNORECASE,
)


def read_operators(query: Query) -> Query:
    """The query without its operators, which have become part of its filter; quoted words stay words too.

    Raises SettingError, with a sentence, for a language or kind that does not exist, and for operators that
    leave no language or kind.
    """
    languages, kinds = set(query.filter.languages), set(query.filter.kinds)
    unwanted_languages: set[str] = set()
    unwanted_kinds: set[Kind] = set()
    globs = list(query.filter.globs)
    exact, without = list(query.filter.exact), list(query.filter.without)
    rest: list[str] = []
    end = 0
    for match in _TOKEN.finditer(query.text):
        rest.append(query.text[end : match.start()])
        end = match.end()
        if phrase := match["exact"]:
            exact.append(phrase.strip())
            rest.append(phrase)
        elif word := match["without"]:
            without.append(word)
        else:
            value = match["value"].strip('"')
            match match["name"].lower():
                case "lang" | "language":
                    named = {read_language(name).name for name in value.split(",")}
                    (unwanted_languages if match["not"] else languages).update(named)
                case "kind":
                    chosen = {read_kind(name) for name in value.split(",")}
                    (unwanted_kinds if match["not"] else kinds).update(chosen)
                case _:
                    globs.append(f"!{value}" if match["not"] else value)
    if not end:
        return query
    text = " ".join("".join([*rest, query.text[end:]]).split())
    restriction = Filter(
        _left("language", languages, unwanted_languages, _EVERY_LANGUAGE),
        tuple(globs),
        _left("kind", kinds, unwanted_kinds, _EVERY_KIND),
        tuple(phrase for phrase in exact if phrase),
        tuple(without),
    )
    return replace(query, text=text, filter=restriction)


def _left(
    what: str, wanted: AbstractSet[_Name], unwanted: AbstractSet[_Name], every: frozenset[_Name]
) -> frozenset[_Name]:
    """What the question is restricted to; empty, which restricts nothing, only when nothing was said."""
    if not unwanted:
        return frozenset(wanted)
    left = (wanted or every) - unwanted
    if not left:
        raise SettingError(
            f"No {what} is left to search: the question leaves out {', '.join(sorted(unwanted))}"
            f"{', which is all that it asks for' if wanted else ''}. Take one of the restrictions away."
        )
    return frozenset(left)
