"""What becomes a unit, told by small sources."""

from itertools import pairwise

import pytest

from oasis_search.syntax import CodeUnit, cut_units, language_by_name

Expected = list[tuple[str, str, str]]


def cut(language: str, source: str) -> tuple[CodeUnit, ...]:
    row = language_by_name(language)
    assert row is not None
    units, problems = cut_units(source.encode(), row)
    assert problems == ()
    return units


def check(language: str, source: str, expected: Expected) -> None:
    """The units of `source` as (kind, container, name), in source order."""
    assert [(unit.kind, unit.container, unit.name) for unit in cut(language, source)] == expected


def text(source: str, unit: CodeUnit) -> str:
    return source.encode()[unit.span.start_byte : unit.span.end_byte].decode()


FILLER = "".join(f"    total += compute({number}, flags=total)\n" for number in range(70))


def test_nested_function_stays_in_its_parent() -> None:
    check(
        "python",
        "def outer():\n    def inner():\n        pass\n    return inner\n",
        [("function", "", "outer")],
    )


def test_large_nested_function_of_a_long_one_is_a_unit() -> None:
    inner = "    def inner():\n" + "".join(f"        step({number})\n" for number in range(10)) + "\n"
    units = cut("python", f"def outer(total):\n{FILLER}{inner}    return inner\n")
    assert ("outer", "inner") in [(unit.container, unit.name) for unit in units]
    assert {unit.name for unit in units} == {"outer", "inner"}


def test_class_is_its_head_and_methods_are_apart() -> None:
    source = 'class A:\n    """Doc."""\n    limit = 3\n\n    def run(self):\n        pass\n'
    check("python", source, [("class", "", "A"), ("method", "A", "run")])
    assert text(source, cut("python", source)[0]) == 'class A:\n    """Doc."""\n    limit = 3'


def test_class_without_methods_is_whole() -> None:
    source = "struct Point {\n  int x;\n\n  int y;\n};\n"
    units = cut("cpp", source)
    assert [text(source, unit) for unit in units] == [source.rstrip()]


def test_class_statements_behind_a_method_are_parts_of_the_class() -> None:
    source = (
        "class A {\n  void run() {}\n\n  private final Map<String, Integer> counts = new HashMap<>();\n}\n"
    )
    units = cut("java", source)
    assert [(unit.name, unit.part) for unit in units] == [("A", 1), ("run", 0), ("A", 2)]


def test_scraps_join_a_neighbour() -> None:
    source = "class A {\n public:\n  int a() { return 1; }\n\n private:\n  int b() { return 2; }\n};\n"
    check("cpp", source, [("class", "", "A"), ("method", "A", "a"), ("method", "A", "b")])


def test_module_code_between_definitions_is_a_unit_without_a_name() -> None:
    source = "import os\n\n\ndef run():\n    pass\n\n\nif __name__ == '__main__':\n    run(os.environ)\n"
    check("python", source, [("module", "", ""), ("function", "", "run"), ("module", "", "")])
    last = cut("python", source)[-1]
    assert last.calls == ("run",)
    assert source[last.name_span.start_byte : last.name_span.end_byte] == "if __name__ == '__main__':"


def test_runs_without_a_word_are_no_units() -> None:
    check("javascript", ";;\n{}\n\nfunction f() {}\n;\n", [("function", "", "f")])


@pytest.mark.parametrize("source", ["", "\n\n", " \t\r\n", "{}[]();"])
def test_a_file_without_words_has_no_units(source: str) -> None:
    check("javascript", source, [])
    check("text", source, [])


def test_comment_belongs_to_what_follows_without_a_blank_line() -> None:
    source = "// Apart.\n\n// Adds.\n// Twice.\nfunc Add(a int) int { return a }\n"
    units = cut("go", "package p\n\n" + source)
    assert units[-1].doc == "Adds.\nTwice."
    assert units[-1].span.start_line0 == 4


def test_decorators_belong_to_the_unit_but_not_to_its_signature() -> None:
    source = "@route('/a(b)')\n@cached\ndef show(id):\n    pass\n"
    (unit,) = cut("python", source)
    assert (unit.signature, unit.span.start_line0, unit.calls) == ("def show(id)", 0, ("route",))


def test_attributes_between_comment_and_definition() -> None:
    source = "/// Doc.\n#[cfg(\n  test\n)]\n#[inline]\npub fn run() {}\n"
    (unit,) = cut("rust", source)
    assert (unit.doc, unit.signature, unit.span.start_byte) == ("Doc.", "pub fn run()", 0)


@pytest.mark.parametrize(
    ("language", "source", "doc"),
    [
        ("java", "/**\n * Adds.\n *\n * @param a it\n */\nclass A {}\n", "Adds.\n\n@param a it"),
        ("c", "/* One line. */\nint f(void) { return 1; }\n", "One line."),
        ("rust", "/// A.\n///\n/// B.\nfn f() {}\n", "A.\n\nB."),
        ("csharp", "/// <summary>Greets.</summary>\nclass A {}\n", "Greets."),
        ("ruby", "# Adds\n# it.\ndef add; end\n", "Adds\nit."),
        ("bash", "########\n# Logs. #\n########\nlog() { echo; }\n", "Logs. #"),
        ("python", 'def f():\n    r"""\n    Adds.\n\n      Twice.\n    """\n', "Adds.\n\nTwice."),
        ("python", "# Above.\ndef f():\n    pass\n", "Above."),
        ("php", "<?php\n# Old style.\nfunction f() {}\n", "Old style."),
        ("javascript", "function f() {}\n", ""),
    ],
)
def test_documentation_has_no_markers(language: str, source: str, doc: str) -> None:
    assert cut(language, source)[-1].doc == doc


