"""No test reads or writes the settings of whoever runs it."""

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_settings_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the settings file of these tests would be; there is none."""
    path = tmp_path_factory.mktemp("config") / "settings.toml"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OASIS_CONFIG", str(path))
        yield path
