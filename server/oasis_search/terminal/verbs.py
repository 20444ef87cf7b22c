"""What each verb does, except `serve`: asks the engine and writes the answer."""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from oasis_search.errors import WorkspaceError
from oasis_search.search.query import Query
from oasis_search.settings import Settings
from oasis_search.terminal.arguments import (
    read_filter,
    read_folder,
    read_limit,
    read_model,
    read_piece,
    read_query,
    read_settings,
)
from oasis_search.terminal.doctor import checks_to_json, examine, write_checks
from oasis_search.terminal.progress import wait_model, wait_ready
from oasis_search.terminal.render import (
    answer_to_json,
    similar_to_json,
    summarize,
    write_answer,
    write_similar,
)
from oasis_search.terminal.survey import survey, survey_to_json, write_survey
from oasis_search.terminal.text import counted, shown_path, write_json
from oasis_search.terminal.watching import watch_survey
from oasis_search.workspace.resemblance import SimilarRequest
from oasis_search.workspace.session import Session
from oasis_search.workspace.status import Coverage, FolderStatus, ModelStatus

MODEL_LOAD_S, MODEL_PATIENCE_S = 120.0, 60.0
"""A question in the terminal waits for a large model: nobody types on meanwhile."""


def index(typed: str, *, is_rebuild: bool) -> None:
    """Index a folder to the end and say what came of it."""
    folder = read_folder(typed)
    started = time.perf_counter()
    with Session(read_settings()) as session:
        session.add_folder(folder)
        if is_rebuild:
            session.reindex(folder)
        wait_ready(session)
        wait_model(session)
        (state,) = session.status()
    if state.message:  # As when the index cannot be written: then nothing of this will be there again.
        raise WorkspaceError(state.message)
    sys.stdout.write(f"{_describe_index(state)} Took {time.perf_counter() - started:.1f} s.\n")


def search(arguments: argparse.Namespace) -> bool:
    """Answer one question; True when there are hits."""
    text = read_query(arguments.query)
    limit = read_limit(arguments.limit)
    restriction = read_filter(
        arguments.lang, arguments.glob, arguments.kind, arguments.exact, arguments.without
    )
    settings = read_settings(read_model(arguments.model))
    folder = read_folder(arguments.folder)
    with _ready_session(settings, folder) as session:
        answer = session.search(Query(text, limit, restriction), folder=folder, patience_s=MODEL_PATIENCE_S)
        model = session.model_status()
    if model is not None and (model.message or answer.coverage.model < 1.0):
        sys.stderr.write(f"oasis: {_describe_model(model, answer.coverage)}\n")
    if arguments.json:
        write_json(answer_to_json(answer, explain=arguments.explain))
        return bool(answer.hits)
    write_answer(answer, sys.stdout, explain=arguments.explain)
    if not answer.hits:
        sys.stderr.write(answer.message or f"Nothing found in {shown_path(str(folder))}.")
        sys.stderr.write("\n")
    else:
        if answer.message:
            sys.stderr.write(f"{answer.message}\n")
        if sys.stderr.isatty():
            sys.stderr.write(f"{summarize(answer)}\n")
    return bool(answer.hits)


@contextmanager
def _ready_session(settings: Settings, folder: Path) -> Iterator[Session]:
    """A session in which all of the folder is searchable, and the chosen model loaded if it can be."""
    with Session(settings) as session:
        session.add_folder(folder)
        wait_ready(session)
        session.wait_model(MODEL_LOAD_S)
        yield session


def similar(arguments: argparse.Namespace) -> bool:
    """Find what is like a piece of code; True when there is something."""
    piece = read_piece(arguments.piece, arguments.language)
    limit = read_limit(arguments.limit)
    restriction = read_filter(
        arguments.lang, arguments.glob, arguments.kind, arguments.exact, arguments.without
    )
    settings = read_settings(read_model(arguments.model))
    folder = read_folder(arguments.folder)
    with _ready_session(settings, folder) as session:
        request = SimilarRequest(piece, limit, restriction)
        answer = session.similar(request, folder=folder, patience_s=MODEL_PATIENCE_S)
    if arguments.json:
        write_json(similar_to_json(answer))
    else:
        write_similar(answer, sys.stdout)
        nothing = "" if answer.hits or answer.copies else f"Nothing like it in {shown_path(str(folder))}."
        if message := answer.message or nothing:
            sys.stderr.write(f"{message}\n")
    return bool(answer.hits or answer.copies)


def status(typed: str, *, as_json: bool, is_watching: bool) -> None:
    """Say how much of a folder is indexed, once or whenever that changes."""
    folder, settings = read_folder(typed), read_settings()
    if is_watching:
        watch_survey(lambda: survey(folder, settings), sys.stdout, as_json=as_json)
    found = survey(folder, settings)
    if as_json:
        write_json(survey_to_json(found))
    else:
        write_survey(found, sys.stdout)


def doctor(typed: str, *, as_json: bool) -> bool:
    """Check the installation; True when all is well."""
    checks = examine(Path(typed).absolute(), read_settings())
    if as_json:
        write_json(checks_to_json(checks))
    else:
        write_checks(checks, sys.stdout)
    return all(check.is_ok for check in checks)


def _describe_model(model: ModelStatus, coverage: Coverage) -> str:
    if model.message:
        return shown_path(model.message)
    return (
        f"{shown_path(model.name)} has seen {coverage.model:.0%} of this folder; the table stands in for the "
        'rest. "oasis index" lets it see all.'
    )


def _describe_index(state: FolderStatus) -> str:
    n_left_out = sum(state.problem_counts.values())
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(state.problem_counts.items()))
    left_out = f" {counted(n_left_out, 'file')} left out ({reasons})." if n_left_out else ""
    return (
        f"Indexed {counted(state.files_total, 'file')}, {counted(state.coverage.units, 'unit')}, "
        f"{state.embedded:,} newly encoded.{left_out}"
    )