def test_calls_are_last_names_in_order_without_repeats() -> None:
    source = "def f(a):\n    a.b.first(second(), x[0].third)\n    first()\n    Thing.Kind(*args)()\n"
    (unit,) = cut("python", source)
    assert unit.calls == ("first", "second", "Kind")


def test_parts_of_a_long_function_share_its_names_and_overlap() -> None:
    source = f"def long(total):\n{FILLER}    return total\n"
    units = cut("python", source)
    assert len(units) > 1
    assert [unit.part for unit in units] == list(range(1, len(units) + 1))
    assert {(unit.kind, unit.name, unit.signature) for unit in units} == {
        ("function", "long", "def long(total)")
    }
    for before, after in pairwise(units):
        assert before.span.start_byte < after.span.start_byte < before.span.end_byte < after.span.end_byte


def test_signature_is_one_line_of_at_most_200_characters() -> None:
    arguments = ",\n    ".join(f"argument_{number}: int = {number}" for number in range(40))
    (unit, *_) = cut("python", f"def f(\n    {arguments},\n) -> None:\n    pass\n")
    assert unit.signature.startswith("def f( argument_0: int = 0, argument_1")
    assert len(unit.signature) <= 200
    assert "\n" not in unit.signature


def test_signature_leaves_comments_out() -> None:
    (unit,) = cut("python", 'def f(a, b="#"):  \n    # note\n    pass\n')
    assert unit.signature == 'def f(a, b="#")'


def test_function_members_of_an_object_carry_its_name() -> None:
    source = "export const api = {\n  get() {},\n  put: async () => {},\n  options: { retries: 3 },\n};\n"
    check("typescript", source, [("function", "api", "get"), ("function", "api", "put")])


def test_object_of_values_is_ordinary_code() -> None:
    check("javascript", "const a = { b: { c: 1 } };\nconst d = 2;\n", [("module", "", "")])


def test_container_drops_type_arguments_and_pointers() -> None:
    check("go", "func (s *Store[K, V]) Get() {}\n", [("method", "Store", "Get")])
    check("cpp", "int a::Map<std::vector<int>>::size() const { return 1; }\n", [("method", "a.Map", "size")])
    check("rust", "impl<T> From<T> for a::Wrap<T> {\n    fn from(t: T) -> Self { t }\n}\n", [
        ("class", "", "Wrap"),
        ("method", "Wrap", "from"),
    ])  # fmt: skip


def test_php_namespace_statement_reaches_to_the_next() -> None:
    source = "<?php\nnamespace A\\B;\nclass C {}\nnamespace D;\nfunction f() {}\n"
    check("php", source, [("class", "A.B", "C"), ("function", "D", "f")])


def test_half_typed_code_still_gives_its_neighbours() -> None:
    source = "def first():\n    return 1\n\ndef second(\n\ndef third():\n    return 3\n"
    names = [unit.name for unit in cut("python", source)]
    assert "first" in names


def test_crlf_lines_and_non_ascii_names() -> None:
    source = (
        "# Größe.\r\ndef größe(maß):\r\n    return maß\r\n\r\nanimals = {'🦊': 'fox', '🐕': 'dog', 3: 4}\r\n"
    )
    units = cut("python", source)
    encoded = source.encode()
    assert (units[0].name, units[0].doc) == ("größe", "Größe.")
    name = units[0].name_span
    assert encoded[name.start_byte : name.end_byte].decode() == "größe"
    assert (units[0].span.start_line0, units[0].span.end_line0) == (0, 2)


def test_small_callbacks_stay_in_their_statement_and_large_ones_do_not() -> None:
    small = "  const add = (a) => a + 1;\n"
    large = "  const sum = (rows) => {\n" + "    rows.push(rows.pop() + 1);\n" * 5 + "  };\n"
    start = "describe('adding numbers to other numbers', () => {\n"
    check("javascript", start + small + "  expect(add(1)).toBe(2);\n});\n", [("module", "", "")])
    check(
        "javascript",
        start + large + "  expect(sum([1, 2, 3, 4, 5])).toBe(17);\n});\n",
        [("module", "", ""), ("function", "", "sum"), ("module", "", "")],
    )


def test_anonymous_class_stays_in_its_field() -> None:
    source = "class A {\n  Runnable run = new Runnable() {\n    public void run() { go(); }\n  };\n}\n"
    check("java", source, [("class", "", "A")])


def test_preprocessor_conditions_and_titles_join_what_follows() -> None:
    condition = "#if defined(__linux__) && defined(__x86_64__)"
    source = f"#include <a.h>\n\n/* Sums. */\n\n{condition}\nint sum(void) {{ return 1; }}\n#endif\n"
    units = cut("c", source)
    assert [(unit.kind, unit.name) for unit in units] == [("module", ""), ("function", "sum")]
    assert text(source, units[1]).endswith("#endif")


def test_header_of_a_namespace_goes_with_its_first_unit() -> None:
    source = "namespace Some.Company.With.A.Long.Name.And.More\n{\n    class A { int x; }\n}\n"
    units = cut("csharp", source)
    assert [(unit.container, unit.name) for unit in units] == [
        ("Some.Company.With.A.Long.Name.And.More", "A")
    ]
    assert units[0].span.start_byte == 0
