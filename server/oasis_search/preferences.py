"""The user's own settings file: one TOML file that the terminal and every editor's server read.

The keys are those of `settings.py`, in camelCase or snake_case. Defaults give way to this file, this file to
what an editor sends, and that to the command line. Reading never fails. Writing changes one value, keeps
every other byte (comments too), and is checked before it happens: the new text must mean the old settings
with that one change, else the file stays as it was.
"""

import codecs
import contextlib
import copy
import json
import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from oasis_search.errors import SettingError

CONFIG_VARIABLE = "OASIS_CONFIG"
"""Names another file than the one in the user's configuration folder."""

FILE_NAME = "settings.toml"


def preferences_path() -> Path:
    """Where the file is or would be; nothing is created."""
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    return user_config_path("oasis-code-search", appauthor=False) / FILE_NAME


def read_preferences(path: Path | None = None) -> tuple[Mapping[str, object], tuple[str, ...]]:
    """The tree of options in the file, and a sentence for each thing wrong with it.

    A file that is missing means no options; one that cannot be read or parsed too, with a sentence.
    """
    path = path or preferences_path()
    try:
        return _parse(path.read_bytes()), ()
    except (FileNotFoundError, NotADirectoryError):
        return {}, ()
    except OSError as error:
        why = error.strerror or str(error)
        return {}, (f"Your settings file {path} cannot be read ({why}); defaults are used.",)
    except ValueError as error:
        return {}, (f"Your settings file {path} is not TOML ({error}); defaults are used.",)


def write_preference(section: str, key: str, value: str, path: Path | None = None) -> Path:
    """Sets `section.key` in the file, whole or not at all, and gives its path.

    Raises SettingError, and changes nothing, when the file cannot be read, is not TOML, or is written in a
    way in which this value cannot be changed without touching another.
    """
    path = Path(os.path.realpath(path or preferences_path()))  # Where a link leads stays where it is.
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raw = b""
    except OSError as error:
        raise _cannot("read", path, error) from error
    remedy = f"Mend the file, or write this into it by hand: [{section}] {key} = {_toml_string(value)}"
    try:
        wanted = copy.deepcopy(_parse(raw))
        text = raw.removeprefix(codecs.BOM_UTF8).decode()
    except ValueError as error:
        raise SettingError(
            f"Your settings file {path} is not TOML ({error}), so nothing was changed. {remedy}"
        ) from error
    if not isinstance(wanted.setdefault(section, {}), dict):
        raise SettingError(f'In your settings file {path}, "{section}" is not a table. {remedy}')
    wanted[section][key] = value
    for candidate in _candidates(text, section, key, _toml_string(value)):
        with contextlib.suppress(ValueError):
            new = raw[: len(raw) - len(text.encode())] + candidate.encode()
            if _parse(new) == wanted:
                _replace(path, new)
                return path
    raise SettingError(
        f"{value!r} could not be written into your settings file {path} without touching more of it, so "
        f"nothing was changed. {remedy}"
    )


def _parse(raw: bytes) -> dict[str, Any]:
    """Raises ValueError for what is neither UTF-8 nor TOML."""
    return tomllib.loads(raw.removeprefix(codecs.BOM_UTF8).decode())


def _candidates(text: str, section: str, key: str, value: str) -> Iterator[str]:
    """Texts that may be the file with the one change; the caller checks what they mean.

    First the old value wherever the key stands, then a new line below the section's head, then a new section.
    """
    line_end = "\r\n" if "\r\n" in text else "\n"
    old = re.compile(
        rf"(\b{re.escape(key)}[\"']?[ \t]*=[ \t]*)(\"[^\n]*?(?<!\\)\"|'[^'\n]*'|[^\s\"'\[{{,}}#]+)"
    )
    for found in old.finditer(text):
        yield text[: found.start()] + found[1] + value + text[found.end() :]
    head = re.compile(
        rf"^[ \t]*\[[ \t]*[\"']?{re.escape(section)}[\"']?[ \t]*\][^\n]*(?:\n|\Z)", re.MULTILINE
    )
    for found in head.finditer(text):
        above = text[: found.end()]
        above += "" if above.endswith("\n") else line_end
        yield f"{above}{key} = {value}{line_end}{text[found.end() :]}"
    for found in re.finditer(rf"\b{section}[\"']?[ \t]*=[ \t]*{{", text):
        yield f"{text[: found.end()]} {key} = {value},{text[found.end() :]}"
    above = text if not text or text.endswith("\n") else text + line_end
    yield f"{above}{line_end if above else ''}[{section}]{line_end}{key} = {value}{line_end}"
    yield f"{section}.{key} = {value}{line_end}{text}"


def _toml_string(value: str) -> str:
    """A basic string of TOML: JSON's escapes are among its own, but DEL must be escaped too."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def _replace(path: Path, content: bytes) -> None:
    """The file has `content`, or is as it was."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if path.exists():
                shutil.copymode(path, name)
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise _cannot("written", path, error) from error


def _cannot(what: str, path: Path, error: OSError) -> SettingError:
    return SettingError(
        f"Your settings file {path} cannot be {what} ({error.strerror or error}). Check its permissions, or "
        f"name another file in the variable {CONFIG_VARIABLE}."
    )
