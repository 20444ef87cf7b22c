"""Questions that a workspace asks of itself: first sentences of documentation, and the functions they are of.

The files are read in an order drawn with a fixed seed until enough documented functions are found, so that a
large workspace costs no more than a middling one, and the same workspace gives the same questions again.
Tests, generated code and copies of other projects are left out: their comments seldom describe behaviour.
Nothing is written, and the index is neither needed nor touched.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from oasis_search.comparison.documented import DocumentedFunction, find_documented
from oasis_search.search.roles import roles_of
from oasis_search.settings import IndexSettings
from oasis_search.syntax import Problem, language_of
from oasis_search.workspace.files import read_source
from oasis_search.workspace.ignore import load_rules
from oasis_search.workspace.walk import FoundFile, walk

FUNCTIONS_PER_QUESTION = 10
"""The pool has at most so many functions a question: 5,000 for 500, a minute's work of a small model."""
MAX_BYTES = 48_000_000
"""Source text read at most: half a minute of reading and cutting."""
SEED = 3407

LEFT_OUT_ROLES = frozenset({"tests", "generated", "vendored"})
_HEAD_BYTES = 2000


@dataclass(frozen=True, slots=True)
class Question:
    """One question with its right answers."""

    text: str
    answers: tuple[int, ...]
    """Positions in the pool: the function itself, and all with the same code."""


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Questions, the functions that compete to answer them, and what the whole workspace holds."""

    questions: tuple[Question, ...]
    functions: tuple[DocumentedFunction, ...]
    n_ambiguous: int
    """Functions that ask nothing, since another function with other code has the same sentence."""
    n_files: int
    """Files of the workspace that the ignore rules keep."""
    n_files_read: int
    """As many were read; fewer than `n_files` when enough functions were found in them."""
    n_units: int
    """Units of the whole workspace, an estimate when not all files were read."""
    unit_bytes: int
    """Their text in bytes, likewise."""


def collect_questions(
    root: Path,
    limit: int,
    settings: IndexSettings,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> QuestionSet:
    """At most `limit` questions about the workspace `root`; none when it has no documented functions.

    `progress` is told how many of how many files were read. Raises WorkspaceError when `root` cannot be
    listed.
    """
    rules = load_rules(root, include=settings.include, exclude=settings.exclude)
    files = [found for found in walk(root, rules, cancelled=lambda: False) if isinstance(found, FoundFile)]
    random.Random(SEED).shuffle(files)
    functions: list[DocumentedFunction] = []
    n_read = n_units = unit_bytes = 0
    for file in files:
        if len(functions) >= FUNCTIONS_PER_QUESTION * limit or unit_bytes >= MAX_BYTES:
            break
        found, units, size = _functions_of(root, file, settings.max_file_kb)
        functions += found
        n_read, n_units, unit_bytes = n_read + 1, n_units + units, unit_bytes + size
        progress(n_read, len(files))
    pool = tuple(functions[: FUNCTIONS_PER_QUESTION * limit])
    questions, n_ambiguous = ask(pool, limit)
    scale = len(files) / max(1, n_read)
    return QuestionSet(
        questions=questions,
        functions=pool,
        n_ambiguous=n_ambiguous,
        n_files=len(files),
        n_files_read=n_read,
        n_units=round(n_units * scale),
        unit_bytes=round(unit_bytes * scale),
    )


def ask(pool: Sequence[DocumentedFunction], limit: int) -> tuple[tuple[Question, ...], int]:
    """At most `limit` questions drawn from `pool`, and how many functions were too ambiguous to ask for.

    Functions with the same code are all right answers, and ask once.
    """
    same_code: dict[str, list[int]] = {}
    asks: dict[str, set[str]] = {}
    for position, function in enumerate(pool):
        same_code.setdefault(function.code_key, []).append(position)
        asks.setdefault(function.sentence.lower(), set()).add(function.code_key)
    clear: dict[str, Question] = {}
    for function in pool:
        if len(asks[function.sentence.lower()]) == 1:
            answers = tuple(same_code[function.code_key])
            clear.setdefault(function.code_key, Question(function.sentence, answers))
    drawn = random.Random(SEED).sample(range(len(clear)), min(limit, len(clear)))
    candidates = list(clear.values())
    n_ambiguous = sum(len(asks[function.sentence.lower()]) > 1 for function in pool)
    return tuple(candidates[at] for at in sorted(drawn)), n_ambiguous


def _functions_of(root: Path, file: FoundFile, max_file_kb: int) -> tuple[list[DocumentedFunction], int, int]:
    """Documented functions of one file, and the number and bytes of all its units."""
    source = read_source(root / file.path, max_bytes=max_file_kb * 1024)
    if isinstance(source, Problem):
        return [], 0, 0
    text = source.text_utf8
    language = language_of(file.path, text[:200].partition(b"\n")[0])
    found, n_units, n_bytes = find_documented(text, language, file.path)
    if any(role.name in LEFT_OUT_ROLES for role in roles_of(file.path, language.name)) or _is_generated(text):
        found = []
    return found, n_units, n_bytes


def _is_generated(text: bytes) -> bool:
    """Whether the head of a file says that a program wrote it."""
    head = text[:_HEAD_BYTES].lower()
    return b"generated" in head and (
        b"do not edit" in head or b"automatically" in head or b"@generated" in head
    )
