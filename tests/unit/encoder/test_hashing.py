"""The encoder without a model: the same everywhere, near where words are shared."""

from collections import Counter

import numpy as np
import pytest

from oasis_search.encoder import HashingEncoder
from oasis_search.syntax.words import identifiers


def test_vectors_are_the_same_in_every_process() -> None:
    signs = np.sign(HashingEncoder(dim=8).encode(["file"])[0]).astype(int).tolist()
    assert signs == [-1, 1, 1, -1, 1, 1, -1, 1]


def test_shared_words_bring_texts_near() -> None:
    query, near, far = HashingEncoder().encode(["read a json file", "readJsonFile", "send mail"])
    assert query @ near > 0.6 > 0.4 > abs(query @ far)


def test_counts_give_the_vectors_of_the_texts() -> None:
    texts = ["read file read", "", "sendMail(to)"]
    encoder = HashingEncoder(dim=32)
    counts = [Counter(identifiers(text)) for text in texts]
    np.testing.assert_array_equal(encoder.encode_counts(counts), encoder.encode(texts, role="query"))


def test_rows_have_length_one_or_zero() -> None:
    norms = np.linalg.norm(HashingEncoder(dim=512).encode(["read file", "..."]), axis=1)
    np.testing.assert_allclose(norms, [1, 0], atol=1e-6)


@pytest.mark.parametrize("dim", [0, 513])
def test_impossible_dim_is_refused(dim: int) -> None:
    with pytest.raises(ValueError, match=f"not {dim}"):
        HashingEncoder(dim=dim)
