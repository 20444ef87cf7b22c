"""Settings: everything works with none set, and a bad value is named, never fatal."""

import dataclasses

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from oasis_search.settings import IndexSettings, SearchSettings, Settings, parse_settings

json_values = st.sampled_from(
    [None, True, False, 0, 7, -7, 0.5, 10**30, "", "x", "~\0", [], ["a", "b"], [1, "a"], {}, {"a": 1}]
)
keys = st.sampled_from(
    [
        "index",
        "search",
        "cacheDir",
        "cache_dir",
        "limit",
        "model",
        "enabled",
        "workers",
        "maxFileKb",
        "exclude",
        "include",
        "watch",
    ]
)


def test_none_set_means_defaults() -> None:
    assert parse_settings(None) == (Settings(), ())
    assert parse_settings({}) == (Settings(), ())


def test_values_are_taken_in_camel_and_snake_case() -> None:
    wanted = Settings(
        IndexSettings(workers=2, max_file_kb=64, exclude=("*.min.js",), watch=False),
        SearchSettings(limit=5),
        cache_dir="/c",
    )
    camel = {
        "index": {"workers": 2, "maxFileKb": 64, "exclude": ["*.min.js"], "watch": False},
        "search": {"limit": 5},
        "cacheDir": "/c",
    }
    snake = {
        "index": {"workers": 2, "max_file_kb": 64, "exclude": ["*.min.js"], "watch": False},
        "search": {"limit": 5},
        "cache_dir": "/c",
    }
    assert parse_settings(camel) == (wanted, ())
    assert parse_settings(snake) == (wanted, ())


def test_a_model_may_lie_in_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("USERPROFILE", "/home/me")
    assert parse_settings({"search": {"model": "~/models/mine"}})[0].search.model == "/home/me/models/mine"
    assert parse_settings({"search": {"model": "owner/name~1"}})[0].search.model == "owner/name~1"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["index"], "list"),
        ({"speed": 1}, '"speed"'),
        ({"index": {"wrokers": 1}}, '"index.wrokers"'),
        ({"index": 3}, '"index"'),
        ({"index": {"workers": -1}}, '"index.workers" is -1'),
        ({"index": {"workers": True}}, '"index.workers" is True'),
        ({"index": {"workers": 1.5}}, '"index.workers" is 1.5'),
        ({"index": {"enabled": "yes"}}, "\"index.enabled\" is 'yes'"),
        ({"index": {"exclude": "*.js"}}, '"index.exclude"'),
        ({"index": {"exclude": [1]}}, '"index.exclude"'),
        ({"search": {"model": 7}}, '"search.model" is 7'),
    ],
)
def test_bad_value_gives_the_default_and_a_sentence(options: object, named: str) -> None:
    settings, (problem,) = parse_settings(options)
    assert settings == Settings()
    assert named in problem
    assert problem.endswith(".")


def test_bad_value_leaves_its_neighbours() -> None:
    settings, problems = parse_settings({"index": {"workers": "two", "watch": False}, "search": {"limit": 3}})
    assert settings == Settings(IndexSettings(watch=False), SearchSettings(limit=3))
    assert len(problems) == 1


# No deadline and no check of speed: other work on the machine is no failure.
@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(keys, st.dictionaries(keys, json_values, max_size=4) | json_values, max_size=4))
def test_any_json_gives_settings_of_the_right_types(options: dict[str, object]) -> None:
    settings, _ = parse_settings(options)
    for group in (settings, settings.index, settings.search):
        for field in dataclasses.fields(group):
            default = getattr(type(group)(), field.name)
            assert type(getattr(group, field.name)) is type(default)
