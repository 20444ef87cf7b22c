"""One request to a chat model over HTTP, through the server's own connection, which gives away no header.

Retries and limits are not decided here.
"""

import asyncio
import time
from typing import Any

from oasis_search.encoder.endpoint.connection import connect, is_connected
from oasis_search.encoder.endpoint.retry import retry_after_s
from oasis_train.chat.config import ChatConfig
from oasis_train.chat.errors import explain_lost_connection, explain_status, explain_timeout


class ChatTransport:
    """Connections to one server; to be used and closed on one event loop."""

    def __init__(self, config: ChatConfig, key: str) -> None:
        self._config = config
        self._key = key
        self._openai = connect(config.url, key, config.timeout_s)

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
                was_connected=is_connected(cause),
            ) from None

    async def close(self) -> None:
        """Close all connections."""
        await self._openai.close()
