"""Where what can be computed again is kept, when no setting says so."""

import os
from pathlib import Path

from platformdirs import user_cache_path

CACHE_VARIABLE = "OASIS_CACHE_DIR"
"""Environment variable that names another folder."""


def default_cache_folder() -> Path:
    """The folder of `CACHE_VARIABLE`, else the user's cache folder for this program; not created."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named).expanduser() if named else user_cache_path("oasis-code-search", appauthor=False)
