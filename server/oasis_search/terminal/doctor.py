"""What a bug report needs: each check is a line with what was found, and a remedy where there is a problem.

A check never raises and never changes anything but a probe file in the cache folder, which it removes.
"""

import contextlib
import importlib.metadata
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from oasis_search.comparison.compare import encoder_spec
from oasis_search.errors import OasisError
from oasis_search.index import Store, store_path
from oasis_search.preferences import preferences_path, read_preferences
from oasis_search.service.loading import load_encoder
from oasis_search.settings import Settings, parse_settings
from oasis_search.syntax import LANGUAGES
from oasis_search.syntax.grammars import load_grammar
from oasis_search.terminal.text import counted, shown_path, shown_size
from oasis_search.version import __version__

LIBRARIES = ("numpy", "pygls", "lsprotocol", "tree-sitter", "watchfiles", "rich", "platformdirs")
WATCH_LIMIT = Path("/proc/sys/fs/inotify/max_user_watches")
ENOUGH_WATCHES = 65536
"""A folder takes one watch; kernels before 5.11 start with 8192, which a large workspace exceeds."""
GIT_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Check:
    """One finding."""

    name: str
    is_ok: bool
    detail: str
    remedy: str = ""
    """One sentence; empty when all is well."""


def examine(folder: Path, settings: Settings) -> tuple[Check, ...]:
    """Everything that decides how well `folder` can be searched on this machine."""
    return tuple(_checks(folder, settings))


def write_checks(checks: tuple[Check, ...], out: TextIO) -> None:
    """One line a check, with its remedy below."""
    width = max(len(check.name) for check in checks)
    for check in checks:
        out.write(
            f"{'ok' if check.is_ok else 'PROBLEM':<8} {check.name:<{width}}  {shown_path(check.detail)}\n"
        )
        if check.remedy:
            out.write(f"{'':<8} {'':<{width}}  -> {shown_path(check.remedy)}\n")


def checks_to_json(checks: tuple[Check, ...]) -> dict[str, object]:
    """The JSON of `oasis doctor --json`."""
    rows = [{"name": c.name, "ok": c.is_ok, "detail": c.detail, "remedy": c.remedy} for c in checks]
    return {"version": __version__, "ok": all(check.is_ok for check in checks), "checks": rows}


def _checks(folder: Path, settings: Settings) -> Iterator[Check]:
    yield Check("oasis", True, f"{__version__} in {Path(__file__).parents[1]}")
    yield Check("python", True, f"{platform.python_version()} {sys.executable} on {platform.platform()}")
    yield _check_libraries()
    yield _check_grammars()
    yield _check_preferences()
    yield _check_model(settings)
    yield from _check_cache(settings)
    yield _check_watch_limit()
    yield _check_git()
    yield _check_processors(settings)
    yield _check_folder(folder)


def _check_libraries() -> Check:
    found, missing = [f"sqlite {sqlite3.sqlite_version}"], []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    remedy = f"Install again, these are missing: {', '.join(missing)}." if missing else ""
    return Check("libraries", not missing, ", ".join(found), remedy)


def _check_grammars() -> Check:
    rows = [language for language in LANGUAGES if language.grammar is not None]
    broken = []
    for language in rows:
        try:
            load_grammar(language)
        except Exception as error:  # a wheel that does not load may raise anything
            broken.append(f"{language.name} ({type(error).__name__}: {error})")
    present = [
        language.name for language in rows if not any(b.startswith(language.name + " ") for b in broken)
    ]
    remedy = f"Install again; these do not load: {'; '.join(broken)}." if broken else ""
    return Check("grammars", not broken, f"{len(present)}: {', '.join(present)}", remedy)


def _check_preferences() -> Check:
    path = preferences_path()
    tree, problems = read_preferences(path)
    problems += parse_settings(tree)[1]
    if problems:
        return Check("settings", False, f"{path} is not as it should be", " ".join(problems))
    return Check("settings", True, str(path) if path.exists() else f"no file of your own ({path})")


def _check_model(settings: Settings) -> Check:
    name = settings.search.model
    try:
        encoder = load_encoder(encoder_spec(settings, name))
    except OasisError as error:
        return Check("model", False, f"{name} cannot be loaded", str(error))
    facts = (name, f"{encoder.dim} dimensions", f"fingerprint {encoder.fingerprint}", encoder.place)
    return Check("model", True, ", ".join(facts))


def _check_cache(settings: Settings) -> Iterator[Check]:
    folder = Path(settings.cache_dir)
    remedy = "Make the folder writable, or name another one in the setting cacheDir."
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"oasis")
        free = shutil.disk_usage(folder).free
    except OSError as error:
        yield Check("cache", False, f"{folder} is not writable ({error.strerror})", remedy)
        return
    yield Check("cache", True, f"{folder} is writable, {shown_size(free)} free")
    path = store_path(folder)
    if not path.exists():
        yield Check("index", True, "empty: nothing has been indexed yet")
        return
    try:
        with contextlib.closing(Store(path, read_only=True)) as store:
            rows = store.statistics()
    except (OasisError, sqlite3.Error) as error:
        yield Check("index", False, f"{path} cannot be read ({error})", f"Delete {path}; it is made anew.")
        return
    counts = ", ".join(
        counted(rows[table], table.removesuffix("s")) for table in ("folders", "records", "vectors")
    )
    yield Check("index", True, f"{shown_size(rows['bytes'])}: {counts}")


def _check_watch_limit() -> Check:
    try:
        limit = int(WATCH_LIMIT.read_text())
    except (OSError, ValueError):
        return Check("watching", True, "this system has no limit on watched folders that could be read")
    is_ok = limit >= ENOUGH_WATCHES
    remedy = f"Large workspaces need more: sysctl fs.inotify.max_user_watches={8 * ENOUGH_WATCHES}."
    return Check("watching", is_ok, f"at most {counted(limit, 'folder')}", "" if is_ok else remedy)


def _check_git() -> Check:
    try:
        answer = subprocess.run(["git", "--version"], capture_output=True, text=True, timeout=GIT_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        # Ignore rules and branch switches are read from files, so this is no problem.
        return Check("git", True, f"not found ({error}); not needed")
    return Check("git", True, answer.stdout.strip() or "not working; not needed")


def _check_processors(settings: Settings) -> Check:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = str(settings.index.workers) if settings.index.workers else "chosen by the number of cores"
    return Check("processors", True, f"{usable} usable, workers {workers}")


def _check_folder(folder: Path) -> Check:
    try:
        entries = len(os.listdir(folder))
    except OSError as error:
        return Check("folder", False, f"{folder} cannot be read ({error.strerror})", "Check its permissions.")
    return Check("folder", True, f"{folder}, {entries} entries")
