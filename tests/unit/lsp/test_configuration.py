"""Whose settings count: the user's own file, `initializationOptions`, and what the client answers."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from oasis_search.lsp.client import ClientProfile
from oasis_search.lsp.features import configuration
from oasis_search.lsp.features.configuration import Configuration

if TYPE_CHECKING:
    from oasis_search.lsp.server import OasisServer


class Server:
    """As much of a server as the settings need; `answers` are the client's, None for one that never comes."""

    def __init__(self, options: object, answers: list[object] | None = None) -> None:
        self.client = ClientProfile(options=options, has_configuration=answers is not None)
        self.answers = answers or []
        self.said: list[str] = []

    def on_notification(self, method: str, handler: object) -> None:
        """Nothing is told here."""

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    async def workspace_configuration_async(self, params: object) -> object:
        answer = self.answers.pop(0)
        return answer if answer is not None else await asyncio.Event().wait()


@pytest.fixture
def own_file(own_settings_file: Path) -> Iterator[Path]:
    own_settings_file.write_text('[search]\nmodel = "mini"\nlimit = 7\n', encoding="utf-8")
    yield own_settings_file
    own_settings_file.unlink()


async def _settings(options: object, *answers: object) -> tuple[str, int]:
    server = Server(options, list(answers) if answers else None)
    settings = await Configuration(cast("OasisServer", server)).load()
    assert server.said == []
    return settings.search.model, settings.search.limit


@pytest.mark.usefixtures("own_file")
@pytest.mark.parametrize("nothing", [None, {}, [], {"oasis": None}, {"oasis": []}, {"search": []}])
async def test_an_editor_that_sets_nothing_leaves_the_users_own_file(nothing: object) -> None:
    assert await _settings(nothing) == ("mini", 7)
    assert await _settings(None, [nothing]) == ("mini", 7)


@pytest.mark.parametrize("nothing", [[], {"oasis": []}, {"search": [], "index": []}])
async def test_an_empty_table_of_lua_is_no_mistake(nothing: object) -> None:
    assert await _settings(nothing) == ("static", 20)


@pytest.mark.usefixtures("own_file")
async def test_what_an_editor_sets_counts_before_the_file() -> None:
    assert await _settings({"search": {"limit": 3}}) == ("mini", 3)
    assert await _settings({"search": {"limit": 3}}, [{"search": {"limit": 2}}]) == ("mini", 2)


@pytest.mark.usefixtures("own_file")
async def test_what_an_editor_no_longer_sets_counts_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration, "_TIMEOUT_S", 0.05)
    server = Server(None, [[{"search": {"limit": 3}}], None, [{}]])
    settings = Configuration(cast("OasisServer", server))
    assert (await settings.load()).search.limit == 3
    assert (await settings.load()).search.limit == 3, "no answer is not the answer that nothing is set"
    assert (await settings.load()).search.limit == 7
