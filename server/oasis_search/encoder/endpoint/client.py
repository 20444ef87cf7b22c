"""One request for vectors over HTTP: what is asked, and what a refusal means.

What leaves the machine besides is decided in `connection.py`. Retries, limits and the meaning of an answer's
body are not decided here.
"""

from collections.abc import Sequence

from oasis_search.encoder.endpoint.connection import connect, exchange
from oasis_search.encoder.endpoint.errors import explain
from oasis_search.encoder.endpoint.options import EndpointOptions


class EndpointClient:
    """Sends texts to one endpoint; to be used and closed on one event loop."""

    def __init__(self, options: EndpointOptions, key: str) -> None:
        self._options = options
        self._key = key
        self._openai = connect(options.url, key, options.timeout_s)

    async def post(self, texts: Sequence[str]) -> bytes:
        """The body of the answer to one request, the key masked; raises EndpointError for a refusal."""
        request = self._openai.embeddings.with_raw_response.create(
            input=list(texts),
            model=self._options.model,
            encoding_format="base64",
            extra_body={"dimensions": self._options.dimensions} if self._options.dimensions else None,
        )
        answer = await exchange(request, self._options.timeout_s, self._key)
        if isinstance(answer, bytes):
            return answer
        raise explain(self._options, answer, key=self._key)

    async def close(self) -> None:
        """Close all connections."""
        await self._openai.close()
