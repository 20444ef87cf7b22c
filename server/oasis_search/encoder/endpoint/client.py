"""One request for vectors over HTTP: what is asked, and what a refusal means.

What leaves the machine besides is decided in `connection.py`. Retries, limits and the meaning of an answer's
body are not decided here.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from oasis_search.encoder.endpoint.connection import connect, is_connected
from oasis_search.encoder.endpoint.errors import (
    EndpointError,
    explain_lost_connection,
    explain_status,
    explain_timeout,
)
from oasis_search.encoder.endpoint.options import EndpointOptions
from oasis_search.encoder.endpoint.retry import retry_after_s

if TYPE_CHECKING:
    import openai


class EndpointClient:
    """Sends texts to one endpoint; to be used and closed on one event loop."""

    def __init__(self, options: EndpointOptions, key: str) -> None:
        self._options = options
        self._key = key
        self._openai = connect(options.url, key, options.timeout_s)

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
                was_connected=is_connected(cause),
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
