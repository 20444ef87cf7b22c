"""Why a request brought no answer, as values; what a user is told of it is said in `errors.py`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer is not 200."""

    status: int
    body: str
    location: str = ""
    """Where it redirects to, or ""."""
    retry_after_s: float | None = None
    """Seconds it asks to wait, if it does."""


@dataclass(frozen=True, slots=True)
class LostConnection:
    """The connection could not be made, or broke."""

    reason: str
    was_connected: bool
    """Whether it had been made, so that the server may have worked."""


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The answer was not complete in time."""


Failure = Refusal | LostConnection | TimedOut
