"""Reading of JSON values from the client: the value, or SettingError with a sentence that names it."""

from collections.abc import Mapping

from oasis_search.errors import SettingError
from oasis_search.lsp.protocol import Position, Range


def at(value: object, *keys: str) -> object:
    """What lies under these keys; None when anything on the way is missing."""
    for key in keys:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def text_at(value: object, *keys: str) -> str:
    """The text under these keys."""
    found = at(value, *keys)
    if not isinstance(found, str):
        raise SettingError(f'"{".".join(keys)}" must be a text.')
    return found


def list_at(value: object, *keys: str) -> list[object]:
    """The list under these keys; empty when there is none."""
    found = at(value, *keys)
    return found if isinstance(found, list) else []


def range_at(value: object, *keys: str) -> Range | None:
    """The range under these keys; None when there is none."""
    found = at(value, *keys)
    if found is None:
        return None
    return {"start": _position(found, "start"), "end": _position(found, "end")}


def _position(value: object, key: str) -> Position:
    line, character = at(value, key, "line"), at(value, key, "character")
    if not isinstance(line, int) or not isinstance(character, int) or line < 0 or character < 0:
        raise SettingError(f'"{key}" is not a position.')
    return {"line": line, "character": character}
