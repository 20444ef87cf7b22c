"""One request to a chat model over HTTP, through the server's own connection, which gives away no header.

Retries and limits are not decided here.
"""

from typing import Any

from oasis_search.encoder.endpoint.connection import connect, exchange
from oasis_train.chat.config import ChatConfig
from oasis_train.chat.errors import explain


class ChatTransport:
    """Connections to one server; to be used and closed on one event loop."""

    def __init__(self, config: ChatConfig, key: str) -> None:
        self._config = config
        self._key = key
        self._openai = connect(config.url, key, config.timeout_s)

    async def post(self, body: dict[str, Any]) -> bytes:
        """The body of the answer, the key masked; raises ChatError for a refusal."""
        request = self._openai.chat.completions.with_raw_response.create(**body)
        answer = await exchange(request, self._config.timeout_s, self._key)
        if isinstance(answer, bytes):
            return answer
        raise explain(self._config, answer, key=self._key)

    async def close(self) -> None:
        """Close all connections."""
        await self._openai.close()
