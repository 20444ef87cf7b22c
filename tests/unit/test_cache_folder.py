"""Terminals, editors and agents have one index, wherever its folder was named."""

from pathlib import Path

import pytest

from oasis_search.cache_folder import cache_folder
from oasis_search.errors import SettingError
from oasis_search.index.store import store_path
from oasis_search.preferences import read_preferences
from oasis_search.settings import parse_settings
from oasis_search.terminal.arguments import read_settings
from oasis_search.workspace.session import Session


@pytest.mark.parametrize(
    ("setting", "variable", "expected"),
    [
        ("~/mine", "", "home/mine"),
        ("", "~/other", "home/other"),
        ("~/mine", "~/other", "home/mine"),
        ("below", "", "working/below"),
    ],
)
def test_terminal_and_server_open_the_same_index(
    setting: str, variable: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "working").mkdir()
    (tmp_path / "settings.toml").write_text(f'cacheDir = "{setting}"\n')
    monkeypatch.chdir(tmp_path / "working")
    monkeypatch.setenv("OASIS_CONFIG", str(tmp_path / "settings.toml"))
    monkeypatch.setenv("OASIS_CACHE_DIR", variable)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    of_server, _ = parse_settings(read_preferences()[0])
    index = store_path(tmp_path / expected)
    assert Session(of_server).store_file == Session(read_settings()).store_file == index
    assert Path(read_settings().cache_dir) == tmp_path / expected
    assert not list((tmp_path / "working").iterdir())


def test_the_folder_is_the_users_when_nothing_names_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OASIS_CACHE_DIR", raising=False)
    assert cache_folder().name == "oasis-code-search"


@pytest.mark.parametrize("name", ["~no-such-user/x", "~\0/x"])
def test_a_home_that_nobody_has_is_named(name: str) -> None:
    with pytest.raises(SettingError, match="cacheDir") as refused:
        cache_folder(name)
    assert name in str(refused.value)
