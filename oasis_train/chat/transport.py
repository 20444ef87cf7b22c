"""One request over HTTP through the openai package, which is imported here and nowhere else in the trainer.

As for embeddings, only the JSON body and the headers of `HEADERS` leave the machine, redirects are not
followed, and proxies are not used for this machine itself. Retries and limits are not decided here.
"""

import asyncio
import time
from collections.abc import MutableMapping
from typing import Any, Protocol

from oasis_search.encoder.endpoint.client import HEADERS
from oasis_search.encoder.endpoint.options import is_loopback, parse_url
from oasis_search.encoder.endpoint.retry import retry_after_s
from oasis_search.version import __version__
from oasis_train.chat.config import ChatConfig
from oasis_train.chat.errors import explain_lost_connection, explain_status, explain_timeout

_NOT_CONNECTED = frozenset(
    {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol"}
)
_TRIMMED = "oasis.trimmed_headers"


class _Request(Protocol):
    @property
    def headers(self) -> MutableMapping[str, str]: ...
    @property
    def extensions(self) -> MutableMapping[str, Any]: ...


class _Response(Protocol):
    @property
    def request(self) -> _Request: ...


class ChatTransport:
    """Connections to one server; to be used and closed on one event loop."""

    def __init__(self, config: ChatConfig, key: str) -> None:
        import openai

        self._config = config
        self._key = key
        url = parse_url(config.url)
        host = url.hostname or ""
        pattern = f"all://[{host}]" if ":" in host else f"all://{host}"
        self._openai = openai.AsyncOpenAI(
            base_url=url.geturl(),
            api_key=key or "none",
            timeout=config.timeout_s,
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(
                follow_redirects=False,
                timeout=config.timeout_s,
                mounts={pattern: None} if is_loopback(host) else None,
                event_hooks={"request": [self._trim_headers], "response": [_restore_headers]},
            ),
        )

    async def post(self, body: dict[str, Any]) -> bytes:
        """The body of the answer, the key masked; raises ChatError for a refusal."""
        import openai

        try:
            async with asyncio.timeout(self._config.timeout_s):
                answer = await self._openai.chat.completions.with_raw_response.create(**body)
                content: bytes = answer.content
                return content.replace(self._key.encode(), b"***") if self._key else content
        except (TimeoutError, openai.APITimeoutError):
            raise explain_timeout(self._config) from None
        except openai.APIStatusError as error:
            raise explain_status(
                self._config,
                error.response.status_code,
                error.response.text,
                key=self._key,
                retry_after_s=retry_after_s(error.response.headers, time.time()),
            ) from None
        except openai.APIConnectionError as error:
            cause = error.__cause__ or error
            raise explain_lost_connection(
                self._config,
                str(cause) or type(cause).__name__,
                key=self._key,
                was_connected=type(cause).__name__ not in _NOT_CONNECTED,
            ) from None

    async def close(self) -> None:
        """Close all connections."""
        await self._openai.close()

    async def _trim_headers(self, request: _Request) -> None:
        others = [name for name in request.headers if name.lower() not in HEADERS]
        request.extensions[_TRIMMED] = {name: request.headers.pop(name) for name in others}
        request.headers["User-Agent"] = f"oasis-code-search/{__version__}"
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"


async def _restore_headers(response: _Response) -> None:
    """Once the answer is here: the package reads from its own headers how to hand it over."""
    response.request.headers.update(response.request.extensions[_TRIMMED])
