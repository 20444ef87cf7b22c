from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oasis_search.index.snapshot
from oasis_search.index import FileRecord, decode_record, encode_record, unit_key
from oasis_search.index.fields import Field, term_id
from oasis_search.index.prepare import prepare
from oasis_search.syntax import language_by_name

SOURCE = Path(oasis_search.index.snapshot.__file__).read_bytes()


@pytest.fixture(scope="module")
def record() -> FileRecord:
    language = language_by_name("python")
    assert language is not None
    found, _, problems = prepare(SOURCE, language)
    assert not problems
    return found


COLUMNS = [
    "kinds",
    "parts",
    "spans",
    "name_spans",
    "keys",
    "lengths",
    "term_starts",
    "term_ids",
    "term_counts",
    "names",
    "containers",
]


def test_record_survives_its_byte_form(record: FileRecord) -> None:
    decoded = decode_record(encode_record(record))
    assert decoded is not None
    for column in COLUMNS:
        before, after = getattr(record, column), getattr(decoded, column)
        assert np.array_equal(before, after), column
        assert getattr(before, "dtype", None) == getattr(after, "dtype", None), column
    assert decoded.unit_keys() == record.unit_keys()


def test_record_of_an_empty_file_survives_its_byte_form() -> None:
    language = language_by_name("python")
    assert language is not None
    empty, _, _ = prepare(b"", language)
    decoded = decode_record(encode_record(empty))
    assert decoded is not None
    assert decoded.n_units == 0
    assert decoded.keys.shape == (0, 16)


def test_record_of_names_outside_ascii_survives_its_byte_form() -> None:
    language = language_by_name("python")
    assert language is not None
    found, _, _ = prepare("def größe_日本(x):\n    return x\n".encode(), language)
    decoded = decode_record(encode_record(found))
    assert decoded is not None
    assert decoded.names == ("größe_日本",)


@given(data=st.data())
def test_changed_byte_is_a_miss(record: FileRecord, data: st.DataObject) -> None:
    blob = bytearray(encode_record(record))
    at = data.draw(st.integers(0, len(blob) - 1))
    blob[at] ^= data.draw(st.integers(1, 255))
    assert decode_record(bytes(blob)) is None


@given(data=st.data())
def test_cut_or_lengthened_blob_is_a_miss(record: FileRecord, data: st.DataObject) -> None:
    blob = encode_record(record)
    assert decode_record(blob[: data.draw(st.integers(0, len(blob) - 1))]) is None
    assert decode_record(blob + data.draw(st.binary(min_size=1, max_size=40))) is None


@given(st.binary(max_size=200))
def test_noise_is_a_miss(blob: bytes) -> None:
    assert decode_record(blob) is None


def test_record_counts_terms_of_body_name_and_definition() -> None:
    language = language_by_name("python")
    assert language is not None
    record, bags, _ = prepare(
        b"class Http:\n    def send(self):\n        return parseDate(parseDate(1))\n", language
    )
    at = record.names.index("send")
    rows = slice(int(record.term_starts[at]), int(record.term_starts[at + 1]))
    counts = dict(zip(record.term_ids[rows].tolist(), record.term_counts[rows].tolist(), strict=True))
    assert counts[term_id(Field.BODY, "parsedate")] == 2
    assert counts[term_id(Field.BODY, "date")] == 2
    assert counts[term_id(Field.NAME, "http")] == 1
    assert counts[term_id(Field.DEFINITION, "send")] == 1
    assert counts[term_id(Field.DEFINITION, "http.send")] == 1
    assert term_id(Field.DEFINITION, "http") not in counts
    assert bags[at]["parseDate"] == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((b"a", "n", "c"), (b"b", "n", "c")),
        ((b"a", "n", "c"), (b"a", "m", "c")),
        ((b"a", "n", "c"), (b"a", "n", "d")),
        ((b"a", "n", ""), (b"a", "", "n")),
    ],
)
def test_unit_key_differs_when_text_name_or_container_differ(
    first: tuple[bytes, str, str], second: tuple[bytes, str, str]
) -> None:
    assert unit_key(*first) != unit_key(*second)
    assert unit_key(*first) == unit_key(*first)
