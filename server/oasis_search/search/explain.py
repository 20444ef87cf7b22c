"""From chosen candidates to hits: what is shown, how likely it answers, and why it stands there."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from oasis_search.index.lexical import document_frequencies, holds, inverse_document_frequency
from oasis_search.index.snapshot import Snapshot, UnitView
from oasis_search.search.analysis import Analysis
from oasis_search.search.fusion import Candidates
from oasis_search.search.query import Hit, Reason
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
    result = []
    for at, (row, score) in enumerate(zip(rows.tolist(), scores.tolist(), strict=True)):
        view = snapshot.view(int(candidates.units[row]))
        cosine = float(candidates.cosine[row])
        result.append(
            hit_of_view(
                view,
                score=score,
                probability=probability(shares[at], cosine, defines=bool(verdict.definition[row])),
                reasons=_reasons(verdict, row, matched[at], cosine, int(candidates.refined[row])),
            )
        )
    return result


def hit_of_view(
    view: UnitView, *, score: float = 0.0, probability: float = 0.0, reasons: tuple[Reason, ...] = ()
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
    )


def probability(matched_share: float, cosine: float, *, defines: bool) -> float:
    """A monotone guess at the chance that a unit answers: not calibrated against judgements yet.

    `matched_share` is the part of the query's idf mass that the unit holds, `defines` that it defines a name
    of the query. A logistic function with weights set by hand: half the words and a middling cosine: half.
    """
    logit = -3.5 + 4.0 * matched_share + 4.0 * max(0.0, cosine) + 2.0 * defines
    return round(1 / (1 + math.exp(-logit)), 4)


def _matches(
    snapshot: Snapshot, analysis: Analysis, units: NDArray[np.int64]
) -> tuple[list[list[str]], list[float]]:
    """Matched terms of each unit, rarest first, and the share of the query's idf mass that they are."""
    order = np.argsort(units)
    ascending = units[order]
    terms = list(analysis.labels.items())[:MAX_TERMS]
    counts = document_frequencies(snapshot, [term for term, _ in terms])
    idf = {
        term: inverse_document_frequency(snapshot.n_units, df)
        for (term, _), df in zip(terms, counts, strict=True)
    }
    matched: list[list[str]] = [[] for _ in units]
    mass = np.zeros(len(units))
    for term, label in sorted(terms, key=lambda entry: (-idf[entry[0]], entry[1])):
        held = order[holds(snapshot, term, ascending)]
        mass[held] += idf[term]
        for at in held.tolist():
            matched[at].append(label)
    return matched, (mass / max(sum(idf.values()), 1e-9)).tolist()


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
