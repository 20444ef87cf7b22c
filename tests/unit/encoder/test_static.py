"""The static encoder against its formula, and its fast path against its slow one."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oasis_search.encoder import load
from oasis_search.encoder.protocol import Role
from oasis_search.encoder.static import BLOCK, StaticEncoder, load_static
from oasis_search.encoder.tokens import CACHE_SIZE, TokenIds
from oasis_search.syntax.words import identifiers

WORDS = ["read", "file", "path", "parse", "json", "http", "server", "name", "base", "the"]
SHIPPED = load("static")


def _reference(folder: Path, tokens: list[str], role: Role) -> list[float]:
    """The formula of the module, one float at a time."""
    weights = np.load(folder / "weights.npy").tolist()
    scales = np.load(folder / "scales.npy").tolist()[0 if role == "code" else 1]
    power = 0.5 if role == "code" else 1.0
    total = [0.0] * 4
    for token, count in Counter(tokens).items():
        index = WORDS.index(token)
        for place in range(4):
            total[place] += count**power * scales[index] * weights[index][place]
    norm = math.sqrt(sum(value * value for value in total))
    return [value / norm for value in total]


@pytest.mark.parametrize("role", ["code", "query"])
def test_vector_is_the_damped_weighted_sum_of_token_rows(static_folder: Path, role: Role) -> None:
    encoder = load_static(static_folder)
    text = "readFile(path); read_json(path, HTTPServer) # the file xyzzy"
    tokens = "read file path read json path http server the file".split()  # noqa: SIM905 - reads as the text does
    expected = _reference(static_folder, tokens, role)
    np.testing.assert_allclose(encoder.encode([text], role)[0], expected, atol=1e-6)


def test_unknown_word_is_read_as_its_longest_known_pieces() -> None:
    token_ids = TokenIds(WORDS)
    assert [WORDS[i] for i in token_ids.unpack("basename")] == ["base", "name"]
    assert [WORDS[i] for i in token_ids.unpack("xreadpathz")] == ["read", "path"]
    assert token_ids.unpack("zz") == []


def test_token_cache_stays_bounded() -> None:
    token_ids = TokenIds(WORDS)
    for number in range(CACHE_SIZE + 10):
        assert token_ids.unpack(f"read_{number}") == [0]
    assert len(token_ids) <= CACHE_SIZE


def test_text_without_known_words_is_the_zero_vector_and_others_have_length_one(static_folder: Path) -> None:
    vectors = load_static(static_folder).encode(["", "§ 1 + 2", "qq", "read"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [0, 0, 0, 1], atol=1e-6)
    assert vectors.dtype == np.float32


def test_no_texts_give_no_rows(static_folder: Path) -> None:
    assert load_static(static_folder).encode([]).shape == (0, 4)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.lists(st.sampled_from([*WORDS, "readFile", "zz", "__name__", "9"]), max_size=30), max_size=5)
)
def test_counts_give_the_vectors_of_the_texts(bags: list[list[str]]) -> None:
    assert isinstance(SHIPPED, StaticEncoder)
    texts = [" ".join(bag) for bag in bags]
    counts = [Counter(identifiers(text)) for text in texts]
    np.testing.assert_array_equal(SHIPPED.encode_counts(counts), SHIPPED.encode(texts))


def test_a_vector_does_not_depend_on_its_neighbours_in_the_call() -> None:
    texts = [f"def read_file_{n}(path): return parse(open(path), {n * 'x'})" for n in range(2 * BLOCK + 3)]
    alone = np.concatenate([SHIPPED.encode([text]) for text in texts])
    np.testing.assert_allclose(SHIPPED.encode(texts), alone, atol=1e-6)


def test_a_count_of_millions_neither_overflows_nor_touches_its_neighbours() -> None:
    assert isinstance(SHIPPED, StaticEncoder)
    vectors = SHIPPED.encode_counts([{"read": 10**9}, {"file": 1}])
    np.testing.assert_allclose(vectors, SHIPPED.encode(["read", "file"]), atol=1e-6)
