"""The user's settings file: read without failing, changed without losing a byte that is not ours."""

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from oasis_search.errors import SettingError
from oasis_search.preferences import preferences_path, read_preferences, write_preference
from oasis_search.settings import parse_settings


def parsed(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8-sig"))


def test_variable_names_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OASIS_CONFIG", str(tmp_path / "mine.toml"))
    assert preferences_path() == tmp_path / "mine.toml"
    monkeypatch.delenv("OASIS_CONFIG")
    assert preferences_path().name == "settings.toml"
    assert preferences_path().parent.name == "oasis-code-search"


def test_file_gives_the_tree_that_settings_are_parsed_from(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('cacheDir = "/c"\n[search]\nlimit = 7\nmodel = "m"\n[index]\nmax_file_kb = 9\n')
    tree, problems = read_preferences(path)
    settings, more = parse_settings(tree)
    assert (problems, more) == ((), ())
    assert (settings.cache_dir, settings.search.limit, settings.search.model) == ("/c", 7, "m")
    assert settings.index.max_file_kb == 9


def test_missing_file_means_no_options(tmp_path: Path) -> None:
    assert read_preferences(tmp_path / "none.toml") == ({}, ())
    (tmp_path / "file").touch()
    assert read_preferences(tmp_path / "file" / "below.toml") == ({}, ())


@pytest.mark.parametrize("content", [b"[search", b"\xff\xfe", b"model = static", b"\0"])
def test_bad_file_means_defaults_and_a_sentence_that_names_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(content)
    tree, (problem,) = read_preferences(path)
    assert tree == {}
    assert str(path) in problem
    assert "not TOML" in problem


def test_unreadable_file_means_defaults_and_a_sentence(tmp_path: Path) -> None:
    tree, (problem,) = read_preferences(tmp_path)
    assert tree == {}
    assert "cannot be read" in problem


@pytest.mark.parametrize(
    "before",
    [
        "",
        "# nothing yet",
        "[search]",
        "[search]\nlimit = 5",
        '[search]  # what I like\nmodel = "old" # mine\nlimit = 5\n',
        "[search]\nlimit = 5\nmodel = 'old'\n",
        'search.model = "old"\nsearch.limit = 5\n',
        'search = { model = "old", limit = 5 }\n',
        "search = { limit = 5 }\n",
        '"search"."model" = "old"\n',
        '["search"]\n"model" = "old"\n',
        '[index]\nmodel = "another key of this name"\n[search]\nmodel = "old"\n',
        '[other]\ntext = """\n[search]\nmodel = "in a text"\n"""\n[search]\nlimit = 1\n',
        '# model = "commented out"\n[index]\nexclude = ["a"]\n',
        "[search]\nmodel = 5\n",
        '[search]\nmodel = "with \\"quotes\\" and # and ]"\nlimit = 2\n',
        '\ufeff[search]\nmodel = "old"\n',
        '[search]\r\nmodel = "old"\r\nlimit = 5\r\n',
        "search.limit = 3\n[index]\nworkers = 1\n",
    ],
)
def test_one_value_changes_and_nothing_else(tmp_path: Path, before: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(before.encode())
    expected = tomllib.loads(before.removeprefix("\ufeff"))
    expected.setdefault("search", {})["model"] = "/models/näw one"
    assert write_preference("search", "model", "/models/näw one", path) == path
    assert parsed(path) == expected
    after = path.read_bytes().decode()
    assert after.startswith("\ufeff") == before.startswith("\ufeff")
    assert after.count("\r\n") == (after.count("\n") if "\r\n" in before else 0)
    write_preference("search", "model", "again", path)
    assert parsed(path)["search"]["model"] == "again"


def test_comments_order_and_spacing_stay(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("# top\n\n[search]  # what I like\nmodel  =  'old' # mine\n  limit=5\n\n\n[index] # end")
    write_preference("search", "model", "new", path)
    assert path.read_text() == (
        '# top\n\n[search]  # what I like\nmodel  =  "new" # mine\n  limit=5\n\n\n[index] # end'
    )


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ("[search\nmodel = 1", ("not TOML", "nothing was changed")),
        ("search = 5\n", ('"search" is not a table',)),
        ('[search]\nmodel = """\nlong\n"""\n', ("without touching more", "nothing was changed")),
        ("search = {}\n", ("without touching more",)),
    ],
)
def test_file_that_cannot_be_changed_with_care_stays_as_it_is(
    tmp_path: Path, before: str, words: tuple[str, ...]
) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(before)
    with pytest.raises(SettingError) as refused:
        write_preference("search", "model", "static", path)
    assert path.read_text() == before
    assert os.listdir(tmp_path) == ["settings.toml"]
    for word in (*words, str(path), '[search] model = "static"'):
        assert word in str(refused.value)


@pytest.mark.parametrize("value", ['a"b', "back\\slash", "tab\tline\n", "\x7f", "\u00e9\U0001f600", "'", "#"])
def test_any_text_can_be_a_value(tmp_path: Path, value: str) -> None:
    path = tmp_path / "settings.toml"
    write_preference("search", "model", value, path)
    assert parsed(path) == {"search": {"model": value}}


def test_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="nothing was changed"):
        write_preference("search", "model", "caf\udce9", tmp_path / "settings.toml")
    assert not list(tmp_path.iterdir())


def test_folder_is_made_and_no_scrap_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "settings.toml"
    write_preference("search", "model", "static", path)
    assert [each.name for each in path.parent.iterdir()] == ["settings.toml"]


def test_link_is_written_through_and_the_mode_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "dotfiles.toml"
    target.write_text("# mine\n")
    target.chmod(0o640)
    link = tmp_path / "settings.toml"
    link.symlink_to(target)
    write_preference("search", "model", "static", link)
    assert link.is_symlink()
    assert parsed(target) == {"search": {"model": "static"}}
    assert target.stat().st_mode & 0o777 == 0o640


def test_place_that_cannot_be_written_is_named_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingError, match="OASIS_CONFIG"):
        write_preference("search", "model", "static", tmp_path / "file" / "settings.toml")
