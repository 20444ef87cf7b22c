"""What each verb does, except `serve`: asks the engine and writes the answer."""

import argparse
import json
import sys
import time
from pathlib import Path

from oasis_search.encoder import Manifest, read_manifest, shipped_models
from oasis_search.errors import SettingError
from oasis_search.search.query import Query
from oasis_search.terminal.arguments import (
    read_filter,
    read_folder,
    read_limit,
    read_model,
    read_query,
    read_settings,
)
from oasis_search.terminal.doctor import checks_to_json, examine, write_checks
from oasis_search.terminal.progress import wait_ready
from oasis_search.terminal.render import answer_to_json, summarize, write_answer
from oasis_search.terminal.survey import survey, survey_to_json, write_survey
from oasis_search.terminal.text import counted, shown_path, shown_size
from oasis_search.workspace.session import Session
from oasis_search.workspace.status import FolderStatus


def index(typed: str, *, is_rebuild: bool) -> None:
    """Index a folder to the end and say what came of it."""
    folder = read_folder(typed)
    started = time.perf_counter()
    with Session(read_settings()) as session:
        session.add_folder(folder)
        if is_rebuild:
            session.reindex(folder)
        (state,) = wait_ready(session)
    sys.stdout.write(f"{_describe_index(state)} Took {time.perf_counter() - started:.1f} s.\n")


def search(arguments: argparse.Namespace) -> bool:
    """Answer one question; True when there are hits."""
    text = read_query(arguments.query)
    limit = read_limit(arguments.limit)
    restriction = read_filter(arguments.lang, arguments.glob, arguments.kind)
    settings = read_settings(read_model(arguments.model))
    folder = read_folder(arguments.folder)
    with Session(settings) as session:
        session.add_folder(folder)
        wait_ready(session)
        answer = session.search(Query(text, limit, restriction), folder=folder)
    if arguments.json:
        _write_json(answer_to_json(answer))
        return bool(answer.hits)
    write_answer(answer, sys.stdout, explain=arguments.explain)
    if not answer.hits:
        sys.stderr.write(answer.message or f"Nothing found in {shown_path(str(folder))}.")
        sys.stderr.write("\n")
    elif sys.stderr.isatty():
        sys.stderr.write(f"{summarize(answer)}\n")
    return bool(answer.hits)


def status(typed: str, *, as_json: bool) -> None:
    """Say how much of a folder is indexed."""
    found = survey(read_folder(typed), read_settings())
    if as_json:
        _write_json(survey_to_json(found))
    else:
        write_survey(found, sys.stdout)


def doctor(typed: str, *, as_json: bool) -> bool:
    """Check the installation; True when all is well."""
    checks = examine(Path(typed).absolute(), read_settings())
    if as_json:
        _write_json(checks_to_json(checks))
    else:
        write_checks(checks, sys.stdout)
    return all(check.is_ok for check in checks)


def models(action: str, name: str, *, as_json: bool) -> None:
    """List the shipped models or show one."""
    match action, name:
        case "list", "":
            found = [read_manifest(folder) for folder in shipped_models().values()]
            if as_json:
                _write_json({"models": [_manifest_to_json(manifest) for manifest in found]})
                return
            for manifest in found:
                sys.stdout.write(f"{_describe_model(manifest)}\n")
        case "show", name if name:
            manifest = read_manifest(shipped_models().get(name) or Path(read_model(name)))
            if as_json:
                _write_json(_manifest_to_json(manifest))
                return
            for key, value in _manifest_to_json(manifest).items():
                sys.stdout.write(
                    f"{key:<12} {value if isinstance(value, str | int) else json.dumps(value)}\n"
                )
        case "show", _:
            raise SettingError(f"Which model? The package ships {', '.join(shipped_models()) or 'none'}.")
        case _:
            raise SettingError(
                f'"oasis models" knows list and show NAME, not "{" ".join([action, name]).strip()}".'
            )


def _describe_index(state: FolderStatus) -> str:
    n_left_out = sum(state.problem_counts.values())
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(state.problem_counts.items()))
    left_out = f" {counted(n_left_out, 'file')} left out ({reasons})." if n_left_out else ""
    return (
        f"Indexed {counted(state.files_total, 'file')}, {counted(state.coverage.units, 'unit')}, "
        f"{state.embedded:,} newly encoded.{left_out}"
    )


def _manifest_to_json(manifest: Manifest) -> dict[str, object]:
    return {
        "name": manifest.name,
        "kind": manifest.kind,
        "dim": manifest.dim,
        "fingerprint": manifest.fingerprint,
        "bytes": sum(record.n_bytes for record in manifest.files.values()),
        "licence": manifest.licence,
        "training": dict(manifest.training),
    }


def _describe_model(manifest: Manifest) -> str:
    size = sum(record.n_bytes for record in manifest.files.values())
    facts = (manifest.kind, f"{manifest.dim} dimensions", shown_size(size), manifest.licence)
    return f"{manifest.name:<12} {', '.join(facts)}"


def _write_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")
