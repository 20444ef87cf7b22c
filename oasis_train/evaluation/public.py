"""The paper's own protocol from the public files, when the user has them in a folder.

cosqa               cosqa-retrieval-test-500.json beside code_idx_map.txt (CoCLR): all codes, formatted
advtest             test.jsonl in a folder whose name holds `adv` (CodeXGLUE, names normalised): its own pool
csn-LANGUAGE        LANGUAGE/test.jsonl beside LANGUAGE/codebase.jsonl (GraphCodeBERT's CodeSearchNet),
                    or the raw release LANGUAGE/final/jsonl/test/*.jsonl.gz, whose pool is another
code2code-LANGUAGE  LANGUAGE_with_func.jsonl (UniXcoder's zero-shot search in CodeNet)

Every `.jsonl` may be a `.jsonl.gz`. Formatted code of CodeSearchNet holds the query as its docstring, so
comments and docstrings are taken out; the joined form is the publisher's tokens, for CodeNet the stripped
source split at white space. A pool of another size than the paper's is told, not refused. Nothing here
downloads anything.
"""

import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oasis_train.errors import SuiteError
from oasis_train.evaluation.forms import strip_documentation
from oasis_train.evaluation.suites import Pool, Suite

Row = dict[str, Any]

CSN_SIZES = {
    "python": (14_918, 43_827),
    "java": (10_955, 40_347),
    "javascript": (3_291, 13_981),
    "php": (14_014, 52_660),
    "go": (8_122, 28_120),
    "ruby": (1_261, 4_360),
}
"""Queries and pool of the paper, by language."""

CODE2CODE_SIZES = {
    "python": 15_594,
    "java": 23_530,
    "ruby": 11_744,
    "csharp": 11_952,
    "c": 11_260,
    "go": 9_720,
    "javascript": 6_866,
    "php": 6_782,
    "typescript": 3_385,
}
"""Pool of the paper, by language; every program is a query that has another solution of its problem."""


@dataclass(frozen=True, slots=True)
class PublicSuite:
    """A suite from public files, and how it differs from the paper's."""

    suite: Suite
    notes: tuple[str, ...]
    """Sentences; empty when queries and pool have the paper's sizes."""
    files: tuple[Path, ...]


