"""One request over HTTP through the openai package, which is imported here and nowhere else.

What leaves the machine is decided here: the JSON body, and of headers only the few in `HEADERS`. The package
would add facts about the machine and whatever OPENAI_* variables hold; those are taken off. Redirects are not
followed, so that text and key reach no host but the configured one; proxies of the environment are used,
except for this machine itself. Retries, limits and the meaning of an answer's body are not decided here.
"""

import asyncio
import time
from collections.abc import MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from oasis_search.encoder.endpoint.errors import (
    EndpointError,
    explain_lost_connection,
    explain_status,
    explain_timeout,
)
from oasis_search.encoder.endpoint.options import EndpointOptions, is_loopback, parse_url
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


class _Response(Protocol):
    @property
    def request(self) -> _Request: ...


class EndpointClient:
    """Sends texts to one endpoint; to be used and closed on one event loop."""

    def __init__(self, options: EndpointOptions, key: str) -> None:
        import openai

        self._options = options
        self._key = key
        host = parse_url(options.url).hostname or ""
        pattern = f"all://[{host}]" if ":" in host else f"all://{host}"
        self._openai = openai.AsyncOpenAI(
            base_url=parse_url(options.url).geturl(),
            api_key=key or "none",
            timeout=options.timeout_s,
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(
                follow_redirects=False,
                timeout=options.timeout_s,
                mounts={pattern: None} if is_loopback(host) else None,
                event_hooks={"request": [self._trim_headers], "response": [_restore_headers]},
            ),
        )

    async def post(self, texts: Sequence[str]) -> bytes:
        """The body of the answer to one request, the key masked; raises EndpointError for a refusal."""
        import openai

        try:
            async with asyncio.timeout(self._options.timeout_s):
                answer = await self._openai.embeddings.with_raw_response.create(
                    input=list(texts),
                    model=self._options.model,
                    encoding_format="base64",
                    extra_body={"dimensions": self._options.dimensions} if self._options.dimensions else None,
                )
                return answer.content.replace(self._key.encode(), b"***") if self._key else answer.content
        except (TimeoutError, openai.APITimeoutError):
            raise explain_timeout(self._options) from None
        except openai.APIStatusError as error:
            raise self._explain(error) from None
        except openai.APIConnectionError as error:
            cause = error.__cause__ or error
            raise explain_lost_connection(
                self._options,
                str(cause) or type(cause).__name__,
                key=self._key,
                was_connected=type(cause).__name__ not in _NOT_CONNECTED,
            ) from None

    async def close(self) -> None:
        """Close all connections."""
        await self._openai.close()

    def _explain(self, error: "openai.APIStatusError") -> EndpointError:
        response = error.response
        return explain_status(
            self._options,
            response.status_code,
            response.text,
            key=self._key,
            location=response.headers.get("location", ""),
            retry_after_s=retry_after_s(response.headers, time.time()),
        )

    async def _trim_headers(self, request: _Request) -> None:
        others = [name for name in request.headers if name.lower() not in HEADERS]
        request.extensions[_TRIMMED] = {name: request.headers.pop(name) for name in others}
        request.headers["User-Agent"] = f"oasis-code-search/{__version__}"
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"


async def _restore_headers(response: _Response) -> None:
    """Once the answer is here: the package reads from its own headers how to hand it over."""
    response.request.headers.update(response.request.extensions[_TRIMMED])
