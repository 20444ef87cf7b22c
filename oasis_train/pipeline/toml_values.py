"""TOML tables to configuration dataclasses, strictly: a wrong key or value is an error with file and line.

A typing error must never silently train another model, so nothing is guessed or converted: text stays text.
Relative paths count from the folder of the file.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from oasis_search.errors import OasisError
from oasis_train.errors import RecipeError

T = TypeVar("T")


class TomlFile:
    """One file and what it says."""

    def __init__(self, path: Path, text: str | None = None) -> None:
        """Read `path`, or take `text` as its content; raises RecipeError when it is no TOML."""
        self.path = path
        try:
            self._text = path.read_text(encoding="utf-8") if text is None else text
            self.facts: dict[str, Any] = tomllib.loads(self._text)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise RecipeError(f"{path} cannot be read as a recipe ({error}).") from error

    def override(self, assignment: str) -> None:
        """Set one value, as `train.batch=64`; the value is TOML, or else taken as text."""
        name, found, value = assignment.partition("=")
        keys = name.strip().split(".")
        if not found or not all(keys):
            raise RecipeError(f"{assignment!r} sets nothing. Write SECTION.KEY=VALUE, as train.batch=64.")
        table = self.facts
        for key in keys[:-1]:
            table = table.setdefault(key, {})
            if not isinstance(table, dict):
                raise RecipeError(f"{assignment!r}: {key} is a value, not a section.")
        try:
            table[keys[-1]] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            table[keys[-1]] = value.strip()

    def build(self, config: type[T]) -> T:
        """The file as a `config`."""
        return self._table(self.facts, config, ())

    def _table(self, facts: Mapping[str, Any], config: type[T], section: tuple[str, ...]) -> T:
        known = {field.name: field for field in fields(config)}  # type: ignore[arg-type]
        for key in facts:
            if key not in known:
                near = get_close_matches(key, known, 1)
                hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}."
                raise self._error((*section, key), f"is unknown. {hint}")
        hints = get_type_hints(config)
        values = {key: self._value(value, hints[key], (*section, key)) for key, value in facts.items()}
        for name, field in known.items():
            required = field.default is MISSING and field.default_factory is MISSING
            if required and name not in values:
                raise self._error((*section, name), "is missing.")
        try:
            return config(**values)
        except (ValueError, OasisError) as error:
            raise self._error(section, f"cannot be used: {error}") from error

    def _value(self, value: Any, hint: Any, keys: tuple[str, ...]) -> Any:  # noqa: ANN401 - any TOML value
        origin, arguments = get_origin(hint), get_args(hint)
        if origin in (Union, UnionType):
            hint = next(argument for argument in arguments if argument is not NoneType)
            return self._value(value, hint, keys)
        if is_dataclass(hint) and isinstance(hint, type):
            if not isinstance(value, dict):
                raise self._error(keys, f"must be a section, not {value!r}.")
            return self._table(value, hint, keys)
        if origin is Literal:
            if value not in arguments:
                raise self._error(keys, f"is {value!r}; it must be one of {', '.join(map(str, arguments))}.")
            return value
        if origin is tuple:
            if not isinstance(value, list):
                raise self._error(keys, f"must be a list, not {value!r}.")
            kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
            if len(kinds) != len(value):
                raise self._error(keys, f"must have {len(kinds)} values, not {len(value)}.")
            return tuple(self._value(item, kind, keys) for item, kind in zip(value, kinds, strict=True))
        if hint is Path and isinstance(value, str):
            return self.path.parent / Path(value).expanduser()
        if hint is float and type(value) is int:
            return float(value)
        if type(value) is not hint:
            names = {
                str: "text",
                int: "a whole number",
                float: "a number",
                bool: "true or false",
                Path: "a path",
            }
            raise self._error(keys, f"must be {names.get(hint, hint)}, not {value!r}.")
        return value

    def _error(self, keys: tuple[str, ...], what: str) -> RecipeError:
        line = self._line(keys)
        place = f"{self.path}, line {line}" if line else str(self.path)
        return RecipeError(f"{place}: {'.'.join(keys) or 'the recipe'} {what}")

    def _line(self, keys: tuple[str, ...]) -> int:
        """Line of the assignment or the section, 0 when the file has none (defaults, command line)."""
        section: tuple[str, ...] = ()
        for number, line in enumerate(self._text.splitlines(), 1):
            header = re.match(r"\s*\[\[?\s*([\w.\-\" ]+?)\s*\]", line)
            if header:
                section = tuple(part.strip(' "') for part in header[1].split("."))
                if section == keys:
                    return number
            key = re.match(r"\s*([\w.\-\"]+)\s*=", line)
            if key and (*section, *(part.strip('"') for part in key[1].split("."))) == keys:
                return number
        return 0
