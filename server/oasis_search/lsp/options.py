"""Settings in the shapes in which editors send them, made one tree that `parse_settings` reads."""

from collections.abc import Mapping

SECTION = "oasis"
_EDITOR_KEYS = frozenset({"server", "trace"})
"""Settings of editor extensions that live in the same section and are none of ours."""


def merge_options(base: object, over: object) -> object:
    """`base` with all that `over` sets."""
    return _merge(_without_nulls(_unwrap(base)), _without_nulls(_unwrap(over)))


def _unwrap(options: object) -> object:
    """Our settings, whether or not they are wrapped in a section; editors do both."""
    if isinstance(options, Mapping) and isinstance(options.get(SECTION), Mapping):
        options = options[SECTION]
    if isinstance(options, Mapping):
        return {key: value for key, value in options.items() if key not in _EDITOR_KEYS}
    return options


def _without_nulls(options: object) -> object:
    """Editors send null for what is not set."""
    if isinstance(options, Mapping):
        return {key: _without_nulls(value) for key, value in options.items() if value is not None}
    return options


def _merge(base: object, over: object) -> object:
    if over is None:
        return base
    if not isinstance(base, Mapping) or not isinstance(over, Mapping):
        return over
    return {**base, **{key: _merge(base.get(key), value) for key, value in over.items()}}
