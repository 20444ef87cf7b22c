"""Reading the parameters of our own methods: each value checked, each complaint a sentence that names it."""

from collections.abc import Mapping
from typing import TypeGuard

from oasis_search.errors import SettingError
from oasis_search.lsp import protocol
from oasis_search.search.names import read_kind, read_language
from oasis_search.search.query import Filter


def read_object(params: object, fields: frozenset[str], example: str) -> Mapping[str, object]:
    """The parameters as an object with none but these fields."""
    if not isinstance(params, Mapping):
        raise SettingError(f"The parameters are not an object. Send {example}.")
    unknown = sorted(set(params) - fields)
    if unknown:
        raise SettingError(f'Unknown parameter "{unknown[0]}". Known are {", ".join(sorted(fields))}.')
    return params


def read_filter(params: Mapping[str, object]) -> Filter:
    """`languages`, `globs`, `kinds`, `exact` and `without`."""
    return Filter(
        frozenset(read_language(name).name for name in _texts(params, "languages")),
        tuple(_texts(params, "globs")),
        frozenset(read_kind(name) for name in _texts(params, "kinds")),
        tuple(_texts(params, "exact")),
        tuple(_texts(params, "without")),
    )


def read_limit(params: Mapping[str, object], default: int) -> int:
    """`limit`, or the default."""
    value = params.get("limit")
    if value is None:
        return max(1, min(default, protocol.MAX_LIMIT))
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= protocol.MAX_LIMIT:
        raise SettingError(f'"limit" is {value!r}, not a whole number from 1 to {protocol.MAX_LIMIT}.')
    return value


def read_uri(params: Mapping[str, object], name: str) -> str | None:
    """A URI, or None when it is left out."""
    uri = params.get(name)
    if uri is not None and not isinstance(uri, str):
        raise SettingError(f'"{name}" is {uri!r}, not a URI.')
    return uri


def read_position(value: object, name: str) -> protocol.Position:
    """A position of the protocol."""
    if isinstance(value, Mapping):
        line, character = value.get("line"), value.get("character")
        if _is_count(line) and _is_count(character):
            return {"line": line, "character": character}
    raise SettingError(f'"{name}" is {value!r}, not a position. Send {{"line": 0, "character": 0}}.')


def read_range(value: object, name: str) -> protocol.Range:
    """A range of the protocol, its ends in order."""
    if not isinstance(value, Mapping):
        raise SettingError(f'"{name}" is {value!r}, not a range. Send {{"start": ..., "end": ...}}.')
    ends = [read_position(value.get(end), f"{name}.{end}") for end in ("start", "end")]
    start, end = sorted(ends, key=lambda place: (place["line"], place["character"]))
    return {"start": start, "end": end}


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _texts(params: Mapping[str, object], name: str) -> list[str]:
    value = params.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise SettingError(f'"{name}" is {value!r}, not a list of texts.')
    return value
