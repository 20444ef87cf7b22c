"""A request to a chat model and its answer, as values; pure."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oasis_search.encoder.endpoint.budget import estimate_tokens
from oasis_train.chat.config import ChatConfig
from oasis_train.chat.errors import explain_body

_THOUGHTS = re.compile(r"^\s*<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL)

TOO_LONG = "too long"
"""How a prompt "finishes" that the server refused for its length: recorded for a replay, but asked again
otherwise, since the server may have got a longer context."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What is said to the model."""

    messages: tuple[tuple[str, str], ...]
    """(role, text): `system`, `user` or `assistant`."""
    wants_json: bool = False
    """Have the server hold the answer to the form of a JSON object."""

    @property
    def n_chars(self) -> int:
        """Characters of all messages."""
        return sum(len(text) for _, text in self.messages)

    @property
    def most_tokens(self) -> int:
        """At least as many tokens as a server will usually count for the messages."""
        return estimate_tokens(text for _, text in self.messages) + 8 * len(self.messages)

    def key(self, config: ChatConfig) -> str:
        """Hash of the model, the messages and the sampling parameters; the server's address is no part."""
        facts = json.dumps([config.decisive_facts(), self.messages, self.wants_json], sort_keys=True)
        return hashlib.blake2b(facts.encode("utf-8"), digest_size=16).hexdigest()

    def body(self, config: ChatConfig) -> dict[str, Any]:
        """The JSON to send, without the defaults that some servers do not know."""
        body: dict[str, Any] = {
            "model": config.model,
            "messages": [
                {"role": role, "content": text.encode("utf-8", "replace").decode("utf-8")}
                for role, text in self.messages
            ],
            config.length_parameter: config.max_tokens,
        }
        if config.temperature >= 0:
            body["temperature"] = config.temperature
        if config.top_p < 1:
            body["top_p"] = config.top_p
        if config.seed >= 0:
            body["seed"] = config.seed
        if self.wants_json:
            body["response_format"] = {"type": "json_object"}
        return body


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said."""

    text: str
    """Empty when the model refused or a filter held the answer back."""
    finish: str
    """Why it ended: `stop`, `length`, `content_filter`; `TOO_LONG` where `text` is the server's refusal."""
    prompt_tokens: int
    answer_tokens: int

    @property
    def said(self) -> str:
        """The text without the thoughts that some models put before it."""
        return _THOUGHTS.sub("", self.text).strip()


def parse_answer(body: bytes, request: ChatRequest, config: ChatConfig) -> Answer:
    """The first choice of a chat completion; raises ChatError when the body is none.

    Tokens that the server does not count are estimated: the prompt's from above, the answer's by characters.
    """
    try:
        facts: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise explain_body(config, body, "no JSON") from None
    choices = facts.get("choices") if isinstance(facts, Mapping) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
        raise explain_body(config, body, "no choices")
    message = choices[0].get("message")
    if not isinstance(message, Mapping) or not isinstance(message.get("content"), str | None):
        raise explain_body(config, body, "no message")
    text = (message.get("content") or "").encode("utf-8", "replace").decode("utf-8")
    usage = facts.get("usage") if isinstance(facts.get("usage"), Mapping) else {}
    return Answer(
        text,
        str(choices[0].get("finish_reason") or "stop"),
        _count(usage, "prompt_tokens") or request.most_tokens,
        _count(usage, "completion_tokens") or estimate_tokens([text]),
    )


def _count(usage: Mapping[str, Any], name: str) -> int:
    count = usage.get(name)
    return count if type(count) is int and count > 0 else 0
