"""A budget of tokens and money: the most a request can take is set aside before it is sent.

Used from one event loop.
"""

import asyncio

from oasis_train.chat.cache import Spending
from oasis_train.chat.config import ChatConfig
from oasis_train.chat.errors import BudgetError


class ChatBudget:
    """Reserve, then settle; what is spent never passes the total, whatever is under way."""

    def __init__(self, config: ChatConfig, purpose: str, spent: Spending) -> None:
        """`spent` by earlier runs counts."""
        self._config = config
        self._purpose = purpose
        self._requests = spent.requests
        self._spent = (spent.prompt_tokens, spent.answer_tokens)
        self._reserved = (0, 0)
        self._settled = asyncio.Event()

    async def reserve(self, prompt_tokens: int, answer_tokens: int) -> None:
        """Set so much aside; raises BudgetError when there will not be so much left."""
        amount = (prompt_tokens, answer_tokens)
        while not self._fits(_add(self._spent, self._reserved, amount)):
            if self._reserved == (0, 0) or not self._fits(_add(self._spent, amount)):
                raise self._explain(amount)
            await self._settled.wait()  # what is under way may take less than was set aside
        self._reserved = _add(self._reserved, amount)

    def settle(self, reserved: tuple[int, int], used: tuple[int, int]) -> None:
        """Replace a reservation by what was used."""
        self._reserved = (self._reserved[0] - reserved[0], self._reserved[1] - reserved[1])
        self._spent = _add(self._spent, used)
        self._requests += used != (0, 0)
        self._settled.set()
        self._settled = asyncio.Event()

    def _fits(self, tokens: tuple[int, int]) -> bool:
        config = self._config
        return (not config.token_budget or sum(tokens) <= config.token_budget) and (
            not config.cost_budget or config.cost(*tokens) <= config.cost_budget
        )

    def _explain(self, amount: tuple[int, int]) -> BudgetError:
        config = self._config
        if config.token_budget and sum(_add(self._spent, amount)) > config.token_budget:
            name, total = "token_budget", f"{config.token_budget:,} tokens"
            spent, more = f"{sum(self._spent):,}", f"{sum(amount):,}"
        else:
            name, total = "cost_budget", f"{config.cost_budget:.2f}"
            spent, more = f"{config.cost(*self._spent):.4f}", f"{config.cost(*amount):.4f}"
        return BudgetError(
            f"The budget of {total} for {self._purpose} with {config.model!r} is used up: {spent} went into "
            f"{self._requests:,} answers, and the next may take {more}. All answers are kept; raise {name} "
            "and run it again to go on."
        )


def _add(*amounts: tuple[int, int]) -> tuple[int, int]:
    return sum(prompt for prompt, _ in amounts), sum(answer for _, answer in amounts)
