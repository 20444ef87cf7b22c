"""What people call languages and kinds."""

import pytest

from oasis_search.errors import SettingError
from oasis_search.search.names import read_kind, read_language
from oasis_search.syntax import KINDS, LANGUAGES


def test_every_language_has_its_own_name_in_any_case() -> None:
    for language in LANGUAGES:
        assert read_language(language.name) == read_language(language.name.upper()) == language


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("C#", "csharp"),
        ("c++", "cpp"),
        ("golang", "go"),
        ("js", "javascript"),
        ("objc", "objective-c"),
        ("rs", "rust"),
        ("Shell", "bash"),
        ("typescriptreact", "tsx"),
    ],
)
def test_languages_are_known_by_what_people_and_editors_call_them(name: str, language: str) -> None:
    assert read_language(name).name == language


def test_what_was_meant_is_guessed_or_all_are_named() -> None:
    with pytest.raises(SettingError, match=r'no language "pyton"\. Did you mean python'):
        read_language("pyton")
    with pytest.raises(SettingError, match=r'no language "qqqq"\. Known are .*python.*rust'):
        read_language("qqqq")


def test_kinds_are_read_in_any_case_and_named_when_there_is_none() -> None:
    assert [read_kind(kind.upper()) for kind in KINDS] == list(KINDS)
    with pytest.raises(SettingError, match=rf'no kind "macro"\. Kinds are {", ".join(KINDS)}'):
        read_kind("macro")
