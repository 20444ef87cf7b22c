"""Documented functions from folders of source code: one row per function, in JSONL with a manifest.

A source is a folder whose sub-folders are repositories (unpacked packages, clones). Rows keep their
repository, since training draws batches from within one. Cutting is the server's own `cut_units`: what is
trained is what is served. Deliberately no network: fetching packages is somebody else's task.
"""

import gzip
import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from oasis_search.syntax import cut_units, identifiers, language_of
from oasis_train.corpus.documentation import (
    clean_documentation,
    code_without_documentation,
    is_useful_documentation,
)
from oasis_train.corpus.exclusion import RepositoryFilter, SuiteFilter
from oasis_train.errors import CorpusError

ROWS_NAME = "rows.jsonl.gz"
MANIFEST_NAME = "corpus.json"

SKIPPED_FOLDERS = frozenset(
    {
        "vendor",
        "node_modules",
        "third_party",
        "_vendor",
        "bundled",
        "dist",
        "min",
        "test",
        "tests",
        "testdata",
    }
    | {"__tests__", "testing", "locale"}
)
"""Copies of other projects, built files and tests, whose comments seldom describe behaviour."""

MAX_FILE_BYTES = 400_000
MAX_CODE_CHARACTERS = 6_000
MIN_IDENTIFIERS = 8


@dataclass(frozen=True, slots=True)
class Row:
    """One documented function."""

    repository: str
    path: str
    language: str
    name: str
    container: str
    doc: str
    """Cleaned prose, one sentence per line."""
    code: str
    """Source text without the documentation."""


@dataclass(frozen=True, slots=True)
class CorpusConfig:
    """What to take from the sources."""

    sources: tuple[Path, ...]
    exclude_repositories: Path | None = None
    """File with a line `owner/name` per repository that must be left out."""
    exclude_suites: tuple[Path, ...] = ()
    """Suite folders whose code must be left out."""
    max_repository_bytes: int = 8_000_000
    """Source text read per repository at most, a random choice of its files."""
    jobs: int = 1
    seed: int = 3407


def build_corpus(config: CorpusConfig, out: Path) -> dict[str, Any]:
    """Write rows and manifest under `out`; returns the manifest."""
    repository_filter = RepositoryFilter(_exclusion_lines(config.exclude_repositories))
    suite_filter = SuiteFilter(config.exclude_suites)
    repositories = [
        folder for source in config.sources for folder in _repositories(source) if folder.name[0] != "."
    ]
    kept = [folder for folder in repositories if not repository_filter.excludes(folder.name)]
    counts: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    by_repository: Counter[str] = Counter()
    seen: set[bytes] = set()
    out.mkdir(parents=True, exist_ok=True)
    with gzip.open(out / ROWS_NAME, "wt", encoding="utf-8", compresslevel=4) as file:
        for row in _rows_of_all(kept, repository_filter, config):
            reason = _reject(row, seen, suite_filter)
            counts[reason or "rows"] += 1
            if not reason:
                languages[row.language] += 1
                by_repository[row.repository] += 1
                file.write(json.dumps(asdict(row)) + "\n")
    if not by_repository:
        raise CorpusError(
            f"No documented function in {', '.join(map(str, config.sources))}: name other sources."
        )
    manifest = {
        "rows": counts.pop("rows"),
        "left_out": {
            **counts,
            "repositories": sorted({f.name for f in repositories} - {f.name for f in kept}),
        },
        "languages": dict(languages.most_common()),
        "repositories": dict(sorted(by_repository.items())),
        "seed": config.seed,
        "max_repository_bytes": config.max_repository_bytes,
        "sha256": hashlib.sha256((out / ROWS_NAME).read_bytes()).hexdigest(),
    }
    (out / MANIFEST_NAME).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return manifest


def read_rows(folder: Path) -> Iterator[Row]:
    """Rows of a corpus that `build_corpus` wrote."""
    try:
        with gzip.open(folder / ROWS_NAME, "rt", encoding="utf-8") as file:
            for line in file:
                yield Row(**json.loads(line))
    except FileNotFoundError:
        raise CorpusError(f'{folder} holds no {ROWS_NAME}: run "oasis-train corpus" first.') from None


def rows_of_repository(
    folder: Path, repository_filter: RepositoryFilter, max_bytes: int, seed: int
) -> list[Row]:
    """Documented functions of one repository, in an order fixed by `seed`."""
    paths = [path for path in sorted(folder.rglob("*")) if _is_wanted(path, folder, repository_filter)]
    random.Random(f"{seed} {folder.name}").shuffle(paths)
    rows: list[Row] = []
    for path in paths:
        data = path.read_bytes()
        if max_bytes < len(data):
            break
        max_bytes -= len(data)
        rows.extend(_rows_of_file(data, folder.name, path.relative_to(folder).as_posix()))
    return rows


def _rows_of_all(
    folders: list[Path], repository_filter: RepositoryFilter, config: CorpusConfig
) -> Iterator[Row]:
    work = partial(
        rows_of_repository,
        repository_filter=repository_filter,
        max_bytes=config.max_repository_bytes,
        seed=config.seed,
    )
    if config.jobs == 1:
        for folder in folders:
            yield from work(folder)
        return
    with ProcessPoolExecutor(config.jobs, mp_context=get_context("spawn")) as pool:
        for rows in pool.map(work, folders, chunksize=4):
            yield from rows


def _rows_of_file(data: bytes, repository: str, path: str) -> Iterator[Row]:
    head = data[:2000].lower()
    if b"generated" in head and (b"do not edit" in head or b"auto" in head):
        return
    if len(data) > 120 * (data.count(b"\n") + 1):
        return
    language = language_of(path)
    if language is None or not language.grammar:
        return
    units, _ = cut_units(data, language)
    for unit in units:
        if unit.kind not in ("function", "method") or unit.part > 1 or not unit.doc or not unit.name:
            continue
        doc = clean_documentation(unit.doc, unit.name)
        if not is_useful_documentation(doc):
            continue
        text = data[unit.span.start_byte : unit.span.end_byte].decode("utf-8", "replace")
        code = code_without_documentation(text, unit)[:MAX_CODE_CHARACTERS]
        yield Row(repository, path, unit.language, unit.name, unit.container, doc, code)


def _reject(row: Row, seen: set[bytes], suite_filter: SuiteFilter) -> str:
    """Why `row` is left out, or an empty string; remembers it as seen."""
    words = identifiers(row.code)
    if len(words) < MIN_IDENTIFIERS:
        return "too-short"
    key = hashlib.blake2b(" ".join(words).encode(), digest_size=12).digest()
    if key in seen:
        return "duplicate"
    seen.add(key)
    return "in-suite" if suite_filter.excludes(row.code) else ""


def _repositories(source: Path) -> list[Path]:
    if not source.is_dir():
        raise CorpusError(f"{source} is no folder: a source is a folder whose sub-folders are repositories.")
    return [path for path in sorted(source.iterdir()) if path.is_dir()]


def _is_wanted(path: Path, root: Path, repository_filter: RepositoryFilter) -> bool:
    if not path.is_file() or path.is_symlink() or path.stat().st_size > MAX_FILE_BYTES:
        return False
    folders = path.relative_to(root).parts[:-1]
    if any(folder in SKIPPED_FOLDERS or repository_filter.excludes(folder) for folder in folders):
        return False
    return not path.name.endswith((".min.js", ".d.ts", "_pb2.py", ".pb.go"))


def _exclusion_lines(path: Path | None) -> Iterable[str]:
    if path is None:
        return ()
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise CorpusError(f"{path} cannot be read ({error}).") from error
