"""Every setting, once: one tree of frozen dataclasses with a docstring under each field.

The README table, `--help` and the editors' settings pages are generated from here. Everything works with
none set. Parsing never fails: a bad value gives the default and a sentence that names it.
"""

import dataclasses
import os
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """What is indexed and how hard the machine works for it."""

    enabled: bool = True
    """Index the folders that an editor opens; off leaves its server idle."""
    workers: int = 0
    """Processes that read and cut files; 0 chooses by the number of cores (at most 4)."""
    max_file_kb: int = 2048
    """Files over this many kilobytes are skipped and counted."""
    exclude: tuple[str, ...] = ()
    """Extra patterns to leave out, in gitignore syntax."""
    include: tuple[str, ...] = ()
    """Patterns to index even when an ignore rule leaves them out, in gitignore syntax."""
    watch: bool = True
    """Watch the folders for changes when the editor does not."""


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How questions are answered."""

    limit: int = 20
    """Hits in an answer when the request does not say."""
    model: str = "static"
    """Encoder: a shipped model's name, a model folder, a hub name that was downloaded, or `endpoint`."""


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """How the chosen model runs, when it is more than a table: in a process of its own, at low priority."""

    device: str = "auto"
    """Where torch computes: auto, cpu, cuda, cuda:1, mps."""
    threads: int = 0
    """Cores it may use; 0 chooses a quarter of them, at least 2 and at most 8."""
    dimensions: int = 0
    """Numbers kept of each vector, for models trained so (Matryoshka); 0 keeps all."""
    idle_minutes: int = 10
    """Minutes without work after which its process ends and gives back its memory; 0 for never."""


@dataclass(frozen=True, slots=True)
class EditorSettings:
    """What is shown in the text itself."""

    lenses: bool = False
    """Show above every function how many others are like it (code lenses)."""
    duplicates: bool = False
    """Mark functions that have copies elsewhere with a hint (pull diagnostics)."""


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """An OpenAI-compatible server that computes vectors; used only when `search.model` is `endpoint`."""

    url: str = ""
    """Base URL with its version, such as http://127.0.0.1:8080/v1; your code is sent there."""
    model: str = ""
    """Name of the model, as the server knows it."""
    key_variable: str = ""
    """Environment variable that holds the API key; empty sends none."""
    query_prompt: str = ""
    """Text put before every question."""
    code_prompt: str = ""
    """Text put before every piece of code."""
    dimensions: int = 0
    """Length of vectors to ask for; 0 leaves it to the model."""
    max_chars: int = 20_000
    """Longer texts are cut on the right."""
    batch: int = 32
    """Texts in one request at most."""
    concurrency: int = 4
    """Requests under way at the same time at most."""
    timeout_s: int = 60
    """Seconds for one request."""
    requests_per_minute: int = 0
    """Requests sent per minute at most; 0 for no limit."""
    tokens_per_minute: int = 0
    """Tokens sent per minute at most; 0 for no limit."""
    token_budget: int = 0
    """Tokens that may be used until the server's process ends; 0 for no limit."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings."""

    index: IndexSettings = field(default_factory=IndexSettings)
    search: SearchSettings = field(default_factory=SearchSettings)
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    editor: EditorSettings = field(default_factory=EditorSettings)
    endpoint: EndpointSettings = field(default_factory=EndpointSettings)
    cache_dir: str = ""
    """Where the index lives; empty means what OASIS_CACHE_DIR names, else the user's cache folder."""


def parse_settings(options: object) -> tuple[Settings, tuple[str, ...]]:
    """Settings from an editor's JSON, and a sentence for every value that was not usable.

    Keys are camelCase or snake_case, and `~` before a model's folder is the user's home. An unknown key, a
    wrong type or a negative number is named and ignored.
    """
    problems: list[str] = []
    if options is None:
        return Settings(), ()
    if not isinstance(options, Mapping):
        return Settings(), (f"The options are {type(options).__name__}, not an object; defaults are used.",)
    settings = _build(Settings, options, "", problems)
    search = dataclasses.replace(settings.search, model=_with_home(settings.search.model))
    return dataclasses.replace(settings, search=search), tuple(problems)


def _build(kind: type[_T], options: Mapping[str, object], prefix: str, problems: list[str]) -> _T:
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(kind)
    values: dict[str, object] = {}
    for raw, value in options.items():
        key = "".join("_" + c.lower() if c.isupper() else c for c in str(raw))
        if key not in fields:
            problems.append(f'Unknown option "{prefix}{raw}" is ignored.')
            continue
        hint = hints[key]
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            if isinstance(value, Mapping):
                values[key] = _build(hint, value, f"{prefix}{raw}.", problems)
            elif value not in (None, []):  # as editors in Lua write an empty object
                problems.append(f'Option "{prefix}{raw}" must be an object; its defaults are used.')
            continue
        parsed = _parse_value(hint, value)
        if parsed is None:
            expected = _describe(hint)
            problems.append(f'Option "{prefix}{raw}" is {value!r}, not {expected}; its default is used.')
        else:
            values[key] = parsed
    return kind(**values)


def _with_home(name: str) -> str:
    """A shell replaces the `~` of an argument; nobody does it in a settings file."""
    try:
        return os.path.expanduser(name)
    except ValueError:  # It holds a NUL: no model is called so, and whoever loads it says that.
        return name


def _parse_value(hint: object, value: object) -> object | None:
    if hint is bool:
        return value if isinstance(value, bool) else None
    if hint is int:
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
    if hint is str:
        return value if isinstance(value, str) else None
    if isinstance(hint, types.GenericAlias):
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            return tuple(value)
        return None
    raise AssertionError(f"no parser for settings of type {hint}")


def _describe(hint: object) -> str:
    if hint is bool:
        return "true or false"
    if hint is int:
        return "a whole number of 0 or more"
    return "a text" if hint is str else "a list of texts"
