"""One repository to its functions: the first pass, which looks at nothing outside of the repository.

What is left out is counted by reason. A file that cannot be used is a problem with its path; a repository
that cannot be read is one too. Neither ends a run.
"""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from oasis_train.corpus.calls import import_words, link_calls
from oasis_train.corpus.config import CorpusConfig
from oasis_train.corpus.duplicates import N_PERMUTATIONS, signature
from oasis_train.corpus.exclusion import RepositoryFilter
from oasis_train.corpus.filters import PathFilter, content_reason
from oasis_train.corpus.functions import Definition, FileError, definitions_of_file
from oasis_train.corpus.guides import examples_of_guide, is_guide
from oasis_train.corpus.licences import is_allowed, is_licence_file, licence_of, licence_of_header
from oasis_train.corpus.sources import Repository
from oasis_train.corpus.tasks import PROSE, TaskLayout, layout_of
from oasis_train.corpus.trees import Entry, Tree
from oasis_train.data import Function, row_id
from oasis_train.errors import CorpusError

_MAX_LICENCE_FILES = 200


@dataclass(slots=True)
class Extract:
    """What the first pass found in one repository."""

    licence: str = ""
    functions: list[Function] = field(default_factory=list)
    signatures: NDArray[np.uint32] = field(default_factory=lambda: np.empty((0, N_PERMUTATIONS), np.uint32))
    """MinHash of each function; no rows when near-duplicates are kept."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Reason -> files (`tests`, `not-utf8`, ...) or functions (`too-short`, `undocumented`)."""
    problems: list[dict[str, str]] = field(default_factory=list)
    """`path`, `reason` and `detail` of files that could not be used; an empty path means the repository."""

    def add_problem(self, path: str, reason: str, detail: str) -> None:
        """Record and count one."""
        self.problems.append({"path": path, "reason": reason, "detail": detail})
        self.left_out[reason] += 1


class Extractor:
    """Extracts repositories; made once per process, since its tables are shared."""

    def __init__(self, config: CorpusConfig, languages: frozenset[str], excluded: RepositoryFilter) -> None:
        """`languages`: names of the language table that are read."""
        self._config = config
        self._languages = languages
        self._paths = PathFilter(languages, config.leave_out, excluded)

    def extract(self, repository: Repository, split: str) -> Extract:
        """Functions of a repository in the order of their paths, linked, duplicates and all."""
        extract = Extract()
        try:
            self._fill(extract, repository, split)
        except CorpusError as error:
            extract.add_problem("", "unreadable-repository", str(error))
        return extract

    def _fill(self, extract: Extract, repository: Repository, split: str) -> None:
        tree = repository.tree()
        entries = tree.entries()
        if not entries:
            extract.add_problem("", "empty-repository", f"{repository.folder} holds no file.")
            return
        extract.licence = _licence(tree, entries)
        definitions: list[Definition] = []
        licences: dict[str, str] = {}
        imports: dict[str, frozenset[str]] = {}
        tasks = layout_of(repository.name)
        for entry, data in tree.read(self._choose(entries, repository.name, extract)):
            if data is None:
                extract.add_problem(entry.path, "unreadable", "The file cannot be read.")
                continue
            licence = licence_of_header(data) or extract.licence
            if reason := content_reason(data, self._config.leave_out) or self._licence_reason(licence):
                extract.left_out[reason] += 1
                continue
            try:
                found = self._read(entry.path, data, tasks)
            except FileError as error:
                extract.add_problem(entry.path, error.reason, str(error))
                continue
            found = [item for item in found if item.language in self._languages or item.language == PROSE]
            licences[entry.path] = licence
            imports[entry.path] = import_words(data.decode("utf-8", "replace")) if found else frozenset()
            definitions += [item for item in found if self._is_kept(item, extract)]
        extract.functions = self._functions(definitions, imports, licences, repository, split)
        if self._config.near_duplicates and definitions:
            extract.signatures = np.stack([signature(item.words) for item in definitions])

    def _read(self, path: str, data: bytes, tasks: TaskLayout | None) -> list[Definition]:
        most = self._config.max_code_characters
        if is_guide(path) and not (tasks and tasks.stated_by(path)):
            return examples_of_guide(path, data, most)
        found = definitions_of_file(path, data, most) if tasks is None or tasks.functions else []
        return [*found, *(tasks.definitions(path, data, most) if tasks else ())]

    def _choose(self, entries: list[Entry], name: str, extract: Extract) -> list[Entry]:
        """The source files that are read, sorted by path."""
        wanted = []
        for entry in entries:
            if not (self._paths.is_source(entry.path) or (self._config.guides and is_guide(entry.path))):
                continue
            if reason := self._paths.reason(entry.path):
                extract.left_out[reason] += 1
            elif entry.n_bytes > self._config.max_file_bytes:
                extract.left_out["too-large"] += 1
            else:
                wanted.append(entry)
        room = self._config.max_repository_bytes
        if sum(max(entry.n_bytes, 0) for entry in wanted) <= room:
            return wanted
        order = list(wanted)
        random.Random(f"{self._config.seed} {name}").shuffle(order)
        chosen = []
        for entry in order:
            room -= max(entry.n_bytes, 0)
            if room < 0:
                break
            chosen.append(entry)
        extract.left_out["over-repository-limit"] += len(wanted) - len(chosen)
        return sorted(chosen, key=lambda entry: entry.path)

    def _licence_reason(self, licence: str) -> str:
        config = self._config
        if not config.licences or (not licence and config.keep_unknown_licence):
            return ""
        if not licence:
            return "unknown-licence"
        return "" if is_allowed(licence, config.licences) else "licence"

    def _is_kept(self, definition: Definition, extract: Extract) -> bool:
        reason = ""
        if len(definition.words) < max(self._config.min_identifiers, 1):
            reason = "too-short"
        elif self._config.documented_only and not definition.doc and not definition.task:
            reason = "undocumented"
        if reason:
            extract.left_out[reason] += 1
        return not reason

    def _functions(
        self,
        definitions: list[Definition],
        imports: Mapping[str, frozenset[str]],
        licences: Mapping[str, str],
        repository: Repository,
        split: str,
    ) -> list[Function]:
        links = link_calls(
            definitions,
            imports,
            max_candidates=self._config.max_candidates,
            max_callers=self._config.max_callers,
            max_callees=self._config.max_callees,
        )
        ids = [
            row_id(repository.name, item.path, item.container, item.name, item.code) for item in definitions
        ]
        return [
            Function(
                id=ids[position],
                repository=repository.name,
                revision=repository.revision,
                licence=licences[item.path],
                path=item.path,
                start_line=item.start_line,
                language=item.language,
                name=item.name,
                container=item.container,
                signature=item.signature,
                doc=item.doc,
                code=item.code,
                callers=tuple(dict.fromkeys(ids[caller] for caller in links[position].callers)),
                callees=tuple(dict.fromkeys(ids[callee] for callee in links[position].callees)),
                split=split,
                task=item.task,
            )
            for position, item in enumerate(definitions)
        ]


def _licence(tree: Tree, entries: list[Entry]) -> str:
    """The licence that the licence files and metadata of a repository say."""
    telling = [entry for entry in entries if is_licence_file(entry.path) and entry.n_bytes < 400_000]
    telling.sort(key=lambda entry: (entry.path.count("/"), entry.path))
    read = tree.read(telling[:_MAX_LICENCE_FILES])
    return licence_of({entry.path: data for entry, data in read if data is not None})
