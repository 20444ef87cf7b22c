"""The corpus stage: repositories to a table of functions, each once, with a manifest of what was left out.

Pass 1 takes each repository by itself, in as many processes as wanted, and leaves its functions under
`partial/raw`. Pass 2 goes through them in the order of the repositories' names: whatever occurred before is
left out, and so is what evaluation suites hold. So the outcome depends on neither processes nor kills; the
memory it takes is that of the largest repository and of the index of duplicates.
"""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from oasis_train.corpus.config import CorpusConfig, check_config, wanted_languages
from oasis_train.corpus.exclusion import RepositoryFilter, SuiteFilter
from oasis_train.corpus.extract import Extractor
from oasis_train.corpus.processes import in_processes
from oasis_train.corpus.raw import MAX_PROBLEMS, RawFolder, read_json, write_json
from oasis_train.corpus.read import functions_table
from oasis_train.corpus.selection import Selection
from oasis_train.corpus.sources import Repository, collect_sources, locate_repositories
from oasis_train.data import Function, Stage, StageFolder, falls_in_share, file_digest
from oasis_train.data.progress import Progress
from oasis_train.errors import CorpusError

ROWS_PER_SHARD = 20_000
"""From so many rows on a shard is closed, always between two repositories."""

FACTS_NAME = "corpus.json"
RAW_NAME = "raw"


def build_corpus(
    config: CorpusConfig, out: Path, *, jobs: int = 1, progress: Progress | None = None
) -> dict[str, Any]:
    """Build the corpus in the folder `out` unless it is up to date; returns the stage's manifest.

    Its `facts` hold `rows`, `documented`, `languages`, `splits`, `repositories` (name -> revision, licence,
    rows), `left_out` (reason -> files, functions or repositories), `excluded` repositories, and the first
    `problems` of `n_problems`. Raises CorpusError for a missing source, for one that git refuses, and when
    nothing is left.
    """
    check_config(config)
    report = progress or _silent
    unreachable: list[tuple[str, str]] = []
    report("locate", 0, 0)
    sources = collect_sources(config.sources, config.collections)
    found = locate_repositories(sources, config.cache, unreachable if config.skip_unreachable else None)
    excluded = _excluded(config.exclude_repositories)
    repositories = [repository for repository in found if not excluded.excludes(repository.name)]
    left = sorted(
        {repository.name for repository in found} - {repository.name for repository in repositories}
    )
    stage = Stage("corpus", config.facts, _inputs(config, repositories, unreachable, report))

    def work(folder: Path) -> dict[str, Any]:
        if not (folder / FACTS_NAME).is_file():
            raw = folder / RAW_NAME
            raw.mkdir(exist_ok=True)
            _first_pass(config, repositories, raw, jobs, report)
            facts = _second_pass(config, len(repositories), folder, report)
            write_json(folder / FACTS_NAME, _with_sources(facts, left, unreachable))
        shutil.rmtree(folder / RAW_NAME, ignore_errors=True)
        return read_json(folder / FACTS_NAME)

    return StageFolder(out).run(stage, work)


def split_of(repository: str, dev_share: float, seed: int) -> str:
    """`dev` for about that share of all repositories, else `train`; by name and seed alone."""
    return "dev" if falls_in_share(dev_share, str(seed), repository) else "train"


def _first_pass(
    config: CorpusConfig, repositories: list[Repository], raw: Path, jobs: int, report: Progress
) -> None:
    missing = RawFolder(raw).missing(range(len(repositories)))
    n_done = len(repositories) - len(missing)
    report("repositories", n_done, len(repositories))
    work = partial(_extract, config=config, raw=raw)
    for _ in in_processes(work, [(number, repositories[number]) for number in missing], jobs):
        n_done += 1
        report("repositories", n_done, len(repositories))


def _extract(item: tuple[int, Repository], config: CorpusConfig, raw: Path) -> None:
    """One repository of the first pass, in a process of its own or not."""
    number, repository = item
    split = split_of(repository.name, config.dev_share, config.seed)
    RawFolder(raw).write(number, repository, _extractor(config).extract(repository, split))


@lru_cache(maxsize=1)
def _extractor(config: CorpusConfig) -> Extractor:
    return Extractor(config, wanted_languages(config), _excluded(config.exclude_repositories))


