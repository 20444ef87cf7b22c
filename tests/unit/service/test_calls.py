"""A call believes nothing: vectors are checked row by row, and what was answered is never asked again."""

import numpy as np
import pytest

from oasis_search.encoder.protocol import Vectors
from oasis_search.errors import EncoderError
from oasis_search.service.calls import REQUEST_CHARACTERS, Call
from oasis_search.service.errors import EncoderUnavailable, TextsRefused
from oasis_search.service.wire import Frame, WireError


def call(*texts: str) -> Call:
    return Call(7, texts, "code", is_urgent=False)


def answer(rows: list[int], vectors: Vectors, **fields: object) -> Frame:
    shape = list(vectors.shape)
    return Frame({"rows": rows, "shape": shape, "fingerprint": "f", **fields}, vectors.tobytes())


def unit(*angles: float) -> Vectors:
    return np.array([[np.cos(a), np.sin(a)] for a in angles], dtype=np.float32)


def asked(pending: Call) -> list[object]:
    return [fields["rows"] for fields in pending.requests()]


def test_rows_arrive_in_any_order_and_portions() -> None:
    pending = call("a", "b", "c")
    pending.take(answer([2, 0], unit(2, 0)), 2, "f")
    assert not pending.done.is_set()
    assert asked(pending) == [[1]]
    pending.take(answer([1], unit(1)), 2, "f")
    assert pending.done.is_set()
    np.testing.assert_array_equal(pending.result(), unit(0, 1, 2))
    assert asked(pending) == []


def test_a_long_call_is_several_requests() -> None:
    big = "x" * REQUEST_CHARACTERS
    assert asked(call("a", big, "b", "c")) == [[0, 1], [2, 3]]


@pytest.mark.parametrize(
    "bad", [[np.nan, 0], [np.inf, 0], [0.5, 0], [1, 1], [3e38, 3e38], [1e-30, 0], [-np.inf, np.inf]]
)
def test_row_that_is_no_unit_vector_is_refused_and_the_others_are_kept(bad: list[float]) -> None:
    pending = call("a", "b", "c")
    vectors = unit(0, 1, 2)
    vectors[1] = bad
    pending.take(answer([0, 1, 2], vectors), 2, "f")
    with pytest.raises(TextsRefused, match="text 1: its vector has length") as refused:
        pending.result()
    assert refused.value.rows == (1,)
    np.testing.assert_array_equal(refused.value.vectors, unit(0, 1, 2) * [[1], [0], [1]])


def test_zero_vector_is_sound() -> None:
    pending = call("§")
    pending.take(answer([0], np.zeros((1, 2), np.float32)), 2, "f")
    assert not pending.result().any()


@pytest.mark.parametrize(
    ("frame", "named"),
    [
        (answer([0, 1], np.ones((2, 3), np.float32)), r"shape \[2, 3\]"),
        (answer([0, 1], unit(0)), r"shape \[1, 2\]"),
        (Frame({"rows": [0], "shape": [1, 2], "fingerprint": "f"}, b"1234"), "shape"),
        (answer([0], unit(0), fingerprint="g"), "changed"),
    ],
)
def test_wrong_shape_or_fingerprint_fails_the_call(frame: Frame, named: str) -> None:
    pending = call("a", "b")
    pending.take(frame, 2, "f")
    with pytest.raises(EncoderError, match=named):
        pending.result()


@pytest.mark.parametrize("rows", [[], [2], [-1], [0, 0]])
def test_rows_that_were_not_asked_for_are_against_the_protocol(rows: list[int]) -> None:
    pending = call("a", "b")
    with pytest.raises(WireError):
        pending.take(answer(rows, unit(*map(float, rows))), 2, "f")
    pending.take(answer([0], unit(0)), 2, "f")
    with pytest.raises(WireError):
        pending.refuse(Frame({"rows": [0], "reason": "no"}), 2)


def test_first_error_stays() -> None:
    pending = call("a")
    pending.fail(EncoderUnavailable("first"))
    pending.fail(EncoderError("second"))
    with pytest.raises(EncoderUnavailable, match="first"):
        pending.result()
