"""Reading the small JSON files of other people's model folders, with errors that name the file.

Deliberately knows no file by name; what a field means is the business of whoever reads it.
"""

import json
from pathlib import Path
from typing import Any

from oasis_search.errors import ModelFolderError


def read_json(path: Path) -> Any:  # noqa: ANN401 - parsed JSON
    """The content of a JSON file; ModelFolderError when it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise ModelFolderError(f"{path} is missing. Copy or download the whole model folder again.") from None
    except (OSError, ValueError) as error:
        raise ModelFolderError(
            f"{path} cannot be read ({error}). Copy or download the model folder again."
        ) from error


def read_object(path: Path, *, optional: bool = False) -> dict[str, Any]:
    """A JSON file that holds an object; empty when it is `optional` and not there."""
    if optional and not path.is_file():
        return {}
    content = read_json(path)
    if not isinstance(content, dict):
        raise ModelFolderError(f"{path} holds no JSON object. Copy or download the model folder again.")
    return content


def positive_integer(facts: dict[str, Any], key: str, path: Path) -> int:
    """`facts[key]`, which must be a whole number above 0."""
    value = facts.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ModelFolderError(f'{path} must give a number above 0 for "{key}", not {value!r}.')
    return value
