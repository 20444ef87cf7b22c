"""What the index knows about a folder now: compares the store with the disk, indexes and writes nothing."""

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from oasis_search.errors import StoreError
from oasis_search.index import Entry, Store, store_path
from oasis_search.settings import Settings
from oasis_search.syntax import Problem
from oasis_search.terminal.text import counted, shown_path, shown_size
from oasis_search.workspace.folder import is_current
from oasis_search.workspace.ignore import load_rules
from oasis_search.workspace.walk import walk

MAX_PROBLEMS = 20
"""As many are named; all are counted."""


@dataclass(frozen=True, slots=True)
class Survey:
    """How much of a folder could be searched at once."""

    root: Path
    files_total: int
    """Files that the ignore rules keep."""
    files_done: int
    """Of these, unchanged since they were read, under the same limit on the size."""
    files_gone: int
    """Remembered by the index but no longer there."""
    problems: tuple[Problem, ...]
    """Files that are not indexed and why, the first `MAX_PROBLEMS`."""
    problem_counts: Mapping[str, int]
    """Reason -> files."""
    index_path: Path
    index_bytes: int

    @property
    def state(self) -> str:
        """`ready`, `outdated` or `new`."""
        if self.files_done == self.files_total and not self.files_gone:
            return "ready"
        return "outdated" if self.files_done else "new"


def survey(root: Path, settings: Settings) -> Survey:
    """The state of `root` in the index; raises WorkspaceError when it cannot be listed.

    `settings.cache_dir` must be set.
    """
    path = store_path(Path(settings.cache_dir))
    entries, n_bytes = _read_store(path, root)
    rules = load_rules(root, include=settings.index.include, exclude=settings.index.exclude)
    problems: list[Problem] = []
    n_files = n_known = 0
    seen = set()
    for found in walk(root, rules, cancelled=lambda: False):
        if isinstance(found, Problem):
            problems.append(found)
            continue
        n_files += 1
        seen.add(found.path)
        entry = entries.get(found.path)
        if entry is None or not is_current(entry, found, settings.index.max_file_kb * 1024):
            continue
        n_known += 1
        if entry.digest is None:
            problems.append(Problem(found.path, entry.reason, entry.detail))
    return Survey(
        root=root,
        files_total=n_files,
        files_done=n_known,
        files_gone=len(entries.keys() - seen),
        problems=tuple(problems[:MAX_PROBLEMS]),
        problem_counts=dict(sorted(Counter(problem.reason for problem in problems).items())),
        index_path=path,
        index_bytes=n_bytes,
    )


def survey_to_json(found: Survey) -> dict[str, object]:
    """The JSON of `oasis status --json`."""
    return {
        "root": str(found.root),
        "state": found.state,
        "files_total": found.files_total,
        "files_done": found.files_done,
        "files_gone": found.files_gone,
        "problem_counts": dict(found.problem_counts),
        "problems": [{"path": p.path, "reason": p.reason, "detail": p.detail} for p in found.problems],
        "index": {"path": str(found.index_path), "bytes": found.index_bytes},
    }


def write_survey(found: Survey, out: TextIO) -> None:
    """The state for a person."""
    out.write(f"{shown_path(str(found.root))}: {_sentence(found)}\n")
    for reason, count in found.problem_counts.items():
        out.write(f"  left out, {reason}: {counted(count, 'file')}\n")
        for problem in found.problems:
            if problem.reason == reason:
                out.write(f"    {shown_path(problem.path)}: {shown_path(problem.detail)}\n")
    unnamed = sum(found.problem_counts.values()) - len(found.problems)
    if unnamed:
        out.write(f"    and {counted(unnamed, 'file')} more\n")
    out.write(f"  index: {shown_path(str(found.index_path))}, {shown_size(found.index_bytes)}\n")


def _sentence(found: Survey) -> str:
    match found.state:
        case "ready":
            return f"up to date, {counted(found.files_total, 'file')}."
        case "new":
            return f"{counted(found.files_total, 'file')}, none indexed yet; the first search does it."
        case _:
            waiting = found.files_total - found.files_done
            return (
                f"{found.files_done:,} of {counted(found.files_total, 'file')} indexed; {waiting:,} new "
                f"or changed, {found.files_gone:,} gone; the next search brings it up to date."
            )


def _read_store(path: Path, root: Path) -> tuple[Mapping[str, Entry], int]:
    if not path.exists():
        return {}, 0
    try:
        with contextlib.closing(Store(path, read_only=True)) as store:
            entries, n_bytes = store.entries(str(root)), store.statistics()["bytes"]
            if store.problem:
                raise StoreError(store.problem)
            return entries, n_bytes
    except sqlite3.Error as error:
        raise StoreError(f"The index {path} cannot be read ({error}). Delete it; it is made anew.") from error
