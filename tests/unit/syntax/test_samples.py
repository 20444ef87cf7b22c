"""One realistic sample per language, and the units it must give, both as text files to read side by side.

`UPDATE_UNITS=1 pytest tests/unit/syntax/test_samples.py` rewrites the `.units` files; review the difference.
"""

import os
from pathlib import Path

import pytest

from oasis_search.syntax import LANGUAGES, CodeUnit, Language, cut_units, language_by_name

SAMPLES = Path(__file__).parent / "samples"
NAMES = sorted(path.stem for path in SAMPLES.glob("*.txt"))


def language_of_sample(name: str) -> Language:
    language = language_by_name(name.partition("-")[0])
    assert language is not None
    return language


def listing(unit: CodeUnit) -> str:
    lines = f"{unit.span.start_line0 + 1}-{unit.span.end_line0 + 1}"
    part = f" part {unit.part}" if unit.part else ""
    rows = [f"{unit.kind} {unit.container or '.'} {unit.name or '.'}{part} ({lines})"]
    rows += [f"    {unit.signature}"] if unit.signature else []
    rows += [f"    doc   {line}" for line in unit.doc.splitlines()]
    rows += [f"    calls {' '.join(unit.calls)}"] if unit.calls else []
    return "\n".join(rows)


def test_every_grammar_has_a_sample() -> None:
    with_grammar = {language.name for language in LANGUAGES if language.grammar}
    assert with_grammar <= {name.partition("-")[0] for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_sample_gives_the_expected_units(name: str) -> None:
    units, problems = cut_units((SAMPLES / f"{name}.txt").read_bytes(), language_of_sample(name))
    text = "\n".join(listing(unit) for unit in units) + "\n"
    golden = SAMPLES / f"{name}.units"
    if os.environ.get("UPDATE_UNITS"):
        golden.write_text(text, encoding="utf-8")
    assert problems == ()
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_name_span_of_a_named_unit_holds_its_name(name: str) -> None:
    source = (SAMPLES / f"{name}.txt").read_bytes()
    units, _ = cut_units(source, language_of_sample(name))
    named = [unit for unit in units if unit.name]
    for unit in named:
        assert source[unit.name_span.start_byte : unit.name_span.end_byte].decode() == unit.name
    assert named or name == "yaml"
