"""The hard subset of a suite: our own rule, because the paper's was not published.

A query is hard when neither BM25 nor a reference encoder puts a relevant item within the first `depth` places
of the whole pool. The pool stays whole, as in the authors' evaluation of their own list. The rule names the
reference's fingerprint and the kept queries, so that a figure can be repeated. The paper's figures (OASIS
51.13, text-embedding-3-large 45.78, CodeSage-large 45.67, of CodeSearchNet Python) are of another subset.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from oasis_search.encoder import Encoder, Role
from oasis_train.errors import SuiteError
from oasis_train.evaluation.bm25 import rank_by_bm25
from oasis_train.evaluation.evaluate import rank_pool
from oasis_train.evaluation.suites import Pool, Suite


@dataclass(frozen=True, slots=True)
class HardRule:
    """What made a subset; save it beside every figure of that subset."""

    depth: int
    """Both rankings have all relevant items below this place."""
    reference: str
    """Name of the reference encoder."""
    fingerprint: str
    queries: tuple[str, ...]
    """Ids of the hard queries."""
    of: int
    """Queries of the whole suite."""

    @property
    def sentence(self) -> str:
        """The rule in words."""
        return (
            f"{len(self.queries)} of {self.of} queries whose code neither BM25 nor {self.reference} "
            f"({self.fingerprint[:12]}) ranks within the first {self.depth} of the whole pool"
        )


def hard_subset(suite: Suite, reference: Encoder, *, depth: int = 1) -> tuple[Suite, HardRule]:
    """The suite with its hard queries alone, every pool whole; raises SuiteError when none is hard."""
    pools, kept = [], []
    for pool in suite.pools:
        role: Role = "code" if suite.task == "code2code" else "query"
        asked = reference.encode(pool.queries, role=role)
        by_reference = rank_pool(pool, asked, reference.encode(pool.codes, role="code"))
        by_words = rank_by_bm25(pool, suite.task)
        hard = [
            at
            for at, ranks in enumerate(zip(by_words, by_reference, strict=True))
            if min(map(min, ranks)) > depth
        ]
        kept += [pool.query_ids[at] if pool.query_ids else str(at) for at in hard]
        if hard:
            pools.append(_keep(pool, hard))
    if not pools:
        raise SuiteError(
            f"No query of {suite.name} is hard: BM25 or {reference.name} has the answer of each within the "
            f"first {depth}. Measure the whole suite alone."
        )
    n_queries = sum(len(pool.queries) for pool in suite.pools)
    rule = HardRule(depth, reference.name, reference.fingerprint, tuple(kept), n_queries)
    return replace(suite, name=f"{suite.name} hard", pools=tuple(pools)), rule


def _keep(pool: Pool, rows: Sequence[int]) -> Pool:
    def some(values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(values[at] for at in rows) if values else ()

    return replace(
        pool,
        queries=some(pool.queries),
        gains=tuple(pool.gains[at] for at in rows),
        self_ids=tuple(pool.self_ids[at] for at in rows),
        query_ids=some(pool.query_ids),
        query_languages=some(pool.query_languages),
    )
