"""Evaluation suites: folders of corpus, queries and judgements; reading them, and nothing else.

`corpus.jsonl.gz` {id, language, code}, `queries.jsonl.gz` {id, query, language[, self_id]}, `qrels.tsv`
(query, corpus id, gain), `meta.json` {name, task, metric, pool_by}.
"""

import gzip
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oasis_train.errors import SuiteError

METRICS = ("MRR@1000", "MAP", "nDCG@10")


@dataclass(frozen=True, slots=True)
class Pool:
    """Queries and the items that they are ranked against."""

    label: str
    item_ids: tuple[str, ...]
    codes: tuple[str, ...]
    queries: tuple[str, ...]
    gains: tuple[Mapping[str, float], ...]
    """Per query: id of a relevant item -> gain above 0."""
    self_ids: tuple[str | None, ...]
    """Per query: the item that is the query itself and is left out of its ranking."""
    query_ids: tuple[str, ...] = ()
    """Per query: its name in the suite; empty when the suite has none."""
    languages: tuple[str, ...] = ()
    """Per item: its language; empty when it is not known."""
    query_languages: tuple[str, ...] = ()
    """Per query, likewise."""
    joined_codes: tuple[str, ...] = ()
    """Per item: its tokens with one blank between, where the publisher gives them."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite as read from its folder."""

    name: str
    task: str
    """`nl2code` or `code2code`."""
    metric: str
    """One of `METRICS`."""
    pools: tuple[Pool, ...]


def load_suite(folder: Path) -> Suite:
    """The suite in `folder`; raises SuiteError when a file is missing or does not have the format."""
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        corpus = _read_rows(folder / "corpus.jsonl.gz")
        queries = _read_rows(folder / "queries.jsonl.gz")
        gains: dict[str, dict[str, float]] = defaultdict(dict)
        for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines():
            query, item, gain = line.split("\t")
            if float(gain) > 0:
                gains[query][item] = float(gain)
        return _build_suite(folder.name, meta, corpus, queries, gains)
    except FileNotFoundError as error:
        raise SuiteError(
            f"{folder} is not a suite: {error.filename} is missing. Rebuild it, or name another folder."
        ) from error
    except (OSError, ValueError, KeyError) as error:
        raise SuiteError(f"{folder} does not have the format of a suite ({error!r}). Rebuild it.") from error


def parse_metric(text: str) -> str:
    """One of `METRICS` from what a suite says, which may add words: `MAP, mixed pool`.

    >>> parse_metric("MAP (a query's own item, self_id, removed from the ranking)")
    'MAP'
    """
    for metric in METRICS:
        if text == metric or (text.startswith(metric) and not text[len(metric)].isalnum()):
            return metric
    raise ValueError(f"metric {text!r} is none of {', '.join(METRICS)}")


def _build_suite(
    name: str,
    meta: Mapping[str, Any],
    corpus: list[dict[str, Any]],
    queries: list[dict[str, Any]],
    gains: Mapping[str, Mapping[str, float]],
) -> Suite:
    metric = parse_metric(meta["metric"])
    key = meta.get("pool_by")
    judged = [query for query in queries if gains.get(query["id"])]
    labels = sorted({query[key] for query in judged}) if key else ["all"]
    pools = []
    for label in labels:
        items = [item for item in corpus if not key or item[key] == label]
        asked = [query for query in judged if not key or query[key] == label]
        pools.append(
            Pool(
                label=label,
                item_ids=tuple(item["id"] for item in items),
                codes=tuple(item["code"] for item in items),
                queries=tuple(query["query"] for query in asked),
                gains=tuple(gains[query["id"]] for query in asked),
                self_ids=tuple(query.get("self_id") for query in asked),
                query_ids=tuple(query["id"] for query in asked),
                languages=tuple(item.get("language", "") for item in items),
                query_languages=tuple(query.get("language", "") for query in asked),
            )
        )
    return Suite(meta.get("name", name), meta["task"], metric, tuple(pools))


def _read_rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]
