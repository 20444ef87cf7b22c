"""Whatever is under way and whatever it takes, the budget is not passed."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from oasis_train.chat import BudgetError, ChatConfig
from oasis_train.chat.budget import ChatBudget
from oasis_train.chat.cache import Spending

AMOUNTS = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1)), max_size=30)


async def spend(budget: ChatBudget, amounts: list[tuple[int, int, float]]) -> list[tuple[int, int]]:
    """What was used by requests that all start at once, each using a share of what it reserved."""
    used: list[tuple[int, int]] = []

    async def request(prompt: int, answer: int, share: float) -> None:
        try:
            await budget.reserve(prompt, answer)
        except BudgetError:
            return
        await asyncio.sleep(0)
        took = (max(1, int(prompt * share)), max(1, int(answer * share)))
        used.append(took)
        budget.settle((prompt, answer), took)

    await asyncio.gather(*(request(*amount) for amount in amounts))
    return used


@given(AMOUNTS, st.integers(1, 300), st.integers(0, 100))
def test_tokens_never_pass_the_budget_and_none_that_fits_is_refused(
    amounts: list[tuple[int, int, float]], total: int, earlier: int
) -> None:
    spent = Spending(requests=1, prompt_tokens=earlier)
    config = ChatConfig(model="m", token_budget=total)
    used = sum(map(sum, asyncio.run(spend(ChatBudget(config, "test", spent), amounts))))
    assert not used or earlier + used <= total
    if earlier + sum(prompt + answer for prompt, answer, _ in amounts) <= total:
        assert len(asyncio.run(spend(ChatBudget(config, "test", spent), amounts))) == len(amounts)


@given(AMOUNTS, st.floats(0.001, 0.5))
def test_cost_never_passes_the_budget(amounts: list[tuple[int, int, float]], total: float) -> None:
    config = ChatConfig(model="m", cost_budget=total, prompt_price=100.0, answer_price=700.0)
    used = asyncio.run(spend(ChatBudget(config, "test", Spending()), amounts))
    assert config.cost(sum(p for p, _ in used), sum(a for _, a in used)) <= total * (1 + 1e-9)
