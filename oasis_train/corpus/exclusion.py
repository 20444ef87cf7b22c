"""What must not be trained on: repositories by name, and code that an evaluation suite holds.

Names are compared by their parts and err on the side of leaving out: a package called `ruby-rack-test` goes
because `rack/rack` is excluded. Code is compared by eight-identifier runs, so formatting and comments do not
hide a copy.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from oasis_search.syntax.words import identifiers
from oasis_train.evaluation.suites import load_suite

GENERIC_NAMES = frozenset(
    {"c", "csharp", "cpp", "go", "java", "javascript", "php", "python", "ruby", "typescript", "rust"}
    | {"framework", "image", "import", "curl"}
)
"""Repository names that are everyday words of package names; these count together with their owner only."""

OTHER_NAMES = {
    "rails/rails": ("actionpack", "activesupport", "activerecord", "activemodel", "actionview", "railties"),
    "laravel/framework": ("illuminate", "laravel"),
    "JamesNK/Newtonsoft.Json": ("newtonsoft",),
    "apache/commons-lang": ("lang3",),
    "curl/curl": ("libcurl", "curl"),
    "pyca/pyopenssl": ("openssl",),
}
"""Names under which parts of an excluded repository are packaged."""

RUN = 8
"""Identifiers in a row that make code recognisable."""

SHARE = 0.4
"""A text with this share of its runs in a suite counts as a copy."""


class RepositoryFilter:
    """Tells packages and folders of excluded repositories by the parts of their names."""

    def __init__(self, repositories: Iterable[str]) -> None:
        """`repositories`: lines `owner/name`; empty lines and lines that start with # are skipped."""
        self._names: set[tuple[str, ...]] = set()
        for line in repositories:
            repository = line.strip()
            if not repository or repository.startswith("#"):
                continue
            owner, _, name = repository.rpartition("/")
            parts = name_parts(name)
            if "leetcode" in parts:
                parts = ("leetcode",)
            if name.lower() in GENERIC_NAMES:
                parts = (*name_parts(owner), *parts)
            self._names.add(parts)
            self._names.add(("".join(parts),))
            self._names.update((other,) for other in OTHER_NAMES.get(repository, ()))

    def excludes(self, name: str) -> bool:
        """Whether `name` (of a package, repository or folder) has the parts of an excluded name in a row."""
        parts = name_parts(name)
        return any(
            parts[start:end] in self._names
            for start in range(len(parts))
            for end in range(start + 1, len(parts) + 1)
        )


def name_parts(name: str) -> tuple[str, ...]:
    """Lower-case runs of letters of a package or repository name, version and language suffix left out.

    >>> name_parts("python3-click_8.1.3")
    ('python3', 'click')
    """
    parts = re.findall(r"[a-z][a-z0-9]*", re.sub(r"_[0-9v].*$", "", name.lower()))
    while len(parts) > 1 and parts[-1] in ("js", "py", "rb", "net"):
        parts.pop()
    return tuple(parts)


class SuiteFilter:
    """Tells code that evaluation suites hold, entire or in large part."""

    def __init__(self, folders: Iterable[Path]) -> None:
        """Reads every suite folder; about 60 bytes for each run of code in them."""
        self._runs: set[int] = set()
        for folder in folders:
            for pool in load_suite(folder).pools:
                for code in pool.codes:
                    self._runs.update(_runs(code))

    def excludes(self, code: str) -> bool:
        """Whether at least `SHARE` of the runs of `code` occur in a suite."""
        runs = _runs(code)
        return bool(runs) and len(runs & self._runs) >= SHARE * len(runs)


def _runs(code: str) -> set[int]:
    words = identifiers(code)
    return {hash(tuple(words[start : start + RUN])) for start in range(len(words) - RUN + 1)}
