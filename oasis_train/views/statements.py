"""What a task asks for, in words, and functions that do it.

The words are a statement of any solution of the task, whatever its language, put as people ask; or the task's
name. Solutions of one task are no negatives of each other, so one statement serves several.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator

from oasis_train.corpus.tasks import PROSE
from oasis_train.data import Function, Twin, row_id
from oasis_train.labels.teachers import MAX_SIMILARITY
from oasis_train.views.phrases import QUESTIONS
from oasis_train.views.queries import LANGUAGE_NAMES, QueryShares, draw_query, name_in_words

_STATED = QueryShares(full=0.5, first=0.35, words=0.15, name=0.0)
_NAMED = 0.3
"""How often the name is asked for although there is a statement."""

KIND = "statement"


def find_statements(functions: Iterable[Function], *, per_task: int, seed: int) -> Iterator[Twin]:
    """At most `per_task` pairs of words and solution of each task of the training split, languages in turn.

    O(functions) in time, and in memory of the solutions alone.
    """
    tasks: dict[str, list[Function]] = defaultdict(list)
    for function in functions:
        if function.task and function.split == "train":
            tasks[function.task].append(function)
    for task, members in sorted(tasks.items()):
        generator = random.Random(f"{seed} statement {task}")
        stated = [member.code for member in members if member.language == PROSE]
        solutions = [member for member in members if member.language != PROSE]
        generator.shuffle(solutions)
        for solution in _languages_in_turn(solutions)[:per_task]:
            if text := _words(solution, stated, generator):
                name = row_id(KIND, text, solution.id)
                yield Twin(name, solution.id, solution.id, text, MAX_SIMILARITY, KIND)


def _languages_in_turn(solutions: list[Function]) -> list[Function]:
    seen: dict[str, int] = defaultdict(int)
    ranks = []
    for solution in solutions:
        ranks.append(seen[solution.language])
        seen[solution.language] += 1
    return [solutions[i] for i in sorted(range(len(solutions)), key=ranks.__getitem__)]


def _words(solution: Function, stated: list[str], generator: random.Random) -> str:
    name = name_in_words(solution)
    if stated and (not name or generator.random() >= _NAMED):
        return draw_query(solution, generator.choice(stated), _STATED, generator)[1]
    if name and generator.random() < 0.5:
        language = LANGUAGE_NAMES.get(solution.language, solution.language)
        return generator.choice(QUESTIONS).format(text=name, language=language)
    return name
