"""A chat server over real HTTP that answers by its script until it is told how to misbehave."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from oasis_search.encoder.endpoint.retry import Clock
from oasis_train.chat import ChatClient, ChatConfig, ChatRequest
from tests.bad_endpoint import BadEndpoint, Reply, Request, json_reply

Script = Callable[[str], str]
"""From the last message to the reply."""


class ChatServer(BadEndpoint):
    """Answers `/v1/chat/completions`; a word of its counts is a token."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self.script = script

    def good(self, request: Request) -> Reply:
        return json_reply(self.facts(request))

    def facts(self, request: Request) -> dict[str, Any]:
        messages = request.body["messages"]
        return completion(self.script(messages[-1]["content"]), sum(map(words, messages)))

    @property
    def prompts(self) -> list[str]:
        """The last messages of all requests that arrived."""
        return [request.body["messages"][-1]["content"] for request in self.requests]

    def config(self, **settings: object) -> ChatConfig:
        """For this server, without a key."""
        facts: dict[str, Any] = {"url": self.url, "model": "scripted", "key_variable": "", **settings}
        return ChatConfig(**facts)


def completion(text: str | None, n_prompt: int = 10, finish: str = "stop") -> dict[str, Any]:
    """A chat completion as OpenAI words it."""
    return {
        "object": "chat.completion",
        "model": "scripted",
        "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": n_prompt, "completion_tokens": len((text or "").split()) or 1},
    }


def words(message: dict[str, str]) -> int:
    return len(message["content"].split())


@contextmanager
def chat_server(script: Script = lambda text: f"said {text}") -> Iterator[ChatServer]:
    server = ChatServer(script)
    try:
        yield server
    finally:
        server.close()


def ask_all(
    config: ChatConfig, cache: Path, prompts: list[str], clock: Clock | None = None
) -> tuple[list[str], int]:
    """The replies to `prompts`, and how many requests were sent."""
    replies: list[str] = []
    with ChatClient(config, cache, "test", clock=clock, draw=lambda: 1.0) as chat:
        gather_replies(chat, prompts, replies)
        return replies, chat.n_sent


def gather_replies(chat: ChatClient, prompts: list[str], replies: list[str]) -> None:
    """Append each reply as it comes."""

    async def ask(prompt: str) -> str:
        return (await chat.ask(ChatRequest((("user", prompt),)))).text

    with closing(chat.in_order(ask, prompts)) as found:
        for reply in found:
            replies.append(reply)
