"""How a recipe names a chat model, and the limits to keep; checked before anything is sent.

There is no default URL: nothing leaves the machine unless one is given. The API key is no setting: the
configuration names the environment variable that holds it, so that it is in no recipe, log or manifest.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oasis_search.encoder.endpoint.options import parse_url
from oasis_search.errors import SettingError
from oasis_train.errors import RecipeError

CACHE_NAME = "chat-cache.sqlite"
"""Name of the cache in a run's folder, beside the folders of the stages."""

_DECISIVE = ("model", "temperature", "top_p", "max_tokens", "seed")


@dataclass(frozen=True, slots=True)
class ChatConfig:
    """One OpenAI-compatible chat model; 0 means without limit."""

    url: str = ""
    """Base URL up to and with the version, such as `http://127.0.0.1:8080/v1`; not needed offline."""
    model: str = ""
    """Name of the model, as the server knows it."""
    key_variable: str = "OPENAI_API_KEY"
    """Environment variable that holds the API key; none is sent when it is not set."""
    temperature: float = 0.0
    """Of sampling; below 0 it is not sent, for models that take none. The paper's is not published."""
    top_p: float = 1.0
    """Of sampling; 1 is not sent."""
    max_tokens: int = 1_024
    """Tokens of an answer at most."""
    seed: int = 3407
    """Of the server's sampling; below 0 it is not sent."""
    length_parameter: str = "max_tokens"
    """What the server calls that limit: `max_tokens`, or `max_completion_tokens` as OpenAI's newer models."""
    concurrency: int = 8
    """Requests under way at the same time at most."""
    timeout_s: float = 120.0
    """Seconds for one request as a whole."""
    attempts: int = 8
    """Times a request is sent before its failure ends the stage."""
    patience_s: float = 600.0
    """A server that asks for a longer pause is reported instead of waited for."""
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    token_budget: int = 0
    """Tokens, prompts and answers, that a run's folder may use for one purpose, earlier starts included."""
    cost_budget: float = 0.0
    """The same in the currency of the prices."""
    prompt_price: float = 0.0
    """Per million tokens of prompts."""
    answer_price: float = 0.0
    """Per million tokens of answers."""
    cache: Path | None = None
    """SQLite file of answers; `chat-cache.sqlite` in the run's folder when not given."""
    offline: bool = False
    """Answer from the cache only; an answer that is not there is an error."""

    def __post_init__(self) -> None:
        """Raise RecipeError for a value that cannot be honoured."""
        if self.length_parameter not in ("max_tokens", "max_completion_tokens"):
            raise RecipeError(
                f"The chat model's length_parameter is {self.length_parameter!r}; give max_tokens or "
                "max_completion_tokens."
            )
        least = {
            "max_tokens": 1,
            "concurrency": 1,
            "attempts": 1,
            "requests_per_minute": 0,
            "tokens_per_minute": 0,
            "token_budget": 0,
            "cost_budget": 0,
            "prompt_price": 0,
            "answer_price": 0,
            "patience_s": 0,
        }
        for name, bound in least.items():
            if not getattr(self, name) >= bound:
                raise RecipeError(f"The chat model's {name} is {getattr(self, name)}; give {bound} or more.")
        if not 0 < self.timeout_s < float("inf"):
            raise RecipeError(f"The chat model's timeout_s is {self.timeout_s}; give seconds above 0.")
        if not 0 < self.top_p <= 1:
            raise RecipeError(f"The chat model's top_p is {self.top_p}; give more than 0 and at most 1.")
        if self.cost_budget and not (self.prompt_price or self.answer_price):
            raise RecipeError("cost_budget needs prompt_price and answer_price, per million tokens.")

    def check(self) -> None:
        """Raise RecipeError when no model is named, or no server to ask."""
        if not self.model.strip():
            raise RecipeError('The chat model has no name; set "model" to one that its server offers.')
        if self.offline:
            return
        if not self.url:
            raise RecipeError(
                'The chat model has no "url". Give one such as http://127.0.0.1:8080/v1; nothing is sent '
                "anywhere without it. Answers already recorded are replayed with offline = true."
            )
        try:
            path = parse_url(self.url).path
        except SettingError as error:
            raise RecipeError(str(error)) from None
        if path.endswith("/completions"):
            raise RecipeError(f"The chat model's url {self.url} must end before /chat/completions.")

    def decisive_facts(self) -> dict[str, Any]:
        """What of this can change an answer; the rest belongs in no stage's key."""
        return {name: getattr(self, name) for name in _DECISIVE}

    def cost(self, prompt_tokens: float, answer_tokens: float) -> float:
        """In the currency of the prices."""
        return (prompt_tokens * self.prompt_price + answer_tokens * self.answer_price) / 1e6
