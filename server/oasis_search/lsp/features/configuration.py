"""Settings: from `initializationOptions`, from the client's configuration, and when they change."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from oasis_search.preferences import read_preferences
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
        self._own: Mapping[str, object] = {}
        self._pulled: object = None
        """What the client answered last: a later answer that does not come changes nothing."""
        self._told: set[str] = set()
        self.settings = Settings()
        server.on_notification(types.WORKSPACE_DID_CHANGE_CONFIGURATION, self._did_change)

    async def load(self) -> Settings:
        """The settings of this moment."""
        await self._read_own_file()
        return self._accept(await self._pull() if self._server.client.has_configuration else None)

    async def register(self) -> None:
        """The client tells about changes from now on."""
        if not self._server.client.has_configuration_registration:
            return
        registration = types.Registration(
            id="oasis/configuration",
            method=types.WORKSPACE_DID_CHANGE_CONFIGURATION,
            register_options=types.DidChangeConfigurationRegistrationOptions(section=SECTION),
        )
        try:
            await self._server.client_register_capability_async(types.RegistrationParams([registration]))
        except JsonRpcException as error:
            log.warning("The client will not tell about changed settings: %s", error)

    def _did_change(self, params: types.DidChangeConfigurationParams) -> None:
        self._server.spawn("settings", self._reload(params.settings))

    async def _reload(self, pushed: object) -> None:
        await self._read_own_file()
        if self._server.client.has_configuration:
            pushed = await self._pull()
        settings = self._accept(pushed)
        await self._server.engine.control(lambda session: session.set_settings(settings))
        for root in self._server.folders.roots:
            await self._server.watching.watch(root)

    async def _read_own_file(self) -> None:
        """The user's own settings, which hold wherever the editor says nothing else."""
        self._own, problems = await asyncio.to_thread(read_preferences)
        self._tell(problems)

    async def _pull(self) -> object:
        items = [types.ConfigurationItem(section=SECTION)]
        request = self._server.workspace_configuration_async(types.ConfigurationParams(items=items))
        try:
            values = await asyncio.wait_for(request, _TIMEOUT_S)
        except (JsonRpcException, TimeoutError) as error:
            log.warning("The client did not tell its settings: %s", str(error) or "no answer")
            return self._pulled
        self._pulled = values[0] if isinstance(values, list | tuple) and values else None
        return self._pulled

    def _accept(self, pushed: object) -> Settings:
        options = _merge(_merge(self._own, self._base), _without_nulls(_unwrap(pushed)))
        self.settings, problems = parse_settings(options)
        self._tell(problems)
        return self.settings

    def _tell(self, problems: Iterable[str]) -> None:
        for sentence in problems:
            if sentence not in self._told:
                self._told.add(sentence)
                self._server.say(sentence)


def _unwrap(options: object) -> object:
    """Our settings, whether or not they are wrapped in a section; editors do both."""
    if isinstance(options, Mapping) and SECTION in options:
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
    if over is None or (over == [] and isinstance(base, Mapping)):
        return base  # an empty table of Lua arrives as a list
    if not isinstance(base, Mapping) or not isinstance(over, Mapping):
        return over
    return {**base, **{key: _merge(base.get(key), value) for key, value in over.items()}}
