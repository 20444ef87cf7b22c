"""What went wrong at an endpoint, in sentences: from HTTP answers and lost connections to errors.

RequestError
└── EndpointError
    └── InputTooLargeError   the server would take a shorter text, or fewer texts at once

Knows nothing of any HTTP library. An error that may pass by itself is marked transient, so that a caller can
go on with its last good tier and try again later; any other needs a person.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from oasis_search.encoder.endpoint.failures import Failure, LostConnection, Refusal, TimedOut
from oasis_search.encoder.endpoint.options import EndpointOptions
from oasis_search.errors import EncoderError, OasisError

TRANSIENT_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
"""Answers after which the same request may succeed: overload, start-up, a proxy without its server."""

MESSAGE_CHARS = 300
"""Of a server's own words this much is repeated."""

KEEP = 0.75
"""Part of a refused text that is sent next when the server does not say how much too long it was."""

_SIZE = re.compile(
    r"too (?:large|long|many|big)|exceed|maximum|at most|(?:must have )?less than|larger than|"
    r"context (?:length|size|window)|batch size|reduce (?:the|your)|input'? is invalid",
    re.IGNORECASE,
)
_SIZE_AT_500 = re.compile(r"too (?:large|long) to|input is too|input .* tokens\) is too", re.IGNORECASE)
_COUNT = re.compile(r"> maximum allowed batch size|array too long|too many|number of inputs", re.IGNORECASE)
QUOTA = re.compile(r"insufficient_quota|exceeded your current quota|billing", re.IGNORECASE)
"""What a server of 429 says when waiting does not help, since the account is empty."""


class RequestError(OasisError):
    """A request to a server gave no usable answer; the message names the URL and the remedy."""

    def __init__(
        self,
        message: str,
        *,
        is_transient: bool = False,
        retry_after_s: float | None = None,
        may_have_cost: bool = False,
    ) -> None:
        super().__init__(message)
        self.is_transient = is_transient
        """Whether the same call may succeed later without anybody's doing."""
        self.retry_after_s = retry_after_s
        """Seconds the server asked to wait, if it did."""
        self.may_have_cost = may_have_cost
        """Whether the server may have computed, and charged for, an answer that never arrived."""


class EndpointError(RequestError, EncoderError):
    """An endpoint gave no usable vectors."""


class InputTooLargeError(EndpointError):
    """The server would take a shorter text, or fewer texts at once."""

    def __init__(self, message: str, *, keep: float = KEEP, counts_texts: bool = False) -> None:
        super().__init__(message)
        self.keep = keep
        """Part of a single text to keep for the next try."""
        self.counts_texts = counts_texts
        """Whether the server minds the number of texts rather than their size."""


def explain(options: EndpointOptions, failure: Failure, *, key: str) -> EndpointError:
    """The error for a request without an answer; `key` is masked wherever the server repeats it."""
    match failure:
        case Refusal():
            return _explain_refusal(options, failure, key)
        case LostConnection():
            return _explain_lost_connection(options, failure, key)
        case TimedOut():
            return EndpointError(
                f"{options.url} did not answer within {options.timeout_s:g} s. It may still be loading "
                f"{options.model!r}; else lower batch or concurrency, or raise timeout_s.",
                is_transient=True,
                may_have_cost=True,
            )


def explain_dim(options: EndpointOptions, dim: int, expected: int) -> EndpointError:
    """The error for vectors of another length than asked for, or than before."""
    answer = f"{options.url} answered vectors of {dim} numbers instead of {expected}."
    if options.dimensions:
        return EndpointError(
            f"{answer} The server or {options.model!r} cannot shorten them: set dimensions to 0 or {dim}."
        )
    return EndpointError(
        f"{answer} Another model was loaded behind the name {options.model!r}. Load the encoder again; "
        "vectors of the two were not mixed."
    )


def explain_stranger(options: EndpointOptions, cosine: float) -> EndpointError:
    """The error for another vector of the control text than on connecting."""
    return EndpointError(
        f"{options.url} computes other vectors for {options.model!r} than when it was connected (cosine "
        f"{cosine:.3f} for the same text). Another model was loaded behind the name, or its vectors depend "
        "on what else is in a request. Load the encoder again; vectors of the two were not mixed."
    )


def quote_server(body: str) -> str:
    """The server's own words, without markup, at most `MESSAGE_CHARS` characters."""
    try:
        words: Any = json.loads(body)
    except ValueError:
        words = body
    for name in ("error", "message", "detail"):
        if isinstance(words, Mapping):
            words = words.get(name, words)
    text = words if isinstance(words, str) else json.dumps(words)
    if re.search(r"<(?:!doctype|html|head|body)\b", text, re.IGNORECASE):
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        text = f"an HTML page, {title.group(1)}" if title else "an HTML page"
    return " ".join(text.split())[:MESSAGE_CHARS]


