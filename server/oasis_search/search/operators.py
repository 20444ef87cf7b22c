"""Restrictions inside a question: `lang:go path:src/ kind:method "exact words" -test where is the lock`.

What they mean is what the fields of a Filter mean, so every face of the engine understands the same words.
Only these names in front of a colon are operators: `std::sort` and `error: no such file` are words as ever.
"""

import re
from dataclasses import replace

from oasis_search.search.names import read_kind, read_language
from oasis_search.search.query import Filter, Query
from oasis_search.syntax.languages import LANGUAGES
from oasis_search.syntax.units import KINDS

_EVERY_LANGUAGE = frozenset(row.name for row in LANGUAGES)

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

    Raises SettingError, with a sentence, for a language or kind that does not exist.
    """
    languages, globs, kinds = set(query.filter.languages), list(query.filter.globs), set(query.filter.kinds)
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
                    languages |= _EVERY_LANGUAGE - named if match["not"] else named
                case "kind":
                    chosen = {read_kind(name) for name in value.split(",")}
                    kinds |= set(KINDS) - chosen if match["not"] else chosen
                case _:
                    globs.append(f"!{value}" if match["not"] else value)
    if not end:
        return query
    text = " ".join("".join([*rest, query.text[end:]]).split())
    restriction = Filter(
        frozenset(languages),
        tuple(globs),
        frozenset(kinds),
        tuple(phrase for phrase in exact if phrase),
        tuple(without),
    )
    return replace(query, text=text, filter=restriction)
