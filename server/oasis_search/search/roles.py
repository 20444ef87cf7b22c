"""What a file is beside an implementation: a test, an example, a copy of other people's code, a header...

The table is data (`file_roles.toml`). Deliberately by path and language alone: contents would cost a read.
"""

import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from oasis_search.index.roots import root


@dataclass(frozen=True, slots=True)
class Role:
    """One row of the table."""

    name: str
    factor: float
    """Scores of units in such files are multiplied by it."""
    asked_by: frozenset[str]
    """Stems of words that ask for the role."""
    folders: frozenset[str]
    files: re.Pattern[str] | None
    languages: frozenset[str]
    anonymous: bool
    """Only units without a name are concerned."""


@cache
def roles() -> tuple[Role, ...]:
    """The table, in the order of the file."""
    text = files("oasis_search.search").joinpath("file_roles.toml").read_text(encoding="utf-8")
    return tuple(
        Role(
            name=name,
            factor=float(row["factor"]),
            asked_by=frozenset(root(word) for word in row["asked_by"]),
            folders=frozenset(row["folders"]),
            files=re.compile("|".join(f"(?:{pattern})" for pattern in row["files"]))
            if row["files"]
            else None,
            languages=frozenset(row.get("languages", ())),
            anonymous=bool(row.get("anonymous", False)),
        )
        for name, row in tomllib.loads(text).items()
    )


def asked_roles(words: Collection[str]) -> frozenset[str]:
    """Names of the roles that a query with these stems asks for."""
    return frozenset(role.name for role in roles() if not role.asked_by.isdisjoint(words))


@lru_cache(maxsize=1 << 15)
def roles_of(path: str, language: str) -> tuple[Role, ...]:
    """The roles of a file."""
    *folders, name = path.lower().split("/")
    return tuple(role for role in roles() if _has(role, folders, name, language))


def _has(role: Role, folders: list[str], name: str, language: str) -> bool:
    return (
        not role.folders.isdisjoint(folders)
        or (role.files is not None and role.files.fullmatch(name) is not None)
        or language in role.languages
    )
