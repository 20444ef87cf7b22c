import math
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from oasis_train.training.schedule import rate_factor


@given(
    total=st.integers(1, 400),
    warmup=st.floats(0, 1),
    schedule=st.sampled_from(("constant", "linear", "cosine")),
)
def test_the_rate_rises_in_warm_up_and_never_after(
    total: int, warmup: float, schedule: Literal["constant", "linear", "cosine"]
) -> None:
    factors = [rate_factor(step, total, warmup=warmup, schedule=schedule) for step in range(total)]
    rising = round(warmup * total)
    assert all(0 < factor <= 1 for factor in factors)
    assert factors[:rising] == sorted(factors[:rising])
    assert factors[rising:] == sorted(factors[rising:], reverse=True)


def test_the_paper_has_a_constant_rate() -> None:
    assert {rate_factor(step, 9, warmup=0, schedule="constant") for step in range(9)} == {1.0}


def test_a_cosine_is_at_half_in_the_middle() -> None:
    assert math.isclose(rate_factor(50, 100, warmup=0, schedule="cosine"), 0.5)
