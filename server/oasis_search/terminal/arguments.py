"""From what was typed to values the engine takes; what cannot be honoured is a sentence in a SettingError."""

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from oasis_search.cache_folder import cache_folder
from oasis_search.encoder import shipped_models
from oasis_search.encoder.hub import ALIASES
from oasis_search.encoder.load import ENDPOINT
from oasis_search.errors import SettingError, WorkspaceError
from oasis_search.preferences import preferences_path, read_preferences
from oasis_search.search.names import read_kind, read_language
from oasis_search.search.query import MAX_QUERY_CHARS, Filter
from oasis_search.settings import Settings, parse_settings
from oasis_search.syntax.languages import TEXT
from oasis_search.terminal.catalogue import locate_model
from oasis_search.terminal.text import shown_path
from oasis_search.workspace.patterns import parse_patterns
from oasis_search.workspace.resemblance import Pasted, Selected, selected_lines

MAX_PASTED_BYTES = 4 * 1024 * 1024
"""Of code on stdin; encoders look at the beginning anyway."""

_PIECE = re.compile(r"(?P<path>.+?):(?P<first>\d{1,9})(?:-(?P<last>\d{1,9}))?")


def read_settings(model: str = "") -> Settings:
    """Settings of one run in the terminal: the user's own file, a model over it, and the cache folder, named.

    `index.enabled` is about editors that open folders: a verb with a folder asks for its index. What is wrong
    with the file is said on stderr; defaults stand in for it.
    """
    tree, problems = read_preferences()
    settings, more = parse_settings(tree)
    for sentence in (*problems, *(f"{preferences_path()}: {sentence}" for sentence in more)):
        sys.stderr.write(f"oasis: {shown_path(sentence)}\n")
    return replace(
        settings,
        index=replace(settings.index, enabled=True),
        search=replace(settings.search, model=model) if model else settings.search,
        cache_dir=str(cache_folder(settings.cache_dir)),
    )


def read_model(typed: str) -> str:
    """The name of a model that is on this machine or behind an endpoint, or the absolute path of a folder.

    Empty for the default. Raises SettingError or EncoderError when there is no such model.
    """
    if not typed or typed == ENDPOINT or typed in shipped_models():
        return typed
    folder = locate_model(typed)
    if Path(typed).expanduser().is_dir():
        return str(folder)
    return typed.lower() if typed.lower() in ALIASES else typed


def read_query(text: str) -> str:
    """The question itself; `-` takes it from stdin."""
    if text == "-":
        # A character has at most 4 bytes, and what lies behind the limit is cut anyway.
        text = sys.stdin.buffer.read(4 * MAX_QUERY_CHARS).decode(errors="replace")
    text = text.encode(errors="replace").decode()
    if not text.strip():
        raise SettingError('The query is empty. Ask in words, as in: oasis search "open a file and lock it".')
    return text


def read_piece(typed: str, language: str) -> Pasted | Selected:
    """The piece of code that `FILE:LINE`, `FILE:LINE-LINE` or `-` (code on stdin) means."""
    if typed == "-":
        text = sys.stdin.buffer.read(MAX_PASTED_BYTES).decode(errors="replace")
        known = read_language(language) if language else TEXT
        return Pasted(text, known)
    found = _PIECE.fullmatch(typed)
    if found is None:
        raise SettingError(
            f"{typed!r} names no line. Give FILE:LINE or FILE:LINE-LINE, as in: oasis similar src/a.py:12."
        )
    path = Path(found["path"]).expanduser().absolute()
    if not path.is_file():
        raise WorkspaceError(f'There is no file "{found["path"]}".')
    first = int(found["first"])
    last = int(found["last"] or first)
    if not 1 <= first <= last:
        raise SettingError(f"{typed!r}: lines count from 1, and the last is not before the first.")

    return selected_lines(path.resolve(), first, last if found["last"] else None, shown=found["path"])


def read_folder(typed: str) -> Path:
    """The absolute workspace folder."""
    try:
        folder = Path(typed).expanduser().absolute()
        if folder.is_dir():
            return folder.resolve()
        exists = folder.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise WorkspaceError(f'The folder "{typed}" cannot be opened: {error}.') from error
    if exists:
        raise WorkspaceError(f'"{typed}" is a file. Give the folder that holds it: "{folder.parent}".')
    raise WorkspaceError(f'There is no folder "{typed}".')


def read_limit(typed: str, option: str = "-n") -> int:
    """How many at most."""
    if not typed.isascii() or not typed.isdigit() or int(typed) < 1:
        raise SettingError(f"{option} must be a whole number of 1 or more, not {typed!r}.")
    return int(typed)


def read_filter(
    languages: list[str],
    globs: list[str],
    kinds: list[str],
    exact: Sequence[str] = (),
    without: Sequence[str] = (),
) -> Filter:
    """What hits are restricted to."""
    return Filter(
        languages=frozenset(read_language(name).name for name in languages),
        globs=tuple(_read_glob(glob) for glob in globs),
        kinds=frozenset(read_kind(kind) for kind in kinds),
        exact=tuple(exact),
        without=tuple(without),
    )


def _read_glob(glob: str) -> str:
    if not parse_patterns(os.fsencode(glob)):
        raise SettingError(f"--glob {glob!r} is not a pattern in gitignore syntax, as in 'src/**/*.py'.")
    return glob
