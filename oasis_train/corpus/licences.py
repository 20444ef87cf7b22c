"""The licence of a repository as an SPDX expression, and whether a list of allowed licences covers it.

Looked at in this order, the files nearest to the root first: what package metadata declare, the texts of
licence files (several count as `AND`: nothing says that one may choose), Debian's copyright file. A header
`SPDX-License-Identifier` speaks for its own file. Recognition is by tell-tale phrases, names and fields, all
in `licences.toml`; a legal opinion it is not. Expressions are parsed by the license-expression library.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from license_expression import (
    AND,
    OR,
    ExpressionError,
    LicenseExpression,
    LicenseWithExceptionSymbol,
    Licensing,
    get_spdx_licensing,
)

MAX_DEPTH = 3
"""Folders above a licence file or metadata that still speaks for all of a repository (unpacked packages)."""

_TEXT = re.compile(r"(?:un)?licen[cs]e(?:[.-].*)?|copying(?:[.-].*)?|mit-license(?:\..*)?", re.IGNORECASE)
_CODE = re.compile(r".*\.(?:py|java|[cm]?[jt]s|rb|php|go|c|h|cs|html?|json)", re.IGNORECASE)
_METADATA = re.compile(
    r"package\.json|pyproject\.toml|cargo\.toml|composer\.json|pom\.xml|pkg-info|metadata|.*\.gemspec",
    re.IGNORECASE,
)
_HEADER = re.compile(rb"SPDX-License-Identifier:\s*([^\r\n]+)")
_DEBIAN_ALL = re.compile(
    r"^Files:[ \t]*\*[ \t]*\n(?:(?![ \t]*\n|License:).*\n)*License:[ \t]*(.+)$", re.MULTILINE
)
_COMMENT_END = re.compile(r"\s*(?:\*/|-->|\*\)|#\}|\"\"\"|''').*$")


def is_licence_file(path: str) -> bool:
    """Whether the file may tell the licence of its repository."""
    *folders, name = path.split("/")
    if name == "copyright":
        return folders[-1:] == ["debian"] or folders[:3] == ["usr", "share", "doc"]
    if len(folders) > MAX_DEPTH:
        return False
    return bool(_METADATA.fullmatch(name) or (_TEXT.fullmatch(name) and not _CODE.fullmatch(name)))


def licence_of(contents: Mapping[str, bytes]) -> str:
    """The SPDX expression that the licence files of a repository (path -> content) add up to, or nothing."""
    metadata: dict[int, set[str]] = {}
    texts: dict[int, set[str]] = {}
    debian: set[str] = set()
    for path, data in contents.items():
        depth, name = path.count("/"), path.rsplit("/", 1)[-1]
        text = data.decode("utf-8", "replace")
        if name == "copyright":
            debian.update(filter(None, [_debian_licence(text)]))
        elif _METADATA.fullmatch(name):
            metadata.setdefault(depth, set()).update(filter(None, [_declared(name.lower(), text)]))
        else:
            texts.setdefault(depth, set()).update(filter(None, [licence_of_text(text)]))
    for found in (metadata, texts):
        nearest = next((licences for _, licences in sorted(found.items()) if licences), None)
        if nearest:
            return _all_of(nearest)
    return _all_of(debian) if debian else ""


def licence_of_header(data: bytes) -> str:
    """The SPDX expression in the first lines of a source file, or nothing."""
    match = _HEADER.search(data[:3000])
    if match is None:
        return ""
    return normalise_licence(_COMMENT_END.sub("", match[1].decode("utf-8", "replace")).strip())


def licence_of_text(text: str) -> str:
    """The SPDX identifier of a licence's full text, or nothing."""
    plain = f" {_plain(text)} "
    for row in _table()["text"]:
        if all(f" {phrase} " in plain for phrase in row["all"]) and not any(
            phrase in plain for phrase in row.get("none", ())
        ):
            return str(row["id"])
    return ""


