"""Pairs of functions that may do the same: equal descriptions, equal names in two languages, one task.

Works on hashes, so that millions of functions need a few numbers each; texts are read of chosen pairs only.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from oasis_search.syntax import split_identifier, stem
from oasis_train.corpus.tasks import PROSE
from oasis_train.data import Function, row_id
from oasis_train.views.phrases import STOP_WORDS
from oasis_train.views.queries import first_sentence, search_words

LEAST_WORDS = 3
"""A description of fewer says too little."""

LARGEST_GROUP = 400
"""More functions than this with one name or description: it says nothing (`toString`)."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is kept of a function."""

    id: str
    repository: str
    language: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """Two functions that may do the same."""

    first: str
    """Id of a function."""
    second: str
    kind: str
    """`description`, `name` or `task`, whichever is equal."""


def find_candidates(
    functions: Iterable[Function], *, per_group: int, per_task: int, seed: int
) -> Iterator[Candidate]:
    """At most `per_group` pairs of each group, of two languages if it has two, else of two repositories.

    Of the solutions of a task, which say what they do by it alone, at most `per_task` and of two languages.

    O(functions) in time and memory.
    """
    groups: dict[tuple[str, str], list[Sighting]] = defaultdict(list)
    for function in functions:
        if function.split != "train" or function.language == PROSE:
            continue
        sighting = Sighting(function.id, function.repository, _family(function.language))
        keys = (("description", description_key(function)), ("name", name_key(function)))
        for key in (("task", function.task),) if function.task else keys:
            if key[1] and len(groups[key]) <= LARGEST_GROUP:
                groups[key].append(sighting)
    seen: set[tuple[str, str]] = set()
    for (kind, words), members in sorted(groups.items()):
        if 2 <= len(members) <= LARGEST_GROUP:
            most = per_task if kind == "task" else per_group
            for first, second in _pairs(members, kind, most, random.Random(f"{seed} {kind} {words}")):
                if (first, second) not in seen and (second, first) not in seen:
                    seen.add((first, second))
                    yield Candidate(first, second, kind)


def description_key(function: Function) -> str:
    """Equal for first sentences of the same words; empty for those of few words."""
    words = {stem(word) for word in search_words(first_sentence(function.doc.partition("\n")[0])).split()}
    return row_id(*sorted(words)) if len(words) >= LEAST_WORDS else ""


def name_key(function: Function) -> str:
    """Equal for names of the same words in the same order; empty for names of one short word."""
    words = [word for word in split_identifier(function.name) if word not in STOP_WORDS]
    return row_id(*words) if len(words) > 1 or sum(map(len, words)) > 5 else ""


def _pairs(
    members: list[Sighting], kind: str, per_group: int, generator: random.Random
) -> Iterator[tuple[str, str]]:
    """Each function at most twice; equal names count in different languages only."""
    generator.shuffle(members)
    found = 0
    for place, first in enumerate(members):
        if found >= per_group:
            return
        others = members[place + 1 :] + members[:place]
        across = [other for other in others if other.language != first.language]
        within = [other for other in others if other.repository != first.repository]
        choice = across or (within if kind == "description" else [])
        if choice:
            found += 1
            yield first.id, choice[0].id


def _family(language: str) -> str:
    """JavaScript and TypeScript share their texts, C and C++ theirs: a twin there is mostly a copy."""
    return {"typescript": "javascript", "tsx": "javascript", "cpp": "c"}.get(language, language)
