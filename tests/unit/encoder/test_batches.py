import pytest
from hypothesis import given
from hypothesis import strategies as st

from oasis_search.encoder.batches import token_batches


def test_texts_of_like_length_go_together_longest_first() -> None:
    assert token_batches([3, 10, 4, 9], max_tokens=20, max_texts=8) == [[1, 3], [2, 0]]


def test_a_text_beyond_the_budget_goes_alone() -> None:
    assert token_batches([50, 5, 5], max_tokens=20, max_texts=8) == [[0], [1, 2]]


def test_a_batch_has_no_more_texts_than_allowed() -> None:
    assert token_batches([1] * 5, max_tokens=100, max_texts=2) == [[0, 1], [2, 3], [4]]


def test_texts_of_very_different_lengths_stay_apart_when_padding_is_limited() -> None:
    lengths = [500, 300, 290, 100, 90, 10]
    assert token_batches(lengths, max_tokens=2000, max_texts=8) == [[0, 1, 2, 3], [4, 5]]
    assert token_batches(lengths, max_tokens=2000, max_texts=8, max_padding=100) == [[0], [1, 2], [3, 4, 5]]
    assert token_batches(lengths, max_tokens=2000, max_texts=8, max_padding=0) == [[i] for i in range(6)]


def test_empty_texts_and_no_texts_are_no_trouble() -> None:
    assert token_batches([0, 0, 2], max_tokens=2, max_texts=2) == [[2], [0, 1]]
    assert token_batches([], max_tokens=10, max_texts=10) == []


@pytest.mark.parametrize(("max_tokens", "max_texts"), [(0, 1), (1, 0)])
def test_a_budget_of_nothing_is_refused(max_tokens: int, max_texts: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        token_batches([1], max_tokens=max_tokens, max_texts=max_texts)


@given(
    st.lists(st.integers(0, 600), max_size=80),
    st.integers(1, 2000),
    st.integers(1, 16),
    st.none() | st.integers(0, 500),
)
def test_every_text_comes_once_and_no_batch_is_over_the_budget(
    lengths: list[int], max_tokens: int, max_texts: int, max_padding: int | None
) -> None:
    batches = token_batches(lengths, max_tokens=max_tokens, max_texts=max_texts, max_padding=max_padding)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert 1 <= len(batch) <= max_texts
        padded = len(batch) * max(lengths[index] for index in batch)
        assert len(batch) == 1 or padded <= max_tokens
        assert max_padding is None or padded - sum(lengths[index] for index in batch) <= max_padding
    firsts = [lengths[batch[0]] for batch in batches]
    assert firsts == sorted(firsts, reverse=True)