@lru_cache(maxsize=4096)
def normalise_licence(text: str) -> str:
    """`text`, an SPDX expression or a usual name of a licence, as an SPDX expression; else nothing.

    >>> normalise_licence("apache-2.0 or mit"), normalise_licence("GPL-2+"), normalise_licence("mine")
    ('Apache-2.0 OR MIT', 'GPL-2.0-or-later', '')
    """
    text = " ".join(text.split())
    if not text or len(text) > 500:
        return ""
    if known := _table()["names"].get(_plain(text.replace("+", " plus "))):
        return str(known)
    if re.fullmatch(r"[\w.+-]+(?:\s*/\s*[\w.+-]+)+", text):  # MIT/Apache-2.0, as crates used to write
        text = " OR ".join(part.strip() for part in text.split("/"))
    try:
        return str(_licensing().parse(text, validate=True))
    except ExpressionError:
        return ""


def is_allowed(licence: str, allowed: Iterable[str]) -> bool:
    """Whether the allowed identifiers cover an expression: of `OR` one part must be, of `AND` all.

    An exception (`GPL-2.0-only WITH Classpath-exception-2.0`) only adds rights, so the licence alone will do.
    """
    names = frozenset(allowed)
    return licence in names or (bool(licence) and _is_allowed(_licensing().parse(licence), names))


def _is_allowed(expression: LicenseExpression, allowed: frozenset[str]) -> bool:
    if isinstance(expression, OR):
        return any(_is_allowed(part, allowed) for part in expression.args)
    if isinstance(expression, AND):
        return all(_is_allowed(part, allowed) for part in expression.args)
    if isinstance(expression, LicenseWithExceptionSymbol) and str(expression) not in allowed:
        return str(expression.license_symbol) in allowed
    return str(expression) in allowed


def _all_of(licences: Iterable[str]) -> str:
    parts = sorted(set(licences))
    if len(parts) == 1:
        return parts[0]
    return normalise_licence(" AND ".join(f"({part})" for part in parts))


def _declared(name: str, text: str) -> str:
    """The licence that one file of package metadata declares."""
    try:
        if name.endswith(".json"):
            value = json.loads(text)
            return _from_json(value) if isinstance(value, dict) else ""
        if name.endswith(".toml"):
            return _from_toml(tomllib.loads(text))
    except (ValueError, RecursionError):
        return ""
    if name == "pom.xml":
        match = re.search(r"<licenses>.*?<name>\s*([^<]+?)\s*</name>", text, re.DOTALL)
    elif name.endswith(".gemspec"):
        match = re.search(r"\.licenses?\s*=\s*\[?\s*[\"']([^\"']+)[\"']", text)
    else:
        match = re.search(r"^License(?:-Expression)?:[ \t]*(\S.*)$", text, re.MULTILINE)
        if match is None or not normalise_licence(match[1]):
            match = re.search(r"^Classifier: License :: OSI Approved :: (.+)$", text, re.MULTILINE)
    return normalise_licence(match[1]) if match else ""


def _from_json(value: Mapping[str, Any]) -> str:
    """package.json and composer.json: text, object with a type, or a list of which one may choose."""
    found = value.get("license", value.get("licenses"))
    choices = found if isinstance(found, list) else [found]
    names = [choice.get("type") if isinstance(choice, dict) else choice for choice in choices]
    known = [normalise_licence(name) if isinstance(name, str) else "" for name in names]
    return normalise_licence(" OR ".join(f"({name})" for name in known)) if all(known) else ""


def _from_toml(value: Mapping[str, Any]) -> str:
    """Cargo.toml and pyproject.toml, also Poetry's."""
    tables = [value.get("package"), value.get("project"), value.get("tool", {}).get("poetry")]
    for table in tables:
        found = table.get("license") if isinstance(table, dict) else None
        if isinstance(found, dict):
            found = found.get("text")
        if isinstance(found, str) and (known := normalise_licence(found)):
            return known
    return ""


def _debian_licence(text: str) -> str:
    """The licence of `Files: *` in a machine-readable copyright file."""
    match = _DEBIAN_ALL.search(text)
    if match is None:
        return ""
    parts = re.split(r",?\s+(or|and)\s+", match[1].strip())
    parts[::2] = [normalise_licence(part) for part in parts[::2]]
    return normalise_licence(" ".join(parts)) if all(parts) else ""


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("oasis_train.corpus").joinpath("licences.toml").read_text(encoding="utf-8"))


@cache
def _licensing() -> Licensing:
    return get_spdx_licensing()
