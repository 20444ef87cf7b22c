"""The probability of a hit: its numbers against a slow reference, and a trace that gives it again."""

import math
import statistics
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oasis_search.encoder import HashingEncoder
from oasis_search.index import Snapshot
from oasis_search.search import Query, search
from oasis_search.search.calibration import (
    TERMS,
    WAYS,
    Evidence,
    coefficients,
    margins,
    probability,
)

Build = Callable[[Mapping[str, str]], Snapshot]

GOOD = Evidence(matched_share=0.9, defines=0.0, asks_name=0.0, place=0.0, cosine=0.6, margin=3.0)


@given(st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.4, 0.8]), max_size=20))
def test_margins_are_deviations_from_the_median_of_what_is_known(cosines: list[float]) -> None:
    known = [cosine for cosine in cosines if cosine]
    expected = [0.0] * len(cosines)
    if len(known) >= 2:
        spread = max(statistics.pstdev(known), 1e-3)
        expected = [(cosine - statistics.median(known)) / spread if cosine else 0.0 for cosine in cosines]
    assert margins(np.array(cosines, np.float32)) == pytest.approx(expected, abs=2e-3)


def test_every_way_has_coefficients_of_known_evidence_alone() -> None:
    assert set(coefficients()) == set(WAYS)
    for table in coefficients().values():
        assert set(table) <= {"intercept", *TERMS}


def test_probability_is_the_logistic_function_of_the_weighted_evidence() -> None:
    table = coefficients()["words"]
    logit = table["intercept"] + sum(
        table.get(name, 0.0) * value for name, value in zip(TERMS, GOOD.terms(), strict=True)
    )
    assert probability("words", GOOD) == pytest.approx(1 / (1 + math.exp(-logit)), abs=1e-4)


def test_a_trace_gives_the_probability_again(build: Build) -> None:
    snapshot = build(
        {
            "net/retry.py": "def retry_request(request):\n    return send_again(request)\n",
            "ui/paint.py": "def paint_window(window):\n    window.fill(colour)\n",
        }
    )
    encoder = HashingEncoder(64)
    for with_encoder in (encoder, None):
        hits = search(snapshot, Query("retry the request"), with_encoder)
        assert hits
        for hit in hits:
            assert hit.trace is not None
            assert hit.trace.way == ("static" if with_encoder else "words")
            assert probability(hit.trace.way, hit.trace.evidence) == hit.probability


def test_what_answers_is_likelier_than_what_does_not(build: Build) -> None:
    snapshot = build(
        {
            "net/retry.py": "def retry_request(request):\n    return send_again(request)\n",
            "ui/paint.py": "def paint_window(window):\n    window.fill(colour)\n",
        }
    )
    (answered,) = search(snapshot, Query("retry the request", 1), None)
    strange = search(snapshot, Query("parse dates of a window in japanese calendars", 1), None)
    assert answered.probability > max((hit.probability for hit in strange), default=0.0)
