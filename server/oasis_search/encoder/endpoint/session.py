"""Many texts through one endpoint: batches, concurrency, retries, limits, and the check of who answers.

Lives on one event loop. A text is only ever cut by what the server says of that very text, never by what it
said of others, so that a vector does not depend on the history of the session.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from oasis_search.encoder.endpoint.answer import Answer, parse_answer
from oasis_search.encoder.endpoint.budget import TokenBudget, estimate_tokens
from oasis_search.encoder.endpoint.client import EndpointClient
from oasis_search.encoder.endpoint.errors import (
    EndpointError,
    InputTooLargeError,
    explain_dim,
    explain_stranger,
)
from oasis_search.encoder.endpoint.identity import CONTROL, PROBES, SAME, similarity
from oasis_search.encoder.endpoint.options import MIN_CHARS, EndpointOptions
from oasis_search.encoder.endpoint.rate import RateLimits
from oasis_search.encoder.endpoint.retry import PATIENCE_S, Clock, backoff_s
from oasis_search.encoder.protocol import Vectors


class EndpointSession:
    """One connection to one model; `connect` first, then `embed`."""

    def __init__(
        self, client: EndpointClient, options: EndpointOptions, clock: Clock, draw: Callable[[], float]
    ) -> None:
        """`draw` gives random numbers from 0 to 1 for the jitter of back-off."""
        self.budget = TokenBudget(options.token_budget, options.url)
        self._client = client
        self._options = options
        self._clock = clock
        self._draw = draw
        self._limits = RateLimits(options.requests_per_minute, options.tokens_per_minute, clock)
        self._slots = asyncio.Semaphore(options.concurrency)
        self._batch = options.batch
        self._batch_chars = options.batch_chars
        self._dim = options.dimensions
        self._control: Vectors | None = None
        self._stranger_cosine: float | None = None

    async def connect(self) -> Vectors:
        """(len(PROBES), dim): the vectors of `PROBES`, by which the model is known from here on."""
        vectors = await self.embed(PROBES)
        self._dim = vectors.shape[1]
        if self._batch > 1:  # a server that takes one text at a time has no room for a control
            self._control = vectors[:1]
        return vectors

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """(len(texts), dim) unit vectors of texts that are not blank; the first EndpointError stops all."""
        batches = self._batches(texts)
        found: dict[int, Vectors] = {}

        async def work() -> None:
            for start, end in batches:
                found[start], _ = await self._embed_batch(texts[start:end])

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._options.concurrency, len(texts))):
                    group.create_task(work())
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return np.concatenate([found[start] for start in sorted(found)])

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[int, int]]:
        """Start and end of consecutive runs, cut as late as possible by the limits known by then."""
        start = 0
        while start < len(texts):
            end, n_chars = start + 1, len(texts[start])
            most = self._batch - (self._control is not None)
            while end < len(texts) and end - start < most:
                n_chars += len(texts[end])
                if n_chars > self._batch_chars:
                    break
                end += 1
            yield start, end
            start = end

    async def _embed_batch(self, texts: Sequence[str]) -> tuple[Vectors, bool]:
        """The vectors, and whether the server took the texts as they were, at the first go."""
        try:
            return await self._verified(texts), True
        except InputTooLargeError as refusal:
            if len(texts) == 1:
                if len(texts[0]) <= MIN_CHARS:
                    raise
                shorter = texts[0][: max(MIN_CHARS, int(len(texts[0]) * refusal.keep))]
                vectors, _ = await self._embed_batch([shorter])
                return vectors, False
            half = (len(texts) + 1) // 2
            first, is_first_taken = await self._embed_batch(texts[:half])
            second, is_second_taken = await self._embed_batch(texts[half:])
            if is_first_taken and is_second_taken:  # else a single text was at fault, not the batch
                self._learn(texts, half, refusal)
            return np.concatenate([first, second]), False

    def _learn(self, texts: Sequence[str], half: int, refusal: InputTooLargeError) -> None:
        if refusal.counts_texts:
            self._batch = min(self._batch, half + (self._control is not None))
        else:
            larger = max(sum(map(len, texts[:half])), sum(map(len, texts[half:])))
            self._batch_chars = min(self._batch_chars, larger)

    async def _verified(self, texts: Sequence[str]) -> Vectors:
        """The vectors of one request, whose control text shows that the known model computed them."""
        if self._control is None:
            return await self._request(texts)
        if self._stranger_cosine is None:
            vectors = await self._request([*texts, CONTROL])
            cosine = similarity(vectors[-1:], self._control)
            if cosine >= SAME:
                return vectors[:-1]
            self._stranger_cosine = cosine
        raise explain_stranger(self._options, self._stranger_cosine)

    async def _request(self, texts: Sequence[str]) -> Vectors:
        """One request, sent again while its failure may pass."""
        attempt = 1
        while True:
            try:
                return self._check_dim((await self._send(texts)).vectors)
            except EndpointError as error:
                pause_s = max(error.retry_after_s or 0.0, backoff_s(attempt, self._draw()))
                if not error.is_transient or attempt >= self._options.attempts or pause_s > PATIENCE_S:
                    raise
                if error.retry_after_s:
                    self._limits.hold(error.retry_after_s)
            await self._clock.sleep(pause_s)
            attempt += 1

    async def _send(self, texts: Sequence[str]) -> Answer:
        """One request, once, within limits and budget."""
        estimate = estimate_tokens(texts)
        async with self._slots:
            await self._limits.acquire(estimate)
            self.budget.reserve(estimate)
            n_tokens = estimate  # stays when cancelled, or when vectors are refused: they were computed
            try:
                try:
                    body = await self._client.post(texts)
                except EndpointError as error:
                    n_tokens = estimate if error.may_have_cost else 0
                    raise
                answer = parse_answer(body, len(texts), self._options.url)
                n_tokens = answer.n_tokens or estimate
                return answer
            finally:
                self.budget.settle(estimate, n_tokens)
                self._limits.settle(estimate, n_tokens)

    def _check_dim(self, vectors: Vectors) -> Vectors:
        dim = vectors.shape[1]
        if self._dim and dim != self._dim:
            raise explain_dim(self._options, dim, self._dim)
        return vectors
