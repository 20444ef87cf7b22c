import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from oasis_search.index.vectors import concatenate, from_bytes, missing, quantise, sign_bits, to_bytes

unit_rows = st.integers(0, 2**32 - 1).map(
    lambda seed: (lambda x: (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32))(
        np.random.default_rng(seed).standard_normal((5, 64))
    )
)


@given(
    npst.arrays(
        np.float32, (4, 16), elements=st.floats(-100, 100, width=32, allow_nan=False, allow_subnormal=False)
    )
)
def test_quantised_number_is_off_by_half_a_step_at_most(vectors: np.ndarray) -> None:
    column = quantise(vectors)
    error = np.abs(column.dequantised() - vectors)
    assert (error <= column.scales[:, None] * 0.5001 + 1e-30).all()


@given(unit_rows, unit_rows)
def test_quantised_cosines_change_by_less_than_a_hundredth(first: np.ndarray, second: np.ndarray) -> None:
    exact = first @ second.T
    assert np.abs(quantise(first).dequantised() @ quantise(second).dequantised().T - exact).max() < 0.01


def test_zero_and_non_finite_rows_have_no_vector() -> None:
    vectors = np.array([[0, 0], [np.nan, 1], [np.inf, 1], [1, -1]], np.float32)
    column = quantise(vectors)
    assert column.scales.tolist()[:3] == [0, 0, 0]
    assert not column.codes[:3].any()
    assert column.codes[3].tolist() == [127, -127]


def test_no_rows_quantise_to_no_rows() -> None:
    column = quantise(np.zeros((0, 8), np.float32))
    assert len(column) == 0
    assert column.dim == 8


def test_column_survives_its_byte_form() -> None:
    column = quantise(np.random.default_rng(1).standard_normal((7, 12)).astype(np.float32))
    again = from_bytes(to_bytes(column), 7)
    assert np.array_equal(again.codes, column.codes)
    assert np.array_equal(again.scales, column.scales)


def test_column_of_wrong_length_is_refused() -> None:
    column = quantise(np.ones((3, 4), np.float32))
    with pytest.raises(ValueError, match="reshape"):
        from_bytes(to_bytes(column) + b"x", 3)


def test_concatenation_keeps_rows_in_order() -> None:
    column = quantise(np.eye(3, dtype=np.float32))
    joined = concatenate([column, missing(2, 3), column.take(slice(0, 1))])
    assert joined.scales.astype(bool).tolist() == [True, True, True, False, False, True]
    assert np.array_equal(joined.codes[5], column.codes[0])


@given(npst.arrays(np.int8, st.tuples(st.integers(0, 5), st.integers(1, 130))))
def test_sign_bits_count_differing_signs(codes: np.ndarray) -> None:
    bits = sign_bits(codes)
    assert bits.shape == (-(-codes.shape[1] // 64), codes.shape[0])
    for i in range(len(codes)):
        for j in range(len(codes)):
            differing = int(np.bitwise_count(bits[:, i] ^ bits[:, j]).sum())
            assert differing == int(((codes[i] > 0) != (codes[j] > 0)).sum())