def find_public(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Name of each suite whose files are under `folder` -> those files."""
    found: dict[str, tuple[Path, ...]] = {}
    paths = sorted(path for path in folder.rglob("*.*") if path.is_file())
    by_stem = {path.parent / path.name.removesuffix(".gz"): path for path in paths}
    for plain, path in by_stem.items():
        code_map = path.parent / "code_idx_map.txt"
        if plain.name == "cosqa-retrieval-test-500.json" and code_map.is_file():
            found.setdefault("cosqa", (path, code_map))
        language = plain.parent.name.lower()
        codebase = by_stem.get(plain.parent / "codebase.jsonl")
        if plain.name == "test.jsonl" and codebase and language in CSN_SIZES:
            found.setdefault(f"csn-{language}", (path, codebase))
        elif plain.name == "test.jsonl" and any("adv" in part.lower() for part in _inner(plain, folder)):
            found.setdefault("advtest", (path,))
        language = plain.name.removesuffix("_with_func.jsonl").lower()
        if plain.name.endswith("_with_func.jsonl") and language in CODE2CODE_SIZES:
            found.setdefault(f"code2code-{language}", (path,))
    for language in CSN_SIZES:
        raw = tuple(path for path in paths if _is_raw_test(path, language))
        if raw:
            found.setdefault(f"csn-{language}", raw)
    return dict(sorted(found.items()))


def load_public(folder: Path, name: str) -> PublicSuite:
    """The suite `name` from the public files under `folder`; raises SuiteError when they are not there."""
    found = find_public(folder)
    if name not in found:
        known = ", ".join(found) or "none"
        raise SuiteError(f"{folder} holds no files of {name}; found: {known}. Keep the releases' names.")
    files = found[name]
    if name == "cosqa":
        return _told(_cosqa(*files), (500, 6_267), files)
    if name == "advtest":
        return _told(build_nl2code(name, "python", _rows(files[0]), None), (19_210, 19_210), files)
    language = name.split("-", 1)[1]
    if name.startswith("csn-"):
        pair = len(files) == 2 and not _is_raw_test(files[0], language)
        rows = (row for path in files for row in _rows(path)) if not pair else _rows(files[0])
        suite = build_nl2code(name, language, rows, _rows(files[1]) if pair else None)
        return _told(suite, CSN_SIZES[language], files)
    suite = _code2code(name, language, _rows(files[0]))
    return _told(suite, (None, CODE2CODE_SIZES[language]), files)


def build_nl2code(name: str, language: str, asked: Iterable[Row], codebase: Iterable[Row] | None) -> Suite:
    """A suite of rows with CodeSearchNet's columns; without a codebase the asked rows are the pool."""
    queries = list(asked)
    items = list(codebase) if codebase is not None else queries
    ids = [_url(row, number) for number, row in enumerate(items)]
    unique = list(dict(zip(ids, range(len(ids)), strict=True)).values())
    known = {ids[at] for at in unique}
    wanted = [_url(row, number) for number, row in enumerate(queries)]
    lost = [url for url in wanted if url not in known]
    if lost:
        raise SuiteError(
            f"{name}: {len(lost)} queries have no code in the pool, such as {lost[0]}. "
            "The two files are not of one release."
        )
    codes = [items[at] for at in unique]
    pool = Pool(
        label=language,
        item_ids=tuple(ids[at] for at in unique),
        codes=tuple(_formatted(row, language) for row in codes),
        queries=tuple(_query(row) for row in queries),
        gains=tuple({url: 1.0} for url in wanted),
        self_ids=(None,) * len(queries),
        query_ids=tuple(wanted),
        languages=(language,) * len(codes),
        query_languages=(language,) * len(queries),
        joined_codes=tuple(" ".join(_tokens(row)) for row in codes),
    )
    return Suite(name, "nl2code", "MRR@1000", (pool,))


def _cosqa(test: Path, code_map: Path) -> Suite:
    codes: dict[str, int] = json.loads(_text(code_map))
    asked: list[Row] = json.loads(_text(test))
    ids = [f"cosqa-c{number}" for number in codes.values()]
    pool = Pool(
        label="python",
        item_ids=tuple(ids),
        codes=tuple(codes),
        queries=tuple(" ".join(row["doc"].split()) for row in asked),
        gains=tuple({f"cosqa-c{row['retrieval_idx']}": 1.0} for row in asked),
        self_ids=(None,) * len(asked),
        query_ids=tuple(str(row["idx"]) for row in asked),
        languages=("python",) * len(ids),
        query_languages=("python",) * len(asked),
    )
    return Suite("cosqa", "nl2code", "MRR@1000", (pool,))


def _code2code(name: str, language: str, rows: Iterable[Row]) -> Suite:
    programs = list(rows)
    ids = tuple(f"{row['index']}#{number}" for number, row in enumerate(programs))
    solutions = defaultdict(list)
    for item, row in zip(ids, programs, strict=True):
        solutions[str(row["label"])].append(item)
    asked = [at for at, row in enumerate(programs) if len(solutions[str(row["label"])]) > 1]
    stripped = [strip_documentation(row["func"], language) for row in programs]
    pool = Pool(
        label=language,
        item_ids=ids,
        codes=tuple(stripped),
        queries=tuple(stripped[at] for at in asked),
        gains=tuple(
            {item: 1.0 for item in solutions[str(programs[at]["label"])] if item != ids[at]} for at in asked
        ),
        self_ids=tuple(ids[at] for at in asked),
        query_ids=tuple(ids[at] for at in asked),
        languages=(language,) * len(ids),
        query_languages=(language,) * len(asked),
        joined_codes=tuple(" ".join(code.split()) for code in stripped),
    )
    return Suite(name, "code2code", "MAP", (pool,))


def _formatted(row: Row, language: str) -> str:
    """AdvTest's `function` has its names normalised; the others' `code` still holds the documentation."""
    for column in ("function", "code", "original_string", "func_code_string"):
        if row.get(column):
            return strip_documentation(row[column], language)
    return " ".join(_tokens(row))


def _tokens(row: Row) -> list[str]:
    for column in ("function_tokens", "code_tokens", "func_code_tokens"):
        if row.get(column):
            return list(row[column])
    raise SuiteError("A row has neither function_tokens nor code_tokens. Fill the files by their README.")


def _query(row: Row) -> str:
    for column in ("docstring_tokens", "func_documentation_tokens"):
        if row.get(column):
            return " ".join(row[column])
    raise SuiteError(f"The row {_url(row, 0)} has no docstring_tokens. It is no query of CodeSearchNet.")


def _url(row: Row, number: int) -> str:
    return str(row.get("url") or row.get("func_code_url") or row.get("retrieval_idx") or f"row-{number}")


def _told(suite: Suite, expected: tuple[int | None, int], files: tuple[Path, ...]) -> PublicSuite:
    sizes = (len(suite.pools[0].queries), len(suite.pools[0].codes))
    notes = [
        f"{suite.name} has {found:,} {what}; the paper's has {wanted:,}: its figure is another."
        for what, found, wanted in zip(("queries", "items"), sizes, expected, strict=True)
        if wanted is not None and found != wanted
    ]
    return PublicSuite(suite, tuple(notes), files)


def _is_raw_test(path: Path, language: str) -> bool:
    names = [part.lower() for part in path.parts]
    return names[-5:-1] == [language, "final", "jsonl", "test"] and ".jsonl" in path.name


def _inner(path: Path, folder: Path) -> tuple[str, ...]:
    """Names of the folders from `folder` itself down to the file."""
    return (folder.name, *path.relative_to(folder).parts[:-1])


def _text(path: Path) -> str:
    opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        return str(file.read())


def _rows(path: Path) -> Iterator[Row]:
    opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                yield json.loads(line)
            except ValueError as error:
                raise SuiteError(f"{path}, line {number} is not JSON ({error}). Unpack it again.") from error
