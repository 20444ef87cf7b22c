"""A budget of tokens: what may still be spent is reserved before a request and settled after it.

Counts in memory only: it lives as long as its object. Used from one event loop; `spent` may be read anywhere.
"""

from collections.abc import Iterable

from oasis_search.encoder.endpoint.errors import EndpointError

BYTES_PER_TOKEN = 2
"""Of UTF-8, so this over-estimates: of 165 files of Python and JavaScript under BERT's tokenizer two had
fewer (tables of data), the median was 3.7."""


def estimate_tokens(texts: Iterable[str]) -> int:
    """At least as many tokens as a server will usually count for `texts`."""
    return sum(len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN + 2 for text in texts)


class TokenBudget:
    """Reserve, then settle: nothing is reserved beyond the total."""

    def __init__(self, total: int, url: str) -> None:
        """`total` of 0 counts without limit."""
        self._total = total
        self._url = url
        self._spent = 0
        self._reserved = 0

    @property
    def spent(self) -> int:
        """Tokens used so far, as the server counted them; estimated where it does not say."""
        return self._spent

    def reserve(self, n_tokens: int) -> None:
        """Set `n_tokens` aside; raises EndpointError when the budget has not that much left."""
        if self._total and self._spent + self._reserved + n_tokens > self._total:
            raise EndpointError(
                f"The budget of {self._total:,} tokens for {self._url} is used up: {self._spent:,} are spent "
                f"and the next request may take {n_tokens:,}. Raise token_budget to go on."
            )
        self._reserved += n_tokens

    def settle(self, reserved: int, used: int) -> None:
        """Replace a reservation by what was used."""
        self._reserved -= reserved
        self._spent += used
