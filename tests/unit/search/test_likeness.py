"""How likely neighbours are: between 0 and 1, by how far they stand out, whatever the scale of an encoder."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from oasis_search.search.likeness import TERMS, WAYS, Likeness, coefficients, leads, of_level, probability

COSINES = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=60).map(
    lambda values: np.array(sorted(values, reverse=True), np.float32)
)


@given(COSINES, st.floats(0.05, 1))
def test_leads_do_not_depend_on_how_an_encoder_crowds_its_cosines(
    cosines: NDArray[np.float32], narrow: float
) -> None:
    closer = 1 - narrow * (1 - cosines)  # every distance to 1 shrunk by one factor
    crowd = cosines[10:24]
    if len(crowd) and (1 - crowd.mean()) * narrow > 0.01:
        assert leads(closer.astype(np.float32)) == pytest.approx(leads(cosines), abs=2e-3)


@given(COSINES)
def test_without_a_crowd_nothing_leads_and_the_best_leads_most(cosines: NDArray[np.float32]) -> None:
    found = leads(cosines)
    assert found.shape == cosines.shape
    assert (np.diff(found) <= 1e-6).all()
    if len(cosines) <= 10:
        assert not found.any()


@pytest.mark.parametrize("way", WAYS)
def test_coefficients_name_known_terms_and_what_stands_out_is_likelier(way: str) -> None:
    assert set(coefficients()[way]) <= {"intercept", *TERMS}
    chances = [probability(way, Likeness(lead, 0.0, 0.5 + lead / 2)) for lead in (0.0, 0.2, 0.4, 0.6, 0.8)]
    assert all(0 <= chance <= 1 for chance in chances)
    assert chances == sorted(chances)
    assert chances[-1] - chances[0] > 0.3


def test_a_model_is_judged_without_its_scale() -> None:
    assert probability("model", Likeness(0.3, 1.0, 0.9)) == probability("model", Likeness(0.3, 1.0, 0.4))


def test_what_is_the_same_but_for_names_or_edits_is_no_guess() -> None:
    assert of_level(0.02, "renamed") == of_level(0.3, "exact") == 0.99
    assert of_level(0.02, "edited") == 0.95
    assert of_level(0.97, "edited") == 0.97
    assert of_level(0.02, "behaviour") == 0.02