def _second_pass(config: CorpusConfig, n_repositories: int, folder: Path, report: Progress) -> dict[str, Any]:
    """Write the final shards; returns the manifest's facts. Shards of a killed run are not written again."""
    selection = Selection(SuiteFilter(config.exclude_suites), config.near_duplicates)
    raw_folder, table = RawFolder(folder / RAW_NAME), functions_table(folder)
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("left_out", "languages", "splits")}
    repositories: dict[str, dict[str, Any]] = {}
    problems: list[dict[str, str]] = []
    n_problems = n_documented = shard = 0
    pending: list[Function] = []
    for number in range(n_repositories):
        raw = raw_folder.read(number)
        kept, left_out = selection.select(raw)
        counts["left_out"] += Counter(raw.facts["left_out"]) + left_out
        counts["languages"].update(function.language for function in kept)
        counts["splits"].update(function.split for function in kept)
        n_documented += sum(bool(function.doc) for function in kept)
        name = raw.facts["name"]
        repositories[name] = {key: raw.facts[key] for key in ("revision", "licence")} | {"rows": len(kept)}
        n_problems += raw.facts["n_problems"]
        room = MAX_PROBLEMS - len(problems)
        problems += [{"repository": name, **problem} for problem in raw.facts["problems"][:room]]
        pending += kept
        if pending and (len(pending) >= ROWS_PER_SHARD or number == n_repositories - 1):
            if not table.has(shard):
                table.write(shard, pending)
            pending = []
            shard += 1
        report("duplicates", number + 1, n_repositories)
    if not shard:
        reasons = ", ".join(f"{reason} {n}" for reason, n in counts["left_out"].most_common(5)) or "no source"
        raise CorpusError(
            f"No function is left of {n_repositories} repositories (left out: {reasons}). "
            "Name other sources, or leave out less."
        )
    return {
        "rows": counts["languages"].total(),
        "documented": n_documented,
        **{name: dict(sorted(count.items())) for name, count in counts.items()},
        "repositories": repositories,
        "problems": problems,
        "n_problems": n_problems,
    }


def _with_sources(
    facts: dict[str, Any], excluded: list[str], unreachable: list[tuple[str, str]]
) -> dict[str, Any]:
    """The facts with what was known before any repository was read."""
    missing = [
        {"repository": name, "path": "", "reason": "unreachable", "detail": message}
        for name, message in unreachable
    ]
    left_out = {"excluded-repositories": len(excluded), "unreachable": len(missing)}
    return facts | {
        "left_out": facts["left_out"] | {reason: count for reason, count in left_out.items() if count},
        "excluded": excluded,
        "problems": (missing + facts["problems"])[:MAX_PROBLEMS],
        "n_problems": facts["n_problems"] + len(missing),
    }


def _inputs(
    config: CorpusConfig, found: list[Repository], unreachable: list[tuple[str, str]], report: Progress
) -> dict[str, str]:
    """Hashes of everything that is read."""
    states: list[tuple[str, str]] = []
    for repository in found:
        try:
            states.append((repository.name, repository.state()))
        except CorpusError as error:  # recorded as a problem when its turn comes
            states.append((repository.name, str(error)))
        report("locate", len(states), len(found))
    inputs = {"repositories": _digest([states, sorted(name for name, _ in unreachable)])}
    if config.exclude_repositories is not None:
        inputs["exclude_repositories"] = file_digest(config.exclude_repositories)
    for suite in config.exclude_suites:
        if suite.is_dir():  # else reading it will say so
            files = sorted(path for path in suite.iterdir() if path.is_file())
            inputs[f"suite {suite.name}"] = _digest([[path.name, file_digest(path)] for path in files])
    return inputs


def _digest(value: Iterable[Any]) -> str:
    return hashlib.blake2b(json.dumps(value).encode(), digest_size=16).hexdigest()


def _excluded(path: Path | None) -> RepositoryFilter:
    if path is None:
        return RepositoryFilter(())
    try:
        return RepositoryFilter(path.read_text(encoding="utf-8").splitlines())
    except (OSError, ValueError) as error:
        raise CorpusError(
            f"{path} cannot be read ({error}): a text file with a line owner/name each."
        ) from error


def _silent(what: str, done: int, total: int) -> None:
    """Report to nobody."""
