"""What a user sets to have an OpenAI-compatible endpoint compute vectors; checked before anything is sent.

There is no default URL: nothing leaves the machine unless one is given. The API key is no option: options
name the environment variable that holds it, so that the key is never in a settings file, a log or an error.
"""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from oasis_search.encoder.protocol import Role
from oasis_search.errors import SettingError

MIN_CHARS = 256
"""No limit on characters may be lower, and no refused text is shortened further."""


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """One endpoint, one model, and the limits to keep; 0 means without limit."""

    url: str
    """Base URL up to and with the version: `https://api.openai.com/v1`, `http://127.0.0.1:8080/v1`."""
    model: str
    """Name of the model, as the server knows it."""
    key_variable: str = ""
    """Environment variable that holds the API key; empty sends no key."""
    query_prompt: str = ""
    """Text put before every query."""
    code_prompt: str = ""
    """Text put before every piece of code."""
    dimensions: int = 0
    """Length of vectors to ask for; 0 leaves it to the model and sends nothing."""
    max_chars: int = 20_000
    """Longer texts, prompt included, are cut on the right. About 6,000 tokens of code; OpenAI takes 8,192."""
    batch: int = 32
    """Texts in one request at most, our control text included; 32 is what TEI accepts by default."""
    batch_chars: int = 100_000
    """Characters in one request at most; about 30,000 tokens."""
    concurrency: int = 4
    """Requests under way at the same time at most."""
    timeout_s: float = 60.0
    """Seconds for one request as a whole, from connecting to the last byte."""
    attempts: int = 5
    """Times a request is sent before an outage is reported."""
    requests_per_minute: int = 0
    """Requests sent per minute at most."""
    tokens_per_minute: int = 0
    """Tokens sent per minute at most, as the server counts them."""
    token_budget: int = 0
    """Tokens that this encoder may use in its life; then it stops with an error."""

    def __post_init__(self) -> None:
        """Raise SettingError for a value that cannot be honoured."""
        parse_url(self.url)
        if not self.model.strip():
            raise SettingError('The endpoint has no "model". Name one that the server offers.')
        least = {
            "dimensions": 0,
            "max_chars": MIN_CHARS,
            "batch": 1,
            "batch_chars": 1,
            "concurrency": 1,
            "attempts": 1,
            "requests_per_minute": 0,
            "tokens_per_minute": 0,
            "token_budget": 0,
        }
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise SettingError(f"The endpoint's {name} is {getattr(self, name)}; give {bound} or more.")
        if not self.timeout_s > 0:
            raise SettingError(f"The endpoint's timeout_s is {self.timeout_s}; give seconds above 0.")

    @property
    def prompts(self) -> Mapping[Role, str]:
        """Text put before what is encoded, by role."""
        return {"query": self.query_prompt, "code": self.code_prompt}

    @property
    def texts_at_once(self) -> int:
        """What keeps all connections busy: so many texts in one call make the fewest requests."""
        return self.concurrency * max(1, self.batch - 1)


def parse_url(url: str) -> SplitResult:
    """The parts of a base URL; raises SettingError naming what must change, never repeating a password."""
    try:
        parts = urlsplit(url.strip().rstrip("/"))
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise SettingError(
            "The endpoint's url must look like https://host:port/v1 with a scheme, a host and a version."
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise SettingError(
            f"The endpoint's url for {parts.hostname} must hold no user, password, query or fragment. "
            "Put the key in an environment variable and name that in key_variable."
        )
    if parts.path.endswith("/embeddings"):
        raise SettingError(
            f'The endpoint\'s url {url} ends in "/embeddings"; leave that out, it is added to every request.'
        )
    return parts


def is_loopback(host: str) -> bool:
    """Whether bytes to `host` stay on this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def describe_place(url: str) -> str:
    """Where the bytes go, for the status: `sends text to https://host:port/v1`."""
    parts = parse_url(url)
    is_open = parts.scheme == "http" and not is_loopback(parts.hostname or "")
    return f"sends text to {parts.geturl()}" + (", unencrypted" if is_open else "")


def read_key(variable: str, environment: Mapping[str, str] = os.environ) -> str:
    """The API key in the environment's `variable`, or "" when none is named or set.

    Only the server knows whether it needs one. Raises SettingError when the value cannot be sent in a header;
    the message does not hold the value.
    """
    key = environment.get(variable, "").strip() if variable else ""
    if not all("!" <= character <= "~" for character in key):
        raise SettingError(
            f"The environment variable {variable} holds spaces, line breaks or characters that "
            "no API key has. Set it to the key alone."
        )
    return key