def describe_answer(url: str, status: int, said: str) -> str:
    """A sentence about an answer that is not 200, with the server's own words if there are any."""
    return f'{url} answered {status}: "{said}".' if said else f"{url} answered {status}."


def quote_reason(lost: LostConnection, key: str) -> str:
    """Why there is no connection, at most `MESSAGE_CHARS` characters, without the key."""
    return mask(" ".join(lost.reason.split())[:MESSAGE_CHARS], key)


def mask(text: str, key: str) -> str:
    """`text` without the key."""
    return text.replace(key, "***") if key else text


def part_to_keep(message: str) -> float:
    """How much of a text to keep, from the two counts in a message such as "600 tokens exceed 512".

    Servers word this in many ways, but all that give counts give the limit and what was sent. 5 % is kept
    off, since a text's tokens are not spread evenly; never more than 9/10 stays, or the next try would cost
    a request for nothing.
    """
    counts = [int(digits.replace(",", "")) for digits in re.findall(r"\d[\d,]*", message)]
    counts = [count for count in counts if count >= 16]
    if len(set(counts)) < 2:
        return KEEP
    return min(max(0.95 * min(counts) / max(counts), 0.1), 0.9)


def _explain_refusal(options: EndpointOptions, refusal: Refusal, key: str) -> EndpointError:
    status, body = refusal.status, refusal.body
    said = mask(quote_server(body), key)
    answer = describe_answer(options.url, status, said)
    if 300 <= status < 400:
        return EndpointError(
            f"{options.url} redirects to {mask(refusal.location, key) or 'nowhere'}. Text and key are sent "
            "to no place that was not configured; set the url to the right one."
        )
    if status == 401:
        return EndpointError(f"{answer} {_key_remedy(options, key)}")
    if status == 403:
        return EndpointError(
            f"{answer} The key in {options.key_variable or 'key_variable'} has no right to model "
            f"{options.model!r}, or the network refuses this address."
        )
    if status in (404, 405):
        return EndpointError(f"{answer} {_path_remedy(options, said)}")
    if status == 413 or (status in (400, 422) and _SIZE.search(body)):
        return InputTooLargeError(
            f"{answer} Lower max_chars or batch, or let the server take longer input.",
            keep=part_to_keep(said),
            counts_texts=_COUNT.search(body) is not None,
        )
    if status == 500 and _SIZE_AT_500.search(body):
        return InputTooLargeError(
            f"{answer} Lower max_chars, or start the server with larger batches (llama.cpp: -b and -ub).",
            keep=part_to_keep(said),
        )
    if status == 429 and QUOTA.search(body):
        return EndpointError(f"{answer} The account has no credit left; top it up or choose another model.")
    if status in TRANSIENT_STATUS:
        remedy = "Lower requests_per_minute or concurrency." if status == 429 else "Look at the server's log."
        return EndpointError(f"{answer} {remedy}", is_transient=True, retry_after_s=refusal.retry_after_s)
    return EndpointError(f"{answer} Check the model, its dimensions and how the server was started.")


def _explain_lost_connection(options: EndpointOptions, lost: LostConnection, key: str) -> EndpointError:
    said = quote_reason(lost, key)
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return EndpointError(
            f"{options.url} shows a certificate that cannot be trusted ({said}). Name its authority's file "
            "in the environment variable SSL_CERT_FILE."
        )
    if lost.was_connected:
        return EndpointError(
            f"{options.url} broke off in the middle of an answer ({said}). Look at the server's log.",
            is_transient=True,
            may_have_cost=True,
        )
    return EndpointError(
        f"{options.url} cannot be reached ({said}). Start the server, or correct the url or the proxy.",
        is_transient=True,
    )


def _key_remedy(options: EndpointOptions, key: str) -> str:
    if key:
        return f"It does not accept the key in the environment variable {options.key_variable}."
    if options.key_variable:
        return (
            f"The environment variable {options.key_variable} is not set: set it before this program starts."
        )
    return "It wants an API key: put it into an environment variable and name that in key_variable."


def _path_remedy(options: EndpointOptions, said: str) -> str:
    if "model" in said.lower():
        return f"Load {options.model!r} in the server (Ollama: ollama pull), or correct the model's name."
    if options.url.rstrip("/").endswith("/v1"):
        return "Check the url and that this server offers embeddings."
    return "Most servers want a url that ends in /v1."
