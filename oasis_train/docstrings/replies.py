"""From what a model replied to the fields of a docstring: parse and repair.

Pure. Models wrap JSON in prose and fences, leave commas, name fields their own way and stop in the middle.
Whether the text describes the function is not asked here.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

FIELDS = ("logical_flow", "usage", "context")

STARTS = 5
"""Braces at which an object is looked for: models write some before it, and put it into another object."""

_ALIASES = {
    "logical_flow": ("logicalflow", "logic", "flow", "steps", "description", "summary", "whatitdoes"),
    "usage": ("howtocallit", "howtocall", "howtouse", "howtouseit", "call", "calling", "use"),
    "context": ("callersandcallees", "callerscallees", "callers", "relations", "contextofuse"),
}
_FENCE = re.compile(r"^\s*```[\w-]*\s*$", re.MULTILINE)
_MARKUP = re.compile(r"^\s*(?:[-*•]|\d+[.)]|#+)\s+|\*\*|__(?=\w[^_]*__)|`", re.MULTILINE)
_CUT_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\(?:u[0-9a-fA-F]{0,3})?\Z")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=\S)")


@dataclass(frozen=True, slots=True)
class Reading:
    """What could be read from a reply."""

    fields: Mapping[str, str]
    """The fields that were found, by their names in `FIELDS`."""
    problem: str
    """Why the reply is not what was asked for; empty when it is."""
    is_mended: bool
    """Whether the JSON had to be repaired."""


def read_reply(text: str) -> Reading:
    """The fields of the first object of a reply that has any."""
    starts = [place.start() for place in islice(re.finditer("{", text), STARTS)]
    if not starts:
        return Reading({}, "it is no JSON object" if text.strip() else "it is empty", False)
    is_object = False
    for start in starts:
        found, is_mended = _decode(text[start:])
        is_object |= found is not None
        fields = {name: value for name in FIELDS if (value := paragraph(_field(found or {}, name)))}
        if fields:
            missing = [name for name in FIELDS if name not in fields]
            return Reading(fields, f"it lacks {' and '.join(missing)}" if missing else "", is_mended)
    problem = f"it lacks {', '.join(FIELDS)}" if is_object else "its JSON cannot be read"
    return Reading({}, problem, False)


def read_prose(text: str) -> str:
    """A reply without JSON as one paragraph; empty when it looks like anything but prose."""
    text = _FENCE.sub("", text)
    if "{" in text or "}" in text or "</" in text:
        return ""
    return paragraph(text)


def join_fields(fields: Mapping[str, str], order: Sequence[str]) -> str:
    """One paragraph of the fields in `order`, each ending as a sentence."""
    parts = [fields[name] for name in order if name in fields]
    return " ".join(part if part[-1:] in ".!?" else f"{part}." for part in parts)


def paragraph(text: str) -> str:
    """`text` on one line, without the marks of Markdown."""
    return " ".join(_MARKUP.sub("", text).split())


def cut_sentences(text: str, most_chars: int) -> str:
    """The first whole sentences within `most_chars`; words where not even one fits."""
    if len(text) <= most_chars:
        return text
    kept = ""
    for sentence in _SENTENCE.split(text):
        longer = f"{kept} {sentence}".lstrip()
        if len(longer) > most_chars:
            break
        kept = longer
    return kept or text[:most_chars].rsplit(" ", 1)[0]


def _decode(text: str) -> tuple[Mapping[str, Any] | None, bool]:
    """The JSON object that `text` begins with, and whether it had to be repaired."""
    decoder = json.JSONDecoder(strict=False)
    for candidate in (text, *_mend(text)):
        try:
            found, _ = decoder.raw_decode(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, Mapping):
            return found, candidate is not text
    return None, False


def _mend(text: str) -> Iterator[str]:
    """`text` without commas before a closing bracket and with everything closed that is left open.

    What a cut left of a string loses its last, unfinished sentence. The second try ends at the last comma,
    for a text that was cut within a name.
    """
    out: list[str] = []
    closing: list[str] = []
    at_comma: tuple[str, ...] = ()
    string_start = -1
    is_escaped = False
    for character in text:
        if string_start >= 0:
            out.append(character)
            if character == '"' and not is_escaped:
                string_start = -1
            is_escaped = character == "\\" and not is_escaped
            continue
        if character == '"':
            string_start = len(out)
        elif character in "{[":
            closing.append("}" if character == "{" else "]")
        elif character == ",":
            at_comma = (*out, *reversed(closing))
        elif character in "}]":
            _drop_comma(out)
            if not closing or closing.pop() != character:
                return
        out.append(character)
        if not closing:
            break
    if string_start >= 0:
        content = _CUT_ESCAPE.sub(r"\1", "".join(out[string_start + 1 :]))
        whole = _SENTENCE.split(content)
        out[string_start:] = ['"', " ".join(whole[:-1]) if len(whole) > 1 else content, '"']
    _drop_comma(out)
    if "".join(out).rstrip().endswith(":"):
        out.append('""')
    yield "".join((*out, *reversed(closing)))
    yield "".join(at_comma)


def _drop_comma(out: list[str]) -> None:
    end = len(out)
    while end and out[end - 1].isspace():
        end -= 1
    if end and out[end - 1] == ",":
        del out[end - 1 :]


def _field(found: Mapping[str, Any], name: str) -> str:
    names = {name.replace("_", ""), *_ALIASES[name]}
    for key, value in found.items():
        if re.sub(r"[^a-z]", "", str(key).lower()) in names:
            return _text(value)
    return ""


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return " ".join(filter(None, map(_text, value.values())))
    if isinstance(value, list):
        return " ".join(filter(None, map(_text, value)))
    return ""
