"""From chosen candidates to hits: what is shown, how likely it answers, and why it stands there."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from oasis_search.index.lexical import idf_of, matched_shares
from oasis_search.index.snapshot import Snapshot, UnitView
from oasis_search.search.analysis import Analysis
from oasis_search.search.calibration import Evidence, margins, probability
from oasis_search.search.fusion import Candidates
from oasis_search.search.query import Hit, Reason, Trace
from oasis_search.search.signals import Verdict

MAX_TERMS = 16
"""Terms that reasons and the probability look at."""


def hits(
    snapshot: Snapshot,
    analysis: Analysis,
    candidates: Candidates,
    verdict: Verdict,
    rows: NDArray[np.intp],
    scores: NDArray[np.float32],
) -> list[Hit]:
    """The hits of some rows of the candidates, in that order."""
    matched, shares = _matches(snapshot, analysis, candidates.units[rows])
    way, evidence = evidence_of(analysis, candidates, verdict, rows, shares, scores.tolist())
    result = []
    for at, (row, score) in enumerate(zip(rows.tolist(), scores.tolist(), strict=True)):
        view = snapshot.view(int(candidates.units[row]))
        cosine = float(candidates.cosine[row])
        result.append(
            hit_of_view(
                view,
                score=score,
                probability=probability(way, evidence[at]),
                trace=Trace(way, evidence[at]),
                reasons=_reasons(verdict, row, matched[at], cosine, int(candidates.refined[row])),
            )
        )
    return result


def hit_of_view(
    view: UnitView,
    *,
    score: float = 0.0,
    probability: float = 0.0,
    reasons: tuple[Reason, ...] = (),
    trace: Trace | None = None,
) -> Hit:
    """A unit as a hit, so that it can be verified and shown."""
    return Hit(
        path=view.path,
        span=view.span,
        name_span=view.name_span,
        name=view.name,
        kind=view.kind,
        language=view.language,
        container=view.container,
        key=view.key,
        score=round(score, 6),
        probability=probability,
        reasons=reasons,
        trace=trace,
    )


def evidence_of(
    analysis: Analysis,
    candidates: Candidates,
    verdict: Verdict,
    rows: NDArray[np.intp],
    shares: Sequence[float],
    scores: Sequence[float],
) -> tuple[str, list[Evidence]]:
    """How the hits were ranked (a way of `calibration.WAYS`), and what is known of each, in their order."""
    margin = margins(candidates.cosine)
    model_margin = margins(candidates.model_cosine)
    way = "model" if candidates.model_cosine.any() else "static" if candidates.cosine.any() else "words"
    best = (model_margin if way == "model" else margin).max(initial=0.0)
    best_share = max(shares, default=0.0)
    asks_name = float(analysis.is_symbol)
    return way, [
        Evidence(
            matched_share=round(shares[at], 4),
            defines=float(verdict.definition[row] > 0),
            asks_name=asks_name,
            place=math.log2(at + 1),
            cosine=round(float(candidates.cosine[row]), 4),
            margin=round(float(margin[row]), 4),
            model_margin=round(float(model_margin[row]), 4),
            best_margin=round(float(best), 4),
            best_share=round(best_share, 4),
            relative_score=round(scores[at] / scores[0], 4) if scores[0] > 0 else 1.0,
        )
        for at, row in enumerate(rows.tolist())
    ]


def _matches(
    snapshot: Snapshot, analysis: Analysis, units: NDArray[np.int64]
) -> tuple[list[list[str]], list[float]]:
    """Matched terms of each unit, rarest first, and the share of the query's idf mass that they are."""
    labels = dict(list(analysis.labels.items())[:MAX_TERMS])
    idf = idf_of(snapshot, list(labels))
    ordered = sorted(labels, key=lambda term: (-idf[term], labels[term]))
    held, shares = matched_shares(snapshot, {term: idf[term] for term in ordered}, units)
    matched = [
        [labels[term] for term, of_term in zip(ordered, held, strict=True) if of_term[at]]
        for at in range(len(units))
    ]
    return matched, shares.tolist()


def _reasons(
    verdict: Verdict, row: int, matched: Sequence[str], cosine: float, refined: int
) -> tuple[Reason, ...]:
    reasons = []
    if verdict.definition[row]:
        reasons.append(Reason("definition", "defines a name of the query"))
    if matched:
        reasons.append(Reason("lexical", f"matches {', '.join(matched)}"))
    if cosine:
        reasons.append(Reason("static", f"similarity {cosine:.2f}"))
    if refined:
        reasons.append(Reason("model", f"place {refined} by meaning with the chosen model"))
    file = int(verdict.files.of_candidate[row])
    if verdict.path_words[row]:
        reasons.append(Reason("path", f"words of the query in {verdict.files.paths[file]}"))
    if verdict.coherence[row]:
        reasons.append(Reason("file", "several parts of the file match"))
    if verdict.factors[row] < 1:
        reasons.append(Reason("demoted", ", ".join(role.name for role in verdict.roles[file])))
    return tuple(reasons)
