"""A dry run: what requests would take, without sending any."""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from oasis_train.chat.cache import ChatCache, Spending
from oasis_train.chat.config import ChatConfig
from oasis_train.chat.request import ChatRequest

CHARS_PER_TOKEN = 3.5
"""Taken for code and English until this model's own answers show better."""

SAMPLE = 20
"""Answers from which on they are better."""


@dataclass(frozen=True, slots=True)
class ChatEstimate:
    """What is still to be sent, and what it would take."""

    requests: int
    """First requests only; replies that cannot be read cause a second one."""
    answered: int
    """How many of them the cache would answer; the rest of the figures leave these out."""
    prompt_tokens: int
    answer_tokens: int
    cost: float
    """In the currency of the configured prices."""
    basis: str
    """How tokens were estimated."""


def estimate_chat(
    config: ChatConfig, cache: Path, purpose: str, requests: Iterable[ChatRequest]
) -> ChatEstimate:
    """Count `requests` and their tokens; `cache` as for ChatClient, it need not exist and is not made."""
    path = config.cache or cache
    if not path.is_file():
        return _estimate(config, None, Spending(), requests)
    with closing(ChatCache(path)) as found:
        return _estimate(config, found, found.spending(purpose, config.model), requests)


def _estimate(
    config: ChatConfig, cache: ChatCache | None, spent: Spending, requests: Iterable[ChatRequest]
) -> ChatEstimate:
    count = answered = n_chars = 0
    for request in requests:
        count += 1
        if cache and cache.get(request.key(config)):
            answered += 1
        else:
            n_chars += request.n_chars
    if spent.requests >= SAMPLE and spent.prompt_chars:
        chars_per_token = spent.prompt_chars / spent.prompt_tokens
        per_answer = spent.answer_tokens / spent.requests
        basis = (
            f"measured on {spent.requests:,} requests: {chars_per_token:.2f} characters per token, "
            f"{per_answer:.0f} tokens per answer"
        )
    else:
        chars_per_token, per_answer = CHARS_PER_TOKEN, float(config.max_tokens)
        basis = f"estimated: {CHARS_PER_TOKEN} characters per token, {config.max_tokens:,} tokens per answer"
    prompt_tokens = round(n_chars / chars_per_token)
    answer_tokens = round((count - answered) * per_answer)
    return ChatEstimate(
        count, answered, prompt_tokens, answer_tokens, config.cost(prompt_tokens, answer_tokens), basis
    )
