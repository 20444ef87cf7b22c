"""The stage that describes functions, and its dry run.

The corpus is read once, a repository at a time. Every `ROWS_PER_SHARD` functions make a shard of docstrings
and a shard of outcomes; shards that a killed run left are not made again, and answers are taken from the
cache, so that the tables are the same whenever it was killed.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Container, Iterator
from contextlib import closing
from itertools import groupby, islice
from operator import attrgetter
from pathlib import Path
from typing import Any

from oasis_train.chat import CACHE_NAME, ChatClient, ChatEstimate, estimate_chat
from oasis_train.data import Docstring, Function, ShardedTable, Stage, StageFolder
from oasis_train.data.progress import Progress
from oasis_train.docstrings.config import DocstringConfig
from oasis_train.docstrings.prompt import OWN_PROMPT, load_prompt
from oasis_train.docstrings.writing import OUTCOMES, Outcome, Task, Writer, first_request, write_human
from oasis_train.errors import DataError, ReplyError

NAME = "docstrings"
ROWS_PER_SHARD = 1_000
HOPELESS = 50
"""When of so many functions, the first ones of a shard, an LLM described none, the stage ends."""


def write_docstrings(
    config: DocstringConfig, corpus: Path, out: Path, *, progress: Progress | None = None
) -> dict[str, Any]:
    """Describe the functions of the stage at `corpus`; `out` then holds the table `docstrings`.

    `out/outcomes` says for every function what became of it. Answers lie in `chat-cache.sqlite` beside `out`
    unless the configuration names another file. Returns the manifest.
    """
    if config.uses_llm:
        config.chat.check()
    stage = Stage(NAME, config.decisive_facts(), {"corpus": StageFolder(corpus).digest})
    cache = out.parent / CACHE_NAME

    def work(partial: Path) -> dict[str, Any]:
        tables = _Tables(partial)
        total = _count(config, corpus)
        tasks = _tasks(config, corpus, tables.finished)
        if config.uses_llm:
            texts = load_prompt(config.prompt or OWN_PROMPT)
            with ChatClient(config.chat, cache, NAME) as chat:
                write = Writer(config, texts, chat).write
                with closing(chat.in_order(write, tasks)) as results:
                    tables.write(results, total, progress, refuse=_refuse_hopeless)
        else:
            tables.write((write_human(config, task.function) for task in tasks), total, progress)
        return _facts(config, corpus, tables)

    return StageFolder(out).run(stage, work)


def plan_docstrings(config: DocstringConfig, corpus: Path, out: Path) -> ChatEstimate:
    """What `write_docstrings` would still send, and what it would cost; sends nothing."""
    texts = load_prompt(config.prompt or OWN_PROMPT)
    tasks = _tasks(config, corpus, ()) if config.uses_llm else iter(())
    requests = (first_request(config, texts, task) for task in tasks)
    return estimate_chat(config.chat, out.parent / CACHE_NAME, NAME, requests)


class _Tables:
    """Docstrings and outcomes of functions in the order of the corpus, in shards."""

    def __init__(self, folder: Path) -> None:
        self.docstrings = ShardedTable(folder / "docstrings", Docstring)
        self.outcomes = ShardedTable(folder / "outcomes", Outcome)
        shards = range(len(self.outcomes.paths()))  # the outcomes of a shard are written first
        self.finished = frozenset(n for n in shards if self.docstrings.has(n))

    def write(
        self,
        results: Iterator[tuple[Docstring | None, Outcome]],
        total: int,
        progress: Progress | None,
        refuse: Callable[[list[tuple[Docstring | None, Outcome]]], None] | None = None,
    ) -> None:
        """Write all shards that are not there, from the results for their functions.

        `refuse` sees the first `HOPELESS` of each and may raise.
        """
        done = sum(min(ROWS_PER_SHARD, total - shard * ROWS_PER_SHARD) for shard in self.finished)
        for shard in range((total + ROWS_PER_SHARD - 1) // ROWS_PER_SHARD):
            if shard in self.finished:
                continue
            rows: list[tuple[Docstring | None, Outcome]] = []
            for row in islice(results, ROWS_PER_SHARD):
                rows.append(row)
                done += 1
                if progress:
                    progress(NAME, done, total)
                if refuse and len(rows) == HOPELESS:
                    refuse(rows)
            self.outcomes.write(shard, (outcome for _, outcome in rows))
            self.docstrings.write(shard, (docstring for docstring, _ in rows if docstring))


def _tasks(config: DocstringConfig, corpus: Path, finished: Container[int]) -> Iterator[Task]:
    """The functions to describe that are in no finished shard."""
    is_chosen = _choice(config, corpus)
    position = 0
    for _, members in groupby(_functions(corpus), key=attrgetter("repository")):
        repository = list(members)
        neighbours = {function.id: function for function in repository}
        for function in repository:
            if not is_chosen(function):
                continue
            if position // ROWS_PER_SHARD not in finished:
                yield Task(function, neighbours)
            position += 1


def _choice(config: DocstringConfig, corpus: Path) -> Callable[[Function], bool]:
    """Which functions are described: the first `limit` by id, which is a hash."""
    if not config.limit:
        return lambda function: _is_candidate(config, function)
    ids = (function.id for function in _functions(corpus) if _is_candidate(config, function))
    chosen = frozenset(heapq.nsmallest(config.limit, ids))
    return lambda function: function.id in chosen


def _is_candidate(config: DocstringConfig, function: Function) -> bool:
    """Solutions of tasks are not described: their tasks are (views/statements.py)."""
    return not function.task and (config.uses_llm or bool(function.doc))


def _count(config: DocstringConfig, corpus: Path) -> int:
    total = sum(_is_candidate(config, function) for function in _functions(corpus))
    if not total:
        raise DataError(
            f"{corpus} holds no function"
            + ("." if config.uses_llm else " with documentation of its authors.")
        )
    return min(total, config.limit) if config.limit else total


def _functions(corpus: Path) -> Iterator[Function]:
    return iter(ShardedTable(corpus / "functions", Function))


def _refuse_hopeless(rows: list[tuple[Docstring | None, Outcome]]) -> None:
    if any(docstring for docstring, _ in rows):
        return
    (problem, count), *_ = Counter(outcome.problem for _, outcome in rows).most_common(1)
    raise ReplyError(
        f"None of {len(rows)} functions in a row got a docstring; {count} times the reason was: {problem}. "
        "Choose another model, raise max_tokens, or use the source llm-or-human; answers are kept."
    )


def _facts(config: DocstringConfig, corpus: Path, tables: _Tables) -> dict[str, Any]:
    outcomes: Counter[str] = Counter()
    requests = prompt_tokens = answer_tokens = 0
    for row in tables.outcomes:
        outcomes[row.outcome] += 1
        requests += row.requests
        prompt_tokens += row.prompt_tokens
        answer_tokens += row.answer_tokens
    count = len(tables.docstrings)
    if not count:
        raise ReplyError(
            f"No function of {corpus} got a docstring. {tables.outcomes.paths()[0].parent} says why for each."
        )
    facts: dict[str, Any] = {
        "functions": outcomes.total(),
        "docstrings": count,
        "outcomes": {name: outcomes[name] for name in OUTCOMES if outcomes[name]},
    }
    if config.uses_llm:
        facts["usage"] = {
            "requests": requests,
            "prompt_tokens": prompt_tokens,
            "answer_tokens": answer_tokens,
            "cost": round(config.chat.cost(prompt_tokens, answer_tokens), 6),
        }
    return facts
