"""Text without a grammar: headings name sections, the rest comes in overlapping windows."""

from itertools import pairwise

from oasis_search.syntax import CodeUnit, cut_units, language_by_name
from oasis_search.syntax.split import MAX_BYTES


def cut(language: str, source: str) -> tuple[CodeUnit, ...]:
    row = language_by_name(language)
    assert row is not None
    units, problems = cut_units(source.encode(), row)
    assert problems == ()
    return units


def names(language: str, source: str) -> list[tuple[str, str]]:
    return [(unit.container, unit.name) for unit in cut(language, source)]


def paragraphs(n_paragraphs: int, n_lines: int) -> str:
    return "\n".join(
        "".join(f"line {line} of {paragraph}\n" for line in range(n_lines))
        for paragraph in range(n_paragraphs)
    )


def test_sections_are_named_by_heading_and_nested_by_level() -> None:
    source = "# Guide\nHello.\n## Install ##\nRun.\n### Linux\napt\n## Use\nType.\n"
    assert names("markdown", source) == [
        ("", "Guide"),
        ("Guide", "Install"),
        ("Guide.Install", "Linux"),
        ("Guide", "Use"),
    ]


def test_a_heading_without_text_goes_with_the_next_section() -> None:
    source = "# Guide\n\n## Install\n\nRun.\n"
    (unit,) = cut("markdown", source)
    assert (unit.container, unit.name, unit.span.start_byte) == ("Guide", "Install", 0)


def test_hashes_in_fences_and_front_matter_are_no_headings() -> None:
    source = "---\ntitle: x\n---\n# A\n```sh\n# not one\n```\n~~~\n# nor this\n~~~\n"
    assert names("markdown", source) == [("", ""), ("", "A")]


def test_code_within_a_line_opens_no_fence_and_a_fence_with_a_language_closes_none() -> None:
    assert names("markdown", "# A\n\n```npm install``` does it\n\n## B\n\nbody\n") == [("", "A"), ("A", "B")]
    source = "# A\n```\n```python\n# not one\n```\nbody\n# B\nbody\n"
    assert names("markdown", source) == [("", "A"), ("", "B")]


def test_underlined_headings() -> None:
    assert names("markdown", "Guide\n=====\nHello.\n\nInstall\n---\nRun.\n") == [
        ("", "Guide"),
        ("Guide", "Install"),
    ]
    source = "=====\nGuide\n=====\n\nHi.\n\nInstall\n=======\n\nRun.\n\nLinux\n-----\n\napt\n"
    assert names("rst", source) == [("", "Guide"), ("Guide", "Install"), ("Guide.Install", "Linux")]


def test_long_section_keeps_its_name_in_all_parts() -> None:
    units = cut("markdown", "# Guide\n\n" + paragraphs(12, 9))
    assert [unit.part for unit in units] == list(range(1, len(units) + 1))
    assert {unit.name for unit in units} == {"Guide"}
    assert len(units) > 2


def test_windows_end_at_blank_lines_and_overlap() -> None:
    source = paragraphs(20, 9)
    units = cut("toml", source)
    lines = source.splitlines()
    assert {(unit.kind, unit.language, unit.name) for unit in units} == {("text", "toml", "")}
    for before, after in pairwise(units):
        assert lines[before.span.end_line0 + 1] == ""
        assert 1 <= before.span.end_line0 - after.span.start_line0 + 1 <= 6
        assert 24 <= before.span.end_line0 - before.span.start_line0 + 1 <= 50


def test_short_file_is_one_window_named_by_nothing() -> None:
    (unit,) = cut("yaml", "\n---\n\nname: build\non: push\n")
    assert (unit.part, unit.name, unit.signature) == (0, "", "")
    assert (unit.name_span.start_line0, unit.name_span.end_byte) == (3, 17)


def test_one_endless_line_is_broken_at_words() -> None:
    source = "lorem ipsum dolor " * 2_000
    units = cut("text", source)
    assert all(unit.span.end_byte - unit.span.start_byte <= 2 * MAX_BYTES for unit in units)
    assert all(source[unit.span.start_byte] in "lid" for unit in units)


def test_broken_lines_keep_characters_whole() -> None:
    units = cut("text", "漢字" * 3_000)
    source = ("漢字" * 3_000).encode()
    assert all(source[unit.span.start_byte : unit.span.end_byte].decode() for unit in units)
    assert len(units) > 5
