"""Parameters of `oasis/search` to a Query; refusals are tested through the real server."""

import pytest

from oasis_search.errors import SettingError
from oasis_search.lsp.features.search import parse_query
from oasis_search.search.query import Filter, Query


def test_all_parameters_are_taken() -> None:
    params = {
        "query": "tax",
        "limit": 7,
        "folder": "file:///ws",
        "languages": ["python"],
        "globs": ["src/**", "!src/old/**"],
        "kinds": ["method", "class"],
    }
    wanted = Filter(frozenset({"python"}), ("src/**", "!src/old/**"), frozenset({"method", "class"}))
    assert parse_query(params, default_limit=20) == Query("tax", 7, wanted)


@pytest.mark.parametrize(("default", "limit"), [(20, 20), (0, 1), (100_000, 200)])
def test_default_limit_is_kept_within_bounds(default: int, limit: int) -> None:
    assert parse_query({"query": "x", "limit": None}, default_limit=default) == Query("x", limit)


def test_only_texts_are_languages() -> None:
    with pytest.raises(SettingError, match='"languages"'):
        parse_query({"query": "x", "languages": [3]}, default_limit=20)
