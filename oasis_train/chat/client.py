"""The one client for all chat calls: cache first, then a request within concurrency, limits and budget.

Work runs on an event loop in a thread of its own; `in_order` gives a synchronous stage the results in the
order of its items while later ones are under way. An answer is recorded before anybody sees it, and equal
requests are sent once, so that what a stage makes does not depend on when it was killed.
"""

import asyncio
import random
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from oasis_search.encoder.endpoint.options import read_key
from oasis_search.encoder.endpoint.rate import RateLimits
from oasis_search.encoder.endpoint.retry import Clock, backoff_s
from oasis_train.chat.budget import ChatBudget
from oasis_train.chat.cache import ChatCache
from oasis_train.chat.config import ChatConfig
from oasis_train.chat.errors import CacheMissError, ChatError, PromptTooLongError
from oasis_train.chat.request import TOO_LONG, Answer, ChatRequest, parse_answer
from oasis_train.chat.transport import ChatTransport

AHEAD = 4
"""Items taken on per request allowed at a time, so that a slow one at the front holds up no other."""

T = TypeVar("T")
R = TypeVar("R")


class ChatClient:
    """A chat model with its cache; a context manager."""

    def __init__(
        self,
        config: ChatConfig,
        cache: Path,
        purpose: str,
        *,
        clock: Clock | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """Use `cache` unless `config` names another; `purpose` separates budgets.

        `clock` and `draw` (0 to 1, for the jitter of back-off) are there for tests.
        """
        config.check()
        self.config = config
        self.n_sent = 0
        """Requests sent by this client, failed ones included."""
        self._purpose = purpose
        self._clock = clock or Clock()
        self._draw = draw
        self._key = "" if config.offline else read_key(config.key_variable)
        self._cache = ChatCache(config.cache or cache)
        self._limits = RateLimits(config.requests_per_minute, config.tokens_per_minute, self._clock)
        self._budget = ChatBudget(config, purpose, self._cache.spending(purpose, config.model))
        self._slots = asyncio.Semaphore(config.concurrency)
        self._under_way: dict[str, asyncio.Future[Answer]] = {}
        self._idle: set[asyncio.Task[Any]] = set()
        self._is_stopping = False
        self._transport: ChatTransport | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"chat {purpose}", daemon=True)
        self._thread.start()

    def __enter__(self) -> "ChatClient":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def in_order(
        self, work: Callable[[T], Coroutine[Any, Any, R]], items: Iterable[T]
    ) -> Generator[R, None, None]:
        """Results of `work`, which may `ask`, in the order of `items`; the first error ends it.

        At most `AHEAD` times the concurrency of items are read ahead. When it ends early, requests that were
        sent are waited for, since they are paid for, and this client sends nothing more; so close it.
        """
        pending: deque[Future[R]] = deque()
        most = AHEAD * self.config.concurrency
        try:
            for item in items:
                pending.append(asyncio.run_coroutine_threadsafe(work(item), self._loop))
                while len(pending) >= most or (pending and pending[0].done()):
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            if pending:
                self._loop.call_soon_threadsafe(self._stop)
                wait(pending)

    async def ask(self, request: ChatRequest) -> Answer:
        """The recorded answer, or one that is recorded now; to be awaited by `work` of `in_order`."""
        key = request.key(self.config)
        known = self._cache.get(key)
        if known and known.finish != TOO_LONG:
            return known
        if key in self._under_way:
            return await asyncio.shield(self._under_way[key])
        if self.config.offline:
            if known:
                raise PromptTooLongError(known.text)
            raise CacheMissError(
                f"{self._cache.path} holds no answer of {self.config.model!r} to the prompt {key}, and "
                "offline = true allows no request. Give the cache of the run to be replayed, with its "
                "prompts and parameters, or set offline = false."
            )
        self._under_way[key] = future = asyncio.get_running_loop().create_future()
        try:
            answer = await self._send_until_answered(key, request)
            future.set_result(answer)
            return answer
        except asyncio.CancelledError:
            future.cancel()
            raise
        except BaseException as error:
            if isinstance(error, PromptTooLongError) and not known:
                self._cache.put_refusal(key, self.config.model, str(error))
            future.set_exception(error)
            future.exception()  # nobody need wait for it
            raise
        finally:
            del self._under_way[key]

    def close(self) -> None:
        """Close connections, thread and cache."""
        if not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._finish(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._cache.close()

    async def _send_until_answered(self, key: str, request: ChatRequest) -> Answer:
        attempt = 1
        while True:
            try:
                return await self._send(key, request)
            except ChatError as error:
                pause_s = max(error.retry_after_s or 0.0, backoff_s(attempt, self._draw()))
                is_last = attempt >= self.config.attempts or pause_s > self.config.patience_s
                if not error.is_transient or is_last:
                    raise
                if error.retry_after_s:
                    self._limits.hold(error.retry_after_s)
            with self._idling():
                await self._clock.sleep(pause_s)
            attempt += 1

    async def _send(self, key: str, request: ChatRequest) -> Answer:
        """One request, once."""
        most = (request.most_tokens, self.config.max_tokens)
        with self._idling():
            await self._slots.acquire()
        try:
            with self._idling():
                await self._limits.acquire(sum(most))
                await self._budget.reserve(*most)
            used = (0, 0)
            try:
                self.n_sent += 1
                try:
                    body = await self._connected().post(request.body(self.config))
                    answer = parse_answer(body, request, self.config)
                except ChatError as error:
                    if error.may_have_cost:
                        used = most
                        self._cache.charge_lost(self._purpose, self.config.model, *most)
                    raise
                used = (answer.prompt_tokens, answer.answer_tokens)
                return self._cache.put(
                    key,
                    answer,
                    purpose=self._purpose,
                    model=self.config.model,
                    prompt_chars=request.n_chars,
                )
            finally:
                self._budget.settle(most, used)
                self._limits.settle(sum(most), sum(used))
        finally:
            self._slots.release()

    def _connected(self) -> ChatTransport:
        if self._transport is None:
            self._transport = ChatTransport(self.config, self._key)
        return self._transport

    @contextmanager
    def _idling(self) -> Iterator[None]:
        """While nothing is sent for a task, it may be ended."""
        if self._is_stopping:
            raise asyncio.CancelledError
        task = asyncio.current_task()
        assert task
        self._idle.add(task)
        try:
            yield
        finally:
            self._idle.discard(task)

    def _stop(self) -> None:
        self._is_stopping = True
        for task in self._idle:
            task.cancel()

    async def _finish(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._transport:
            await self._transport.close()
