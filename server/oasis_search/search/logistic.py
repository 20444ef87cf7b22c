"""Chances from terms that were fitted on judged examples; coefficients by way of ranking and name of term."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files


@cache
def read_coefficients(name: str) -> Mapping[str, Mapping[str, float]]:
    """Way -> term -> coefficient, of a TOML file of this package."""
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return {way: dict(table) for way, table in tomllib.loads(text).items()}


def chance(weights: Mapping[str, float], names: Sequence[str], terms: Sequence[float]) -> float:
    """The logistic function of the weighted terms, to four places; terms without a weight count nothing."""
    logit = weights["intercept"] + sum(
        weights.get(name, 0.0) * value for name, value in zip(names, terms, strict=True)
    )
    return round(1 / (1 + math.exp(-max(-30.0, min(30.0, logit)))), 4)
