"""What `oasis models` does: list, show, use, evaluate."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from oasis_search.comparison.compare import compare, encoder_spec
from oasis_search.comparison.questions import QuestionSet, collect_questions
from oasis_search.encoder import shipped_models
from oasis_search.encoder.endpoint.options import describe_place
from oasis_search.encoder.load import ENDPOINT
from oasis_search.encoder.static import ROLES
from oasis_search.errors import EncoderError, OasisError
from oasis_search.preferences import write_preference
from oasis_search.service.loading import load_encoder
from oasis_search.settings import Settings
from oasis_search.terminal.arguments import read_folder, read_limit, read_model, read_settings
from oasis_search.terminal.catalogue import ModelFacts, known_models, locate_model, read_facts
from oasis_search.terminal.comparison_table import comparison_to_json, write_comparison
from oasis_search.terminal.progress import progress_bar
from oasis_search.terminal.text import shown_path, shown_size, write_json

_PROBE = "def open_file(path): return open(path)"


def list_known(*, as_json: bool) -> None:
    """Name every model that is known, the one in use marked."""
    settings = read_settings()
    known = known_models(settings)
    in_use = settings.search.model
    if as_json:
        write_json({"models": [_row_to_json(facts, in_use) for facts in known]})
    else:
        _write_table([_row(facts, in_use) for facts in known])
    if all(facts.name != in_use for facts in known):
        sys.stderr.write(f"oasis: the model in use cannot be honoured. {shown_path(_reason(settings))}\n")


def show(typed: str, *, as_json: bool) -> None:
    """Say all that is known of one model; loads it."""
    settings = read_settings()
    facts = read_facts(read_model(typed), settings)
    encoder = load_encoder(encoder_spec(settings, facts.name))
    details = facts.details or {}
    rows: dict[str, object] = {
        **_row_to_json(replace(facts, dim=encoder.dim), settings.search.model),
        "computes": encoder.place,
        "fingerprint": encoder.fingerprint,
        "prompts": details["prompts"],
        "options": details["options"],
        "training": details["training"],
    }
    if as_json:
        write_json(rows)
        return
    for key, value in rows.items():
        if isinstance(value, dict):
            for inner, inner_value in value.items():
                sys.stdout.write(f"{f'{key}.{inner}':<28} {_shown(inner_value)}\n")
        elif value is not None:
            sys.stdout.write(f"{key:<28} {_shown(value)}\n")


def use(typed: str) -> None:
    """Make a model the user's choice, once it has proved to work."""
    settings = read_settings()
    if typed != ENDPOINT:
        locate_model(typed, download=True)
    facts = read_facts(read_model(typed), settings)
    encoder = load_encoder(encoder_spec(settings, facts.name))
    for role in ROLES:
        if not np.isfinite(encoder.encode([_PROBE], role)).all():
            raise EncoderError(
                f"{facts.name} gave vectors that are not numbers, so the choice stays as it was. Install or "
                "export the model again."
            )
    path = write_preference("search", "model", facts.name)
    sys.stdout.write(
        f"{shown_path(facts.name)} ({encoder.dim} dimensions) is now the model of the terminal, and of every "
        f"editor that sets none itself, from its next start on.\nWritten into {shown_path(str(path))}\n"
    )


def evaluate(arguments: argparse.Namespace) -> bool:
    """Compare models on a workspace; False when it asks no questions.

    Raises EncoderError at the end, when all results are written, for a model that could not be measured.
    """
    limit = read_limit(arguments.limit, "--limit")
    settings = read_settings()
    folder = read_folder(arguments.path)
    others = [_ready(typed, settings, download=arguments.download) for typed in arguments.models]
    others = others or [*shipped_models()]
    asked = _collect(folder, limit, settings)
    if not asked.questions:
        sys.stderr.write(
            f"No function in {shown_path(str(folder))} has documentation that could ask for it: a first "
            "sentence of four words or more.\n"
        )
        return False
    with progress_bar("units") as show_progress:
        comparison = compare(asked, settings, others, progress=show_progress)
    if arguments.json:
        write_json({"workspace": str(folder), **comparison_to_json(comparison)})
    else:
        write_comparison(comparison, folder, sys.stdout)
    if comparison.failures:
        raise EncoderError(" ".join(failure.reason for failure in comparison.failures))
    return True


def _collect(folder: Path, limit: int, settings: Settings) -> QuestionSet:
    with progress_bar("files") as show_progress:
        return collect_questions(
            folder,
            limit,
            settings.index,
            progress=lambda done, total: show_progress("Reading documentation", done, total),
        )


def _ready(typed: str, settings: Settings, *, download: bool) -> str:
    """The name or folder of a model that is on this machine and can be honoured, or behind an endpoint."""
    try:
        if typed != ENDPOINT:
            locate_model(typed, download=download)
    except EncoderError as error:
        if download:
            raise
        raise EncoderError(
            f"{error} To compare it before you choose it: oasis models evaluate {typed} --download"
        ) from error
    return read_facts(read_model(typed), settings).name


def _reason(settings: Settings) -> str:
    try:
        read_facts(settings.search.model, settings)
    except OasisError as error:
        return str(error)
    return ""


def _row_to_json(facts: ModelFacts, in_use: str) -> dict[str, object]:
    return {
        "name": facts.name,
        "kind": facts.kind,
        "dim": facts.dim or None,
        "bytes": facts.n_bytes or None,
        "parameters": facts.parameters or None,
        "licence": facts.licence or None,
        "on_this_machine": facts.folder is not None,
        "url": facts.url or None,
        "in_use": facts.name == in_use,
        "folder": str(facts.folder) if facts.folder is not None else None,
    }


def _row(facts: ModelFacts, in_use: str) -> list[str]:
    if facts.url:
        where = describe_place(facts.url)
    elif facts.folder is None:
        where = f"not on this machine; to get it: oasis models use {facts.name}"
    elif facts.name in shipped_models():
        where = "ships with the package"
    else:
        where = shown_path(str(facts.folder))
    return [
        f"{'*' if facts.name == in_use else ' '} {shown_path(facts.name)}",
        facts.kind,
        f"{facts.dim} dimensions" if facts.dim else "",
        shown_size(facts.n_bytes)
        if facts.n_bytes
        else f"{facts.parameters} parameters" * bool(facts.parameters),
        facts.licence or "licence not said",
        where,
    ]


def _write_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def _shown(value: object) -> str:
    if isinstance(value, str):
        return shown_path(value)
    return json.dumps(value, ensure_ascii=False)
