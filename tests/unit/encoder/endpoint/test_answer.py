"""Answers of embeddings servers: what becomes vectors, and what is refused and why."""

import base64
import json
import math
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oasis_search.encoder.endpoint.answer import Answer, parse_answer
from oasis_search.encoder.endpoint.errors import EndpointError

URL = "http://127.0.0.1:8080/v1"
NUMBERS = st.floats(-1e6, 1e6, width=32).filter(lambda number: number == 0 or abs(number) > 1e-3)
ROWS = st.lists(st.lists(NUMBERS, min_size=3, max_size=3).filter(any), min_size=1, max_size=9)


def facts_of(vectors: list[Any]) -> dict[str, Any]:
    return {"data": [{"index": index, "embedding": vector} for index, vector in enumerate(vectors)]}


def parse(facts: object, n_texts: int) -> Answer:
    return parse_answer(json.dumps(facts).encode(), n_texts, URL)


@given(ROWS, st.randoms())
def test_vectors_are_unit_float32_in_the_order_of_their_index(
    rows: list[list[float]], generator: random.Random
) -> None:
    facts = facts_of(rows)
    generator.shuffle(facts["data"])
    vectors = parse(facts, len(rows)).vectors
    assert vectors.dtype == np.float32
    for vector, row in zip(vectors, rows, strict=True):
        length = math.sqrt(sum(number * number for number in row))
        np.testing.assert_allclose(vector, [number / length for number in row], atol=1e-6)


@given(ROWS)
def test_base64_and_numbers_give_the_same_vectors(rows: list[list[float]]) -> None:
    encoded = [base64.b64encode(np.asarray(row, dtype="<f4").tobytes()).decode() for row in rows]
    np.testing.assert_array_equal(
        parse(facts_of(encoded), len(rows)).vectors, parse(facts_of(rows), len(rows)).vectors
    )


@given(st.binary() | st.text().map(str.encode), st.integers(1, 3))
def test_no_bytes_raise_anything_but_an_error_that_names_the_url(body: bytes, n_texts: int) -> None:
    with pytest.raises(EndpointError, match=URL):
        parse_answer(body, n_texts, URL)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=9,
)


@given(JSON | st.fixed_dictionaries({"data": JSON}), JSON, JSON)
def test_no_json_raises_anything_but_an_error_that_names_the_url(
    facts: object, index: object, vector: object
) -> None:
    for spoilt in (facts, {"data": [{"index": index, "embedding": vector}]}):
        try:
            vectors = parse(spoilt, 1).vectors
        except EndpointError as error:
            assert URL in str(error)  # noqa: PT017 - most, but not all, are refused
        else:
            assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)


def test_rows_without_index_are_taken_in_order() -> None:
    answer = parse({"data": [{"embedding": [1, 0]}, {"embedding": [0, 2]}]}, 2)
    np.testing.assert_array_equal(answer.vectors, [[1, 0], [0, 1]])


def test_vectors_of_extreme_length_are_normalised_all_the_same() -> None:
    answer = parse(facts_of([[3e300, 4e300], [3e-300, 4e-300]]), 2)
    np.testing.assert_allclose(answer.vectors, [[0.6, 0.8], [0.6, 0.8]], atol=1e-7)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (facts_of([[1.0, 2.0]]), "1 vectors for 2 texts"),
        (facts_of([[1.0, 2.0]] * 3), "3 vectors for 2 texts"),
        ({"data": []}, "0 vectors for 2 texts"),
        ({"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]}, "numbered its vectors"),
        ({"data": [{"index": 1, "embedding": [1]}, {"index": 2, "embedding": [1]}]}, "numbered its vectors"),
        (
            {"data": [{"index": "0", "embedding": [1]}, {"index": "1", "embedding": [1]}]},
            "numbered its vectors",
        ),
        (
            {"data": [{"index": False, "embedding": [1]}, {"index": True, "embedding": [1]}]},
            "numbered its vectors",
        ),
        ({"data": [{"embedding": [1]}, {"index": 0, "embedding": [1]}]}, "numbered its vectors"),
        (facts_of([[1.0, 2.0], [1.0]]), "different lengths"),
        (facts_of([[1.0, math.nan], [1.0, 2.0]]), "NaN or infinite"),
        (facts_of([[1.0, math.inf], [1.0, 2.0]]), "NaN or infinite"),
        (facts_of([[1.0, 10**400], [1.0, 2.0]]), "different lengths|NaN or infinite"),
        (facts_of([[1.0, None], [1.0, 2.0]]), "null inside a vector"),
        (facts_of([[0.0, 0.0], [1.0, 2.0]]), "all-zero"),
        (facts_of([[], []]), "empty or all-zero"),
        (facts_of([[[1.0, 2.0]], [[1.0, 2.0]]]), "one vector per token"),
        (facts_of([["1", "2"], [1.0, 2.0]]), "no list of numbers"),
        (facts_of([{"a": 1}, [1.0, 2.0]]), "no list of numbers"),
        (facts_of(["@@@@", "AAAA"]), "not base64"),
        (facts_of(["AAAA", "AAAA"]), "not base64"),
        ({"error": {"message": "model is asleep"}}, "model is asleep"),
        ({"data": None}, "no list of vectors"),
        ([], "no list of vectors"),
    ],
)
def test_unusable_vectors_are_refused_with_the_reason(facts: object, reason: str) -> None:
    with pytest.raises(EndpointError, match=reason) as error:
        parse(facts, 2)
    assert str(error.value).startswith(URL)
    assert not error.value.is_transient


def test_html_page_is_refused_by_its_title() -> None:
    page = b"<!DOCTYPE html><html><head><title>Hotel\n Login</title></head></html>"
    with pytest.raises(EndpointError, match=r"an HTML page, Hotel Login.*/v1"):
        parse_answer(page, 1, URL)


@pytest.mark.parametrize(
    ("usage", "n_tokens"),
    [
        ({"prompt_tokens": 7, "total_tokens": 9}, 9),
        ({"prompt_tokens": 7}, 7),
        ({"prompt_tokens": 7, "total_tokens": 0}, 7),
        ({"prompt_tokens": 0, "total_tokens": 0}, None),
        ({"total_tokens": "9"}, None),
        (None, None),
    ],
)
def test_tokens_are_counted_only_where_the_server_counts_them(usage: object, n_tokens: int | None) -> None:
    assert parse({**facts_of([[1.0]]), "usage": usage}, 1).n_tokens == n_tokens
