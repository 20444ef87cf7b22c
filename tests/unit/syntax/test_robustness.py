"""Whatever the bytes: cutting does not raise, loses no word, and gives the same units again."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oasis_search.syntax import LANGUAGES, CodeUnit, Language, cut_units, language_by_name

SAMPLES = {path.stem: path.read_bytes() for path in sorted((Path(__file__).parent / "samples").glob("*.txt"))}
TRICKY = [
    b"(",
    b"{",
    b"}",
    b'"',
    b"'''",
    b"/*",
    b"*/",
    b"#",
    b"//",
    b"\n",
    b"\n\n",
    b"class ",
    b"\0",
    b"\xff",
    b"\r",
]
WORD = re.compile(rb"[\w\x80-\xff]")

slow_machine = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
languages = st.sampled_from(
    [row for row in LANGUAGES if row.grammar or row.name in ("markdown", "rst", "text")]
)


def check_invariants(source: bytes, language: Language) -> tuple[CodeUnit, ...]:
    units, problems = cut_units(source, language)
    assert (units, problems) == cut_units(source, language)
    covered = bytearray(len(source))
    newlines = [match.start() for match in re.finditer(rb"\n", source)]
    previous = 0
    for unit in units:
        span, name = unit.span, unit.name_span
        assert 0 <= span.start_byte < span.end_byte <= len(source)
        assert 0 <= name.start_byte <= name.end_byte <= len(source)
        assert previous <= span.start_byte
        previous = span.start_byte
        assert span.start_line0 == sum(newline < span.start_byte for newline in newlines)
        assert span.end_line0 == sum(newline < span.end_byte - 1 for newline in newlines)
        assert WORD.search(source, span.start_byte, span.end_byte)
        assert len(unit.signature) <= 200
        assert "\n" not in unit.signature
        if unit.name:
            assert source[name.start_byte : name.end_byte].decode(errors="replace") == unit.name
        covered[span.start_byte : span.end_byte] = b"\1" * (span.end_byte - span.start_byte)
    lost = [match.start() for match in WORD.finditer(source) if not covered[match.start()]]
    assert lost == []
    return units


def row(name: str) -> Language:
    language = language_by_name(name.partition("-")[0])
    assert language is not None
    return language


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_keep_the_invariants(name: str) -> None:
    assert check_invariants(SAMPLES[name], row(name))


@slow_machine
@given(st.binary(max_size=400), languages)
def test_arbitrary_bytes(source: bytes, language: Language) -> None:
    check_invariants(source, language)


@slow_machine
@given(
    st.lists(st.sampled_from([*TRICKY, b"def f():", b"function f() {", b"x", b" "]), max_size=60), languages
)
def test_fragments_of_code(fragments: list[bytes], language: Language) -> None:
    check_invariants(b"".join(fragments), language)


@slow_machine
@given(st.data())
def test_mutated_code(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(SAMPLES)))
    source = bytearray(SAMPLES[name])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(source)))
        until = min(len(source), at + data.draw(st.integers(0, 12)))
        source[at:until] = data.draw(st.sampled_from([b"", *TRICKY]))
    check_invariants(bytes(source), row(name))


@slow_machine
@given(st.data())
def test_truncated_code(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(SAMPLES)))
    check_invariants(SAMPLES[name][: data.draw(st.integers(0, len(SAMPLES[name])))], row(name))


@slow_machine
@given(st.data())
def test_code_of_another_language(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(SAMPLES)))
    check_invariants(SAMPLES[name], data.draw(languages))


PATHOLOGICAL = {
    "open brackets": b"(" * 10_000,
    "nested brackets": b"[" * 10_000 + b"]" * 10_000,
    "nested calls": b"f(" * 10_000 + b")" * 10_000,
    "chained calls": b"a" + b".b()" * 10_000,
    "open braces on lines": b"x {\n" * 10_000,
    "one line": b"abc " * 250_000,
    "one word": b"a" * 1_000_000,
    "no words": b"\0" * 100_000,
    "words and NUL": b"a\0" * 10_000,
    "not UTF-8": b"\xff\xfe" * 10_000,
    "open quotes": b'"' * 10_000,
    "open comments": b"/*" * 10_000,
    "long comment": b"/* x */\n" * 10_000 + b"int f() {}\n",
    "deep indentation": b"".join(b" " * depth + b"if x:\n" for depth in range(600)),
}


@pytest.mark.parametrize("source", PATHOLOGICAL.values(), ids=list(PATHOLOGICAL))
@pytest.mark.parametrize("name", ["python", "typescript", "cpp", "markdown"])
def test_pathological_input_is_cut_too(source: bytes, name: str) -> None:
    units, _ = cut_units(source, row(name))
    assert bool(units) == bool(WORD.search(source))
    assert all(unit.span.end_byte - unit.span.start_byte <= 4_000 or not unit.part for unit in units)


def test_classes_nested_beyond_reason_stay_within_their_parents() -> None:
    source = b"class A {\n" * 3_000 + b"int x;\n" + b"}\n" * 3_000
    units, problems = cut_units(source, row("java"))
    assert problems == ()
    assert units[0].name == "A"


def test_a_grammar_that_gives_up_leads_to_windows_and_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oasis_search.syntax.grammars.PARSE_BUDGET_S", -100.0)
    source = b"def f():\n    pass\n" * 2_000
    units, problems = cut_units(source, row("python"))
    assert {unit.kind for unit in units} == {"text"}
    assert [problem.reason for problem in problems] == ["parse-error"]
    assert "python" in problems[0].detail
