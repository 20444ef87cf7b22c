"""Where what can be computed again is kept: one folder for terminals, editors and agents."""

import os
from pathlib import Path

from platformdirs import user_cache_path

from oasis_search.errors import SettingError

CACHE_VARIABLE = "OASIS_CACHE_DIR"
"""Environment variable that names another folder, unless a setting does."""


def cache_folder(setting: str = "") -> Path:
    """The folder of the setting `cacheDir`, else of `CACHE_VARIABLE`, else the user's for this program.

    Absolute, with `~` replaced; not created. Raises SettingError for a `~` that nobody's home stands for.
    """
    named = setting or os.environ.get(CACHE_VARIABLE)
    if not named:
        return user_cache_path("oasis-code-search", appauthor=False)
    try:
        return Path(named).expanduser().absolute()
    except (RuntimeError, ValueError) as error:
        raise SettingError(
            f'The cache folder "{named}" is not known ({error}). Write it in full, into the setting cacheDir '
            f"or the variable {CACHE_VARIABLE}."
        ) from error
