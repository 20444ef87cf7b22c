"""Figures that others published, from `published.toml`, and with which of ours they may be compared."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from oasis_train.evaluation.evaluate import SuiteResult


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One model's published figures, in percent."""

    model: str
    source: str
    values: Mapping[str, float]
    """Name of a suite -> figure."""


@dataclass(frozen=True, slots=True)
class Published:
    """All of `published.toml`."""

    rows: tuple[PublishedRow, ...]
    metrics: Mapping[str, str]
    """Name of a suite -> metric."""
    sizes: Mapping[str, tuple[int, int]]
    """Name of a suite -> queries and items; 0 queries where their number was not published."""
    ablation: Mapping[str, float]
    """Variant -> mean of the eight NL2Code columns."""

    def is_comparable(self, result: SuiteResult) -> bool:
        """Whether a result comes from the queries, the pool and the form that the published figures are of.

        All but CoSQA's are of code as joined tokens.
        """
        suite = result.name.removesuffix(" joined")
        if suite not in self.sizes or self.metrics[suite] != result.metric:
            return False
        if suite == result.name and suite != "cosqa":
            return False
        queries, items = self.sizes[suite]
        return items == result.corpus and queries in (0, result.queries)


@cache
def load_published() -> Published:
    """The figures that ship with the package."""
    source = files("oasis_train.evaluation").joinpath("published.toml")
    facts = tomllib.loads(source.read_text(encoding="utf-8"))
    columns = facts["columns"]
    return Published(
        rows=tuple(PublishedRow(row["model"], row["source"], row["values"]) for row in facts["rows"]),
        metrics={name: column["metric"] for name, column in columns.items()},
        sizes={name: (column["pool"][0], column["pool"][1]) for name, column in columns.items()},
        ablation=facts["ablation"],
    )
