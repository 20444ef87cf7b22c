"""Whether a text describes a function, or what is wrong with it.

Pure but for reading refusals.txt. Rules of a writer of English, the same for what models and authors wrote.
"""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

MIN_WORDS = 3
"""Of a docstring, as for the authors' documentation in a corpus; the paper's is not published."""

REFUSALS = Path(__file__).with_name("refusals.txt")

_WORD = re.compile(r"[^\W\d_]+")
_FILLERS = frozenset(
    ["the", "a", "an", "this", "it", "is", "of", "to", "function", "method", "named", "called"]
)


def find_problem(text: str, *, name: str, code: str, prompt: Iterable[str] = ()) -> str:
    """Why `text` is no description of the function; empty when it may be one.

    `prompt` are the texts that were sent besides the code: a reply that repeats them says nothing.
    """
    words = [word.lower() for word in _WORD.findall(text)]
    if len(words) < MIN_WORDS:
        return f"it has fewer than {MIN_WORDS} words"
    lowered = text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    refusal = next((phrase for phrase in _refusals() if phrase in lowered), "")
    if refusal:
        return f'it says "{refusal}"'
    named = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)} | {name.lower()}
    if set(words) <= named | _FILLERS:
        return "it only repeats the name"
    if len(words) >= 30 and len(set(words)) < 0.3 * len(words):
        return "it repeats itself"
    if _is_copy(text, code):
        return "it repeats the code"
    if any(len(sentence) >= 30 and sentence in text for sentence in _sentences(prompt)):
        return "it repeats the request"
    return ""


def _is_copy(text: str, code: str) -> bool:
    """Whether half of the text is lines of the code."""
    flat = " ".join(text.split())
    lines = {line for raw in code.split("\n") if len(line := " ".join(raw.split())) >= 8}
    copied = sum(len(line) for line in lines if line in flat)
    return copied > 0.5 * len(flat)


def _sentences(texts: Iterable[str]) -> Iterable[str]:
    for text in texts:
        yield from (" ".join(part.split()).strip(".,:") for part in re.split(r"[\n\"{}]+|(?<=[.:,])\s", text))


@cache
def _refusals() -> tuple[str, ...]:
    lines = REFUSALS.read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip() and line[0] != "#")
