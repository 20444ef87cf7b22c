"""How large the learning rate is at a step; a function of the step alone, so there is no state to restore."""

import math
from typing import Literal


def rate_factor(
    step: int, total: int, *, warmup: float, schedule: Literal["constant", "linear", "cosine"]
) -> float:
    """What the learning rate is multiplied by at `step` (0-based) of `total`.

    >>> [rate_factor(step, 4, warmup=0.5, schedule="linear") for step in range(4)]
    [0.5, 1.0, 1.0, 0.5]
    """
    rising = round(warmup * total)
    if step < rising:
        return (step + 1) / rising
    done = (step - rising) / max(1, total - rising)
    match schedule:
        case "constant":
            return 1.0
        case "linear":
            return 1.0 - done
        case "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * done))
