"""Settings: from `initializationOptions`, from the client's configuration, and when they change."""

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from oasis_search.lsp.rpc import Refusal
from oasis_search.lsp.values import at
from oasis_search.settings import Settings, parse_settings

if TYPE_CHECKING:
    from oasis_search.lsp.server import OasisServer

log = logging.getLogger(__name__)

SECTION = "oasis"
_EDITOR_KEYS = frozenset({"server", "trace"})
"""Settings of editor extensions that live in the same section and are none of ours."""
_TIMEOUT_S = 2.0
"""A client that announces configuration but does not answer must not keep us from indexing."""


class Configuration:
    """The settings in force. Bad values never stop anything: defaults, and a sentence for the user."""

    def __init__(self, server: "OasisServer") -> None:
        self._server = server
        self._base = _without_nulls(_unwrap(server.client.options))
        self._told: set[str] = set()
        self.settings = Settings()
        server.connection.on_notification("workspace/didChangeConfiguration", self._did_change)

    async def load(self) -> Settings:
        """The settings of this moment."""
        return self._accept(await self._pull() if self._server.client.has_configuration else None)

    async def register(self) -> None:
        """The client tells about changes from now on."""
        if not self._server.client.has_configuration_registration:
            return
        registration = {
            "id": "oasis/configuration",
            "method": "workspace/didChangeConfiguration",
            "registerOptions": {"section": SECTION},
        }
        try:
            await self._server.connection.ask("client/registerCapability", {"registrations": [registration]})
        except Refusal as error:
            log.warning("The client will not tell about changed settings: %s", error)

    def _did_change(self, params: object) -> None:
        self._server.connection.spawn("settings", self._reload(at(params, "settings")))

    async def _reload(self, pushed: object) -> None:
        if self._server.client.has_configuration:
            pushed = await self._pull()
        settings = self._accept(pushed)
        await self._server.engine.control(lambda session: session.set_settings(settings))

    async def _pull(self) -> object:
        request = self._server.connection.ask("workspace/configuration", {"items": [{"section": SECTION}]})
        try:
            values = await asyncio.wait_for(request, _TIMEOUT_S)
        except (Refusal, TimeoutError) as error:
            log.warning("The client did not tell its settings: %s", str(error) or "no answer")
            return None
        return values[0] if isinstance(values, list) and values else None

    def _accept(self, pushed: object) -> Settings:
        self.settings, problems = parse_settings(_merge(self._base, _without_nulls(_unwrap(pushed))))
        for sentence in problems:
            if sentence not in self._told:
                self._told.add(sentence)
                self._server.say(sentence)
        return self.settings


def _unwrap(options: object) -> object:
    """Our settings, whether or not they are wrapped in a section; editors do both."""
    if isinstance(options, Mapping) and isinstance(options.get(SECTION), Mapping):
        options = options[SECTION]
    if isinstance(options, Mapping):
        return {key: value for key, value in options.items() if key not in _EDITOR_KEYS}
    return options


def _without_nulls(options: object) -> object:
    """Editors send null for what is not set."""
    if isinstance(options, Mapping):
        return {key: _without_nulls(value) for key, value in options.items() if value is not None}
    return options


def _merge(base: object, over: object) -> object:
    if over is None:
        return base
    if not isinstance(base, Mapping) or not isinstance(over, Mapping):
        return over
    return {**base, **{key: _merge(base.get(key), value) for key, value in over.items()}}
