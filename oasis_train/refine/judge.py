"""The LLM judge of refinement: whether a candidate's code also answers another function's docstring.

Two forms, of which the paper's text describes the first and its figure shows the second:

- `binary`: the model sees the docstring and the candidate's code and says yes or no.
- `pairwise`: the model sees the docstring, the code of its own function and the candidate's, called A and B
  in an order drawn by `seed` and the pair, and says A, B, both or neither. The verdict is yes when the
  candidate's letter or both was said.

`none` asks nobody: all candidates are confirmed, or none is. One request per candidate, not repeated when its
reply cannot be read; such a candidate is `unclear`. Wording is in judge.toml; the paper's is not published.
"""

import hashlib
import re
import tomllib
from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from oasis_train.chat import (
    Answer,
    ChatClient,
    ChatConfig,
    ChatRequest,
    PromptTooLongError,
)
from oasis_train.data import Judgement
from oasis_train.data.progress import Progress
from oasis_train.errors import RecipeError

FORMS = ("binary", "pairwise", "none")
PURPOSE = "judge"
REPLY_CHARS = 400


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pair that may be right although its function is not the docstring's own."""

    docstring_text: str
    gt_code: str
    """Code of the docstring's own function."""
    candidate_code: str
    docstring_id: str
    function_id: str
    """Of the candidate."""


@dataclass(frozen=True, slots=True)
class JudgeConfig:
    """Who judges candidates, and how."""

    form: str = "binary"
    """`binary`, `pairwise` or `none`."""
    chat: ChatConfig = field(default_factory=lambda: ChatConfig(max_tokens=64))
    """The model; not needed for `none`. The paper's is not published."""
    seed: int = 3407
    """Draws which code comes first in `pairwise`."""
    code_chars: int = 6_000
    """Of each code; the end of a longer one is left out. Not published."""
    confirm_all: bool = False
    """For `none`: whether all candidates are confirmed; else none is."""

    def __post_init__(self) -> None:
        """Raise RecipeError for a value that cannot be honoured."""
        if self.form not in FORMS:
            raise RecipeError(f"The judge's form is {self.form!r}; give {', '.join(FORMS)}.")
        if self.code_chars < 100:
            raise RecipeError(f"The judge's code_chars is {self.code_chars}; give 100 or more.")

    @property
    def name(self) -> str:
        """What a Judgement says of its judge, such as `gpt-4o/binary`."""
        return "none" if self.form == "none" else f"{self.chat.model}/{self.form}"

    def decisive_facts(self) -> dict[str, Any]:
        """What of this can change a verdict; for the key of the stage."""
        if self.form == "none":
            return {"form": self.form, "confirm_all": self.confirm_all}
        texts = _texts()
        return {
            "form": self.form,
            "chat": self.chat.decisive_facts(),
            "prompt": [texts["version"], texts["system"], texts[self.form]],
            "seed": self.seed,
            "code_chars": self.code_chars,
        }


def judge_candidates(
    config: JudgeConfig, candidates: Iterable[Candidate], cache: Path, *, progress: Progress | None = None
) -> Generator[tuple[Candidate, Judgement], None, None]:
    """Each candidate with its judgement, in order, while later ones are being asked; a generator to close.

    Answers lie in the file `cache`, unless the configuration names another.
    """
    if config.form == "none":
        judgement = Judgement("yes" if config.confirm_all else "no", config.name, "")
        yield from ((candidate, judgement) for candidate in candidates)
        return
    config.chat.check()
    with ChatClient(config.chat, cache, PURPOSE) as chat:

        async def judge(candidate: Candidate) -> tuple[Candidate, Judgement]:
            try:
                answer = await chat.ask(build_request(config, candidate))
            except PromptTooLongError:
                return candidate, Judgement("unclear", config.name, "(the prompt is too long for the server)")
            return candidate, _judgement(config, candidate, answer)

        with closing(chat.in_order(judge, candidates)) as judged:
            for done, row in enumerate(judged, start=1):
                if progress:
                    progress(PURPOSE, done, 0)
                yield row


def build_request(config: JudgeConfig, candidate: Candidate) -> ChatRequest:
    """What the model is asked about one candidate."""
    texts = _texts()
    own, other = (_cut(code, config.code_chars) for code in (candidate.gt_code, candidate.candidate_code))
    first, second = (other, own) if is_candidate_first(config.seed, candidate) else (own, other)
    values = {"description": candidate.docstring_text, "code": other, "first": first, "second": second}
    user = re.sub(r"\{(description|code|first|second)\}", lambda place: values[place[1]], texts[config.form])
    return ChatRequest((("system", texts["system"].strip()), ("user", user.strip())))


def is_candidate_first(seed: int, candidate: Candidate) -> bool:
    """Whether the candidate is A; depends on nothing but the seed and the pair."""
    facts = f"{seed}\0{candidate.docstring_id}\0{candidate.function_id}"
    return bool(hashlib.blake2b(facts.encode(), digest_size=1).digest()[0] & 1)


def read_binary(reply: str) -> str:
    """`yes`, `no` or `unclear`.

    >>> [read_binary(reply) for reply in ("Yes, it does.", '{"answer": "no"}', "It depends.", "yes or no")]
    ['yes', 'no', 'unclear', 'unclear']
    """
    return _read(reply, "yes|no", re.IGNORECASE).lower() or "unclear"


def read_pairwise(reply: str) -> str:
    """`A`, `B`, `both`, `neither` or `unclear`.

    >>> [read_pairwise(reply) for reply in ("A", "**Code B** answers it.", "Both.", "A function sorts.")]
    ['A', 'B', 'both', 'unclear']
    """
    said = _read(reply, "A|B|[Bb]oth|BOTH|[Nn]either|NEITHER", re.NOFLAG)
    return said if len(said) == 1 else said.lower() or "unclear"


def _judgement(config: JudgeConfig, candidate: Candidate, answer: Answer) -> Judgement:
    if config.form == "binary":
        verdict = read_binary(answer.said)
    else:
        said = read_pairwise(answer.said)
        own_letter = "A" if is_candidate_first(config.seed, candidate) else "B"
        verdict = said if said == "unclear" else "yes" if said in (own_letter, "both") else "no"
    return Judgement(verdict, config.name, answer.text[:REPLY_CHARS])


_LABEL = (
    r"(?:(?i:final answer|answer|verdict|choice|result|code|option|candidate)s?\W{0,4}"
    r"(?:(?i:is)\W{1,4})?)"
)
_AFTER = r"(?:\s*[.,;:!)\n*\"'-]|\s+(?:because|since|as|is|it|this|answers)\b)"


def _read(reply: str, words: str, flags: re.RegexFlag) -> str:
    """The one of `words` that a reply says: alone in its first or last line, first of all, or labelled."""
    reply = reply.strip()
    lines = [line for line in reply.split("\n") if line.strip()]
    for line in (*lines[:1], *lines[-1:]):
        if alone := re.fullmatch(rf"\W*{_LABEL}*({words})\W*", line, flags):
            return alone[1]
    if first := re.match(rf"\W*{_LABEL}?({words}){_AFTER}", reply, flags):
        return first[1]
    labelled = {match[1] for match in re.finditer(rf"\b{_LABEL}({words})\b", reply, flags)}
    return labelled.pop() if len(labelled) == 1 else ""


def _cut(code: str, most_chars: int) -> str:
    return code if len(code) <= most_chars else code[:most_chars] + "\n..."


@cache
def _texts() -> Mapping[str, Any]:
    return tomllib.loads(Path(__file__).with_name("judge.toml").read_text(encoding="utf-8"))
