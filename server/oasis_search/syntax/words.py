"""Words of code and English: identifiers are cut where a reader would cut them.

Serves the lexical index and the static encoder, so that both see the same words. Deliberately
no grammar, no stop words and no language detection: comments and strings are words too.
"""

import re
from functools import lru_cache

IDENTIFIER = re.compile(r"[\w$]+")
"""A run that is one identifier, word or number."""

_ASCII_BLANKS = bytes(
    code if chr(code).isascii() and (chr(code).isalnum() or chr(code) in "_$") else ord(" ")
    for code in range(256)
)
"""Translates all that belongs to no identifier to blanks."""

_HUMP = re.compile(
    r"[A-Z]+(?=[A-Z][a-z\u00c0-\u1fff])|[A-Z]?[a-z\u00c0-\u1fff]+|[A-Z]+|[0-9]+|[^\W\d_A-Za-z\u00c0-\u1fff]+"
)
"""Accented, Greek and Cyrillic letters go on with a word; scripts without case (CJK) are words of their
own."""

MAX_IDENTIFIER = 120
"""Longer runs are data (hashes, base64), not names."""


def identifiers(text: str) -> list[str]:
    """Identifiers, words and numbers of `text` in order, with repeats."""
    if text.isascii():  # Nearly all code; the same runs, found three times as fast.
        return text.encode().translate(_ASCII_BLANKS).decode().split()
    return IDENTIFIER.findall(text)


@lru_cache(maxsize=1 << 13)
def split_identifier(identifier: str) -> tuple[str, ...]:
    """Lower-case words of one identifier: `parseHTTPDate2_utc` gives parse, http, date, 2, utc.

    Linear in the length; identifiers over `MAX_IDENTIFIER` characters give nothing.
    """
    if len(identifier) > MAX_IDENTIFIER:
        return ()
    return tuple(word.lower() for word in _HUMP.findall(identifier))


_WHOLE = frozenset(
    ("alias", "atlas", "bias", "canvas", "chaos", "embed", "https", "kubernetes", "pandas", "redis")
)
"""Look inflected and are not; frequent in code."""


@lru_cache(maxsize=1 << 14)
def stem(word: str) -> str:
    """`word` without the English endings that a question and a name most often differ in.

    Light on purpose (plural, -ing, -ed; -er of agents is kept): a wrong merge of two programming terms costs
    more than a missed one. Idempotent on all words of the tests.
    """
    if len(word) < 4 or not word.isascii() or word in _WHOLE:
        return word
    if word.endswith("es"):
        if word.endswith("ies") and len(word) > 4:
            return word[:-3] + "y"
        if word[:-2] in _WHOLE or word.endswith(("sses", "ches", "shes", "xes", "zes")):
            return _restore(word[:-2])
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return stem(word[:-1])
    if word.endswith("ing") and len(word) > 4 and _has_vowel(word[:-3]):
        return _restore(word[:-3])
    if word.endswith("ed") and not word.endswith("eed") and _has_vowel(word[:-2]):
        return _restore(word[:-2])
    if word.endswith("ie") and len(word) > 4:
        return word[:-2] + "y"
    if word.endswith("e") and len(word) > 4 and not word.endswith(("ee", "se", "ede")):
        return word[:-1]
    return word


def terms(identifier: str) -> tuple[str, ...]:
    """Lexical terms of one identifier: its stemmed words, and the whole of it when it has several.

    `HTTPAdapters` gives http, adapter and `httpadapters`: a question in words and a pasted name both match.
    """
    words = split_identifier(identifier)
    stems = tuple(stem(word) for word in words)
    return (*stems, "".join(words)) if len(words) > 1 else stems


def _has_vowel(text: str) -> bool:
    return any(letter in "aeiouy" for letter in text)


def _restore(base: str) -> str:
    """The word that -ing, -ed or -es was put on: `runn` gives run, `typ` type, `releas` release."""
    if base in _WHOLE or len(base) < 2:
        return base
    if len(base) > 3 and base[-1] == base[-2] and base[-1] not in "lsz":
        return base[:-1]
    if (base[-1] == "s" and base[-2] != "s") or (base.endswith("ed") and base[-3:] != "eed"):
        return base + "e"
    if len(base) == 3 and not _has_vowel(base[0]) and _has_vowel(base[1]) and base[2] not in "aeiouwxy":
        return base + "e"
    return base
