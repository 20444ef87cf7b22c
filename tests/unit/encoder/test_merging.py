"""Merging of tokens against definitions written out token by token."""

import numpy as np

from oasis_search.encoder.merging import (
    HIDDEN,
    MergedText,
    merge_pool,
    merge_text,
    punctuation_table,
    stage_arrays,
)

WORDS = ["[CLS]", "[SEP]", "(", ")", "a", "b", "\u0120=", "##1", "\u2581", "_"]
TABLE = punctuation_table({word: number for number, word in enumerate(WORDS)}, [0, 1], 12)


def text(*tokens: str) -> MergedText:
    return merge_text(np.array([WORDS.index(token) for token in tokens], dtype=np.int32), TABLE)


def test_punctuation_has_neither_letter_nor_digit_and_is_not_special() -> None:
    assert [word for word, is_punctuation in zip(WORDS, TABLE, strict=False) if is_punctuation] == [
        "(", ")", "\u0120=", "\u2581", "_",
    ]  # fmt: skip
    assert len(TABLE) == 12


def test_equal_punctuation_merges_first_then_all_that_is_equal() -> None:
    merged = text("[CLS]", "a", "(", "b", "(", "a", ")", "[SEP]")
    assert merged.sizes == (8, 7, 6)
    first, second = merged.stages
    assert first[2] == first[4]
    assert len(set(first.tolist())) == 7
    assert second[first[1]] == second[first[5]]
    assert second[first[0]] != second[first[7]]


def test_stages_average_states_and_count_tokens() -> None:
    texts = [text("[CLS]", "(", "a", "(", "a", "b", "(", "[SEP]"), text("[CLS]", "b", "[SEP]")]
    one, two = stage_arrays(texts)
    states = np.random.default_rng(0).standard_normal((2, 8, 3)).astype(np.float32)
    after = two.average @ (one.average @ states)  # (2, merged, 3)
    for index, merged in enumerate(texts):
        ids = merged.ids
        groups = merged.stages[1][merged.stages[0]]
        for number in set(ids.tolist()):
            members = np.flatnonzero(ids == number)
            group = groups[members[0]]
            np.testing.assert_allclose(after[index, group], states[index, members].mean(axis=0), rtol=1e-5)
            np.testing.assert_allclose(two.bias[index, group], np.log(len(members)), rtol=1e-6)
    assert (two.bias[1, 3:] == HIDDEN).all()
    assert not after[1, 3:].any()


def test_pooling_weights_add_up_over_what_is_merged() -> None:
    texts = [text("[CLS]", "(", "a", "(", "[SEP]"), text("a", "b")]
    pool = np.array([[0.2, 0.1, 0.3, 0.25, 0.15], [0.5, 0.5, 0, 0, 0]], dtype=np.float32)
    merged = merge_pool(pool, texts)
    groups = texts[0].stages[1][texts[0].stages[0]]
    assert merged.shape == (2, 4)
    np.testing.assert_allclose(merged.sum(axis=1), 1)
    np.testing.assert_allclose(merged[0, groups[1]], 0.35)
