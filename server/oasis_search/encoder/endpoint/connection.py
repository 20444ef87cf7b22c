"""A connection to an OpenAI-compatible server that gives away the JSON body, the key and nothing else.

The openai package would add facts about the machine and whatever OPENAI_* variables hold: all headers but
`HEADERS` are taken off before a request leaves. Redirects are not followed, so that text and key reach no
host but the configured one; proxies of the environment are used, except for this machine itself.
"""

import asyncio
import time
from collections.abc import Awaitable, MutableMapping
from typing import TYPE_CHECKING, Any, Protocol

from oasis_search.encoder.endpoint.failures import Failure, LostConnection, Refusal, TimedOut
from oasis_search.encoder.endpoint.options import is_loopback, parse_url
from oasis_search.encoder.endpoint.retry import retry_after_s
from oasis_search.version import __version__

if TYPE_CHECKING:
    import openai

HEADERS = frozenset(
    {"host", "accept", "accept-encoding", "connection", "content-type", "content-length", "user-agent"}
)
"""All that is sent besides the key; names in lower case."""

_NOT_CONNECTED = frozenset(
    {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol"}
)
_TRIMMED = "oasis.trimmed_headers"


class _Request(Protocol):
    @property
    def headers(self) -> MutableMapping[str, str]: ...
    @property
    def extensions(self) -> MutableMapping[str, Any]: ...


class _RawAnswer(Protocol):
    @property
    def content(self) -> bytes: ...


class _Response(Protocol):
    @property
    def request(self) -> _Request: ...


def connect(url: str, key: str, timeout_s: float) -> "openai.AsyncOpenAI":
    """A client for `url`, to be used and closed on one event loop; it retries nothing."""
    import openai

    async def trim_headers(request: _Request) -> None:
        others = [name for name in request.headers if name.lower() not in HEADERS]
        request.extensions[_TRIMMED] = {name: request.headers.pop(name) for name in others}
        request.headers["User-Agent"] = f"oasis-code-search/{__version__}"
        if key:
            request.headers["Authorization"] = f"Bearer {key}"

    host = parse_url(url).hostname or ""
    pattern = f"all://[{host}]" if ":" in host else f"all://{host}"
    return openai.AsyncOpenAI(
        base_url=parse_url(url).geturl(),
        api_key=key or "none",
        timeout=timeout_s,
        max_retries=0,
        http_client=openai.DefaultAsyncHttpxClient(
            follow_redirects=False,
            timeout=timeout_s,
            mounts={pattern: None} if is_loopback(host) else None,
            event_hooks={"request": [trim_headers], "response": [_restore_headers]},
        ),
    )


_LEAST_SECRET = 8
"""Characters. Shorter keys are made up for servers that want any, and occur in good answers by chance."""


async def exchange(request: Awaitable[_RawAnswer], timeout_s: float, key: str) -> bytes | Failure:
    """The body of the answer, the key masked if it is a secret, or why there is none within `timeout_s`."""
    import openai

    try:
        async with asyncio.timeout(timeout_s):
            content = (await request).content
            return content.replace(key.encode(), b"***") if len(key) >= _LEAST_SECRET else content
    except (TimeoutError, openai.APITimeoutError):
        return TimedOut()
    except openai.APIStatusError as error:
        response = error.response
        wait_s = retry_after_s(response.headers, time.time())
        return Refusal(response.status_code, response.text, response.headers.get("location", ""), wait_s)
    except openai.APIConnectionError as error:
        cause = error.__cause__ or error
        return LostConnection(str(cause) or type(cause).__name__, type(cause).__name__ not in _NOT_CONNECTED)


async def _restore_headers(response: _Response) -> None:
    """Once the answer is here: the package reads from its own headers how to hand it over."""
    response.request.headers.update(response.request.extensions[_TRIMMED])
