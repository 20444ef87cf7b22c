"""The layer behind a table's sums: what it computes, and that a text's vector is its own."""

from dataclasses import replace

import numpy as np
import pytest

from oasis_search.encoder.head import Head, pack_heads, quantise_head, unpack_heads
from oasis_search.encoder.protocol import Vectors


def head(dim: int = 8, hidden: int = 12) -> Head:
    inner, bias, outer = weights(dim, hidden)
    return quantise_head(inner, bias[0], outer)


def weights(dim: int, hidden: int) -> tuple[Vectors, Vectors, Vectors]:
    generator = np.random.default_rng(4)
    shapes = ((dim, hidden), (1, hidden), (hidden, dim))
    inner, bias, outer = (generator.normal(size=shape).astype(np.float32) for shape in shapes)
    return inner, bias, outer


def unit_rows(n: int, dim: int = 8) -> Vectors:
    rows = np.random.default_rng(5).normal(size=(n, dim)).astype(np.float32)
    found: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return found


def test_head_adds_one_hidden_layer_and_normalises() -> None:
    inner, bias, outer = weights(8, 12)
    rows = unit_rows(3)
    expected = []
    for row in rows:
        hidden = [max(0.0, float(row @ inner[:, j]) + float(bias[0, j])) for j in range(12)]
        changed = row + sum(hidden[j] * outer[j] for j in range(12))
        expected.append(changed / np.linalg.norm(changed))
    np.testing.assert_allclose(head().apply(rows), np.array(expected), atol=0.02)  # 8 bits


def test_rows_of_zeros_stay_zero_and_the_input_is_left_alone() -> None:
    rows = unit_rows(2)
    rows[1] = 0
    before = rows.copy()
    found = head().apply(rows)
    assert not found[1].any()
    assert np.array_equal(rows, before)
    assert head().apply(rows[:0]).shape == (0, 8)


@pytest.mark.parametrize("hidden", [512, 1024])
def test_a_vector_does_not_depend_on_what_else_is_encoded(hidden: int) -> None:
    layer, rows = head(256, hidden), unit_rows(70, 256)
    together = layer.apply(rows)
    for index in range(70):
        assert np.array_equal(layer.apply(rows[index : index + 1])[0], together[index])


def test_packed_heads_come_back_and_what_does_not_fit_is_named() -> None:
    packed = pack_heads({"code": head(), "query": head()})
    found = unpack_heads(packed, ("code", "query"), 8)
    assert np.array_equal(found["code"].apply(unit_rows(3)), head().apply(unit_rows(3)))
    with pytest.raises(ValueError, match="do not fit"):
        unpack_heads(packed, ("code", "query"), 9)
    wrong = pack_heads({"code": replace(head(), bias=np.zeros(5, np.float32)), "query": head()})
    with pytest.raises(ValueError, match="code: shapes"):
        unpack_heads(wrong, ("code", "query"), 8)
    del packed["query.bias"]
    with pytest.raises(ValueError, match=r"query\.bias"):
        unpack_heads(packed, ("code", "query"), 8)
    with pytest.raises(ValueError, match="not exact"):
        head(8, 2000)
