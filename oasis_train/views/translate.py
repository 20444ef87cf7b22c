"""Code with the words of other languages for the same things, drawn at random; it need not compile."""

import random
import re
import tomllib
from functools import cache
from importlib.resources import files

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

REPLACED = 0.6
"""Share of known words that are replaced."""


def mix_languages(code: str, generator: random.Random) -> str:
    """`code` with `REPLACED` of the words of `synonyms.toml` replaced, each word always by the same one.

    >>> mix_languages("zip", random.Random(3)) in ("zip", "Zip")
    True
    """
    groups = _groups()
    chosen: dict[str, str] = {}

    def replace(match: re.Match[str]) -> str:
        word = match.group()
        if word not in groups:
            return word
        if word not in chosen:
            chosen[word] = generator.choice(groups[word]) if generator.random() < REPLACED else word
        return chosen[word]

    return _WORD.sub(replace, code)


@cache
def _groups() -> dict[str, tuple[str, ...]]:
    text = (files("oasis_train.views") / "synonyms.toml").read_text(encoding="utf-8")
    found: dict[str, tuple[str, ...]] = {}
    for group in tomllib.loads(text)["groups"]:
        for word in group:
            found.setdefault(word, tuple(group))
    return found
