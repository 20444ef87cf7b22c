"""Masks against the rule said in words, row by row."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oasis_train.losses import all_texts_mask, in_batch_mask


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), min_size=1, max_size=8))
def test_texts_that_belong_together_are_masked_and_no_others(rows: list[tuple[int, int, bool]]) -> None:
    n = len(rows)
    queries, codes = (torch.tensor(column) for column in list(zip(*rows, strict=True))[:2])
    is_gt = torch.tensor([right for _, _, right in rows])
    across = in_batch_mask(queries, codes, is_gt=is_gt)
    whole = all_texts_mask(queries, codes, is_gt=is_gt)
    for i, (query, code, right) in enumerate(rows):
        for j, (other_query, other_code, other_right) in enumerate(rows):
            same_code, same_query = code == other_code, query == other_query
            assert across[i, j] == ((right and same_code) or (other_right and same_query))
            assert whole[i, j] == (same_query or (same_code and right and other_right))
            assert whole[n + i, n + j] == (same_code or (same_query and right and other_right))
    assert whole[:n, n:].equal(across)
    assert whole.equal(whole.T)


def test_wrong_codes_of_a_docstring_stay_its_negatives() -> None:
    queries, codes = torch.tensor([7, 7, 7]), torch.tensor([1, 2, 3])
    mask = in_batch_mask(queries, codes, is_gt=torch.tensor([True, False, False]))
    assert mask[0].tolist() == [True, False, False]


def test_one_docstring_or_code_in_two_right_rows_is_masked() -> None:
    mask = in_batch_mask(torch.tensor([1, 1, 2, 3]), torch.tensor([4, 5, 6, 6]))
    assert mask.int().tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]


def test_masks_name_wrong_shapes() -> None:
    with pytest.raises(ValueError, match=r"\(2,\), \(3,\)"):
        in_batch_mask(torch.zeros(2), torch.zeros(3))
