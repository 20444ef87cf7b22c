"""What goes wrong with a chat model, in sentences that name the server, the file or the setting.

ReplyError
├── ChatError            a server gave no usable answer
│   └── PromptTooLongError   it would answer a shorter prompt
├── BudgetError          the next request could pass the budget
└── CacheMissError       an answer that is not recorded was asked for offline
"""

import re

from oasis_search.encoder.endpoint.errors import (
    QUOTA,
    TRANSIENT_STATUS,
    RequestError,
    describe_answer,
    mask,
    quote_reason,
    quote_server,
)
from oasis_search.encoder.endpoint.failures import Failure, LostConnection, Refusal, TimedOut
from oasis_train.chat.config import ChatConfig
from oasis_train.errors import ReplyError

_TOO_LONG = re.compile(
    r"context (?:length|size|window)|context_length|too long|too large|maximum (?:model|prompt|input)|"
    r"exceed[a-z]* .{0,40}(?:context|length|tokens)|reduce the length",
    re.IGNORECASE,
)


class ChatError(RequestError, ReplyError):
    """A server gave no usable answer."""


class PromptTooLongError(ChatError):
    """The server would answer a shorter prompt."""


class BudgetError(ReplyError):
    """The next request could pass the budget."""


class CacheMissError(ReplyError):
    """An answer that is not recorded was asked for offline."""


def explain(config: ChatConfig, failure: Failure, *, key: str) -> ChatError:
    """The error for a request without an answer; `key` is masked wherever the server repeats it."""
    match failure:
        case Refusal():
            return _explain_refusal(config, failure, key)
        case LostConnection():
            return _explain_lost_connection(config, failure, key)
        case TimedOut():
            return ChatError(
                f"{config.url} did not answer within {config.timeout_s:g} s. Lower concurrency or "
                "max_tokens, or raise timeout_s.",
                is_transient=True,
                may_have_cost=True,
            )


def explain_body(config: ChatConfig, body: bytes, lack: str) -> ChatError:
    """The error for an answer of status 200 that is no chat completion."""
    said = quote_server(body[:100_000].decode("utf-8", "replace"))[:120]
    return ChatError(
        f'{config.url} answered something with {lack}: "{said}". Check that the url ends in /v1 and that no '
        "proxy or login page stands in between.",
        is_transient=True,
        may_have_cost=True,
    )


def _explain_refusal(config: ChatConfig, refusal: Refusal, key: str) -> ChatError:
    status, body = refusal.status, refusal.body
    answer = describe_answer(config.url, status, mask(quote_server(body), key))
    if 300 <= status < 400:
        return ChatError(f"{answer} Redirects are not followed; set the url to where the server is.")
    if status in (401, 403):
        where = f"the environment variable {config.key_variable}" if config.key_variable else "no variable"
        state = "holds a key that it does not accept" if key else "holds no key; set it"
        return ChatError(f"{answer} The key is read from {where}, which {state}.")
    if status in (404, 405):
        return ChatError(f"{answer} Check the model {config.model!r}, and that the url ends in /v1.")
    if status in (400, 413, 422, 500) and _TOO_LONG.search(body):
        return PromptTooLongError(
            f"{answer} Lower the number of characters of the prompt, or give the server a longer context."
        )
    if status == 429 and QUOTA.search(body):
        return ChatError(f"{answer} The account has no credit left; top it up. Answers so far are kept.")
    if status in TRANSIENT_STATUS:
        remedy = "Lower concurrency or requests_per_minute." if status == 429 else "Look at the server's log."
        return ChatError(f"{answer} {remedy}", is_transient=True, retry_after_s=refusal.retry_after_s)
    return ChatError(f"{answer} Check the model and its parameters (length_parameter, temperature, seed).")


def _explain_lost_connection(config: ChatConfig, lost: LostConnection, key: str) -> ChatError:
    said = quote_reason(lost, key)
    if lost.was_connected:
        message = f"{config.url} broke off in the middle of an answer ({said}). Look at the server's log."
    else:
        message = f"{config.url} cannot be reached ({said}). Start the server, or correct the url."
    return ChatError(message, is_transient=True, may_have_cost=lost.was_connected)
