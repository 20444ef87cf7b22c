"""The prompt: a function with shortened code of its callers and callees, within a number of characters.

The wording lies in prompt.toml, whose hash belongs to the stage. Pure but for reading that file.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from oasis_train.chat import ChatRequest
from oasis_train.data import Function
from oasis_train.errors import RecipeError

OWN_PROMPT = Path(__file__).with_name("prompt.toml")

_PLACE = re.compile(r"\{(language|name|path|code|callers|callees|problem)\}")
_GAP = "..."


@dataclass(frozen=True, slots=True)
class PromptTexts:
    """The wording of a prompt, as in its file."""

    version: int
    system: str
    user: str
    caller: str
    callee: str
    repair: str

    @property
    def digest(self) -> str:
        """Hash of all of it."""
        texts = [str(getattr(self, field.name)) for field in fields(self)]
        return hashlib.blake2b("\0".join(texts).encode(), digest_size=16).hexdigest()


def load_prompt(path: Path = OWN_PROMPT) -> PromptTexts:
    """The texts in the TOML file `path`; raises RecipeError when one is missing or unknown."""
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"{path} cannot be read as a prompt ({error}).") from error
    names = {field.name for field in fields(PromptTexts)}
    if set(facts) != names:
        raise RecipeError(
            f"{path} must hold {', '.join(sorted(names))} and nothing else; "
            f"wrong are {', '.join(sorted(names ^ set(facts)))}."
        )
    wrong = [name for name in sorted(names) if not isinstance(facts[name], int if name == "version" else str)]
    if wrong:
        raise RecipeError(f"{path}: {', '.join(wrong)} must be text (the version a whole number).")
    if "{code}" not in facts["user"]:
        raise RecipeError(f"{path}: the user text lacks {{code}}, the place of the function.")
    return PromptTexts(**facts)


def build_request(
    texts: PromptTexts,
    function: Function,
    neighbours: Mapping[str, Function],
    *,
    most_neighbours: int,
    prompt_chars: int,
    wants_json: bool,
) -> ChatRequest:
    """The request for the docstring of `function`; `neighbours` are functions of its repository by id.

    The function itself may take two thirds of `prompt_chars`; what it leaves is shared evenly by up to
    `most_neighbours` callers and as many callees, in the order the function names them.
    """
    code = shorten(function.code, prompt_chars * 2 // 3)
    callers = _chosen(function, function.callers, neighbours, most_neighbours)
    callees = _chosen(function, function.callees, neighbours, most_neighbours)
    share = (prompt_chars - len(code)) // max(1, len(callers) + len(callees))
    values = {
        "language": function.language,
        "name": function.name,
        "path": function.path,
        "code": code,
        "callers": "".join(
            fill(texts.caller, {"name": caller.name, "code": excerpt(caller.code, share, function.name)})
            for caller in callers
        ),
        "callees": "".join(
            fill(texts.callee, {"name": callee.name, "code": shorten(callee.code, share)})
            for callee in callees
        ),
    }
    messages = (("system", texts.system.strip()), ("user", fill(texts.user, values).strip()))
    return ChatRequest(tuple(message for message in messages if message[1]), wants_json)


def repair_request(texts: PromptTexts, request: ChatRequest, reply: str, problem: str) -> ChatRequest:
    """Ask again, with the reply that could not be used and what is wrong with it."""
    said = shorten(reply, 2_000) or "(nothing)"
    again = ("user", fill(texts.repair, {"problem": problem}).strip())
    return ChatRequest((*request.messages, ("assistant", said), again), request.wants_json)


def fill(text: str, values: Mapping[str, str]) -> str:
    """`text` with its places filled in one pass, so that nothing filled in is taken for a place.

    >>> fill("{name}: {code} {other}", {"name": "{code}", "code": "1"})
    '{code}: 1 {other}'
    """
    return _PLACE.sub(lambda place: values.get(place[1], place[0]), text)


def shorten(code: str, most_chars: int) -> str:
    r"""The first lines and the last ones within about `most_chars`, a line that says so in between.

    >>> shorten("a\nb\nc\nd\ne\nf", 9)
    'a\nb\nc\n...\nf'
    """
    if len(code) <= most_chars:
        return code
    lines = code.split("\n")
    head, tail = _fitting(lines, most_chars * 2 // 3), _fitting(lines[::-1], most_chars // 3)
    if not head:  # a single line fills it
        return code[: max(0, most_chars)] + _GAP
    return "\n".join([*lines[:head], _GAP, *lines[len(lines) - tail :]])


def excerpt(code: str, most_chars: int, name: str) -> str:
    """The first line of a caller and the lines around its first use of `name`, within about `most_chars`."""
    if len(code) <= most_chars:
        return code
    lines = code.split("\n")
    use = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    at = next((index for index, line in enumerate(lines) if index and use.search(line)), 0)
    room = most_chars - len(lines[0])
    before = _fitting(lines[at:0:-1], room // 2)
    if not at or not before:
        return shorten(code, most_chars)
    start = at - before + 1
    end = at + 1 + _fitting(lines[at + 1 :], room - room // 2)
    parts = [
        lines[0],
        *([_GAP] if start > 1 else []),
        *lines[start:end],
        *([_GAP] if end < len(lines) else []),
    ]
    return "\n".join(parts)


def _fitting(lines: Sequence[str], most_chars: int) -> int:
    """How many of the first lines have at most so many characters."""
    total = 0
    for count, line in enumerate(lines):
        total += len(line) + 1
        if total > most_chars:
            return count
    return len(lines)


def _chosen(
    function: Function, ids: Sequence[str], neighbours: Mapping[str, Function], most: int
) -> list[Function]:
    known = (neighbours[id] for id in ids if id in neighbours and id != function.id)
    return [neighbour for neighbour, _ in zip(known, range(most), strict=False)]
