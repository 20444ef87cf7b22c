"""Formatted and joined code in the nine languages, against Python's own tokenizer where there is one."""

import io
import json
import tokenize
from pathlib import Path

import pytest

import oasis_train.evaluation as package
from oasis_train.evaluation.forms import in_form, join_tokens, strip_documentation
from oasis_train.evaluation.suites import Pool, Suite

SAMPLES = {
    "python": (
        'def f(a):\n    """Say why."""\n    # note\n    return "x  y" + a  # end\n',
        'def f ( a ) : return "x  y" + a',
    ),
    "java": (
        "/** Doc. */\nint f(int a) {\n  // note\n  return a + g(\"x y\", 'c');\n}",
        "int f ( int a ) { return a + g ( \"x y\" , 'c' ) ; }",
    ),
    "javascript": (
        "function f(a) { /* no */ return `x ${a} y` + /a b/.test(a) }",
        "function f ( a ) { return `x ${a} y` + /a b/ . test ( a ) }",
    ),
    "typescript": ("const f = (a: string): number => a.length // n", None),
    "csharp": ('int F(int a) { /* n */ return a + G("x y"); }', None),
    "c": ("int f(int a) { /* n */ return a + g(\"x y\", 'c'); }", None),
    "ruby": ('def f(a)\n  # note\n  "x #{a} y" + a\nend', 'def f ( a ) "x #{a} y" + a end'),
    "php": (
        "function f($a) {\n  // note\n  return 'x y' . $a;\n}",
        "function f ( $a ) { return 'x y' . $a ; }",
    ),
    "go": ('func f(a int) int {\n\t// note\n\treturn g(a, "x y")\n}', None),
}


@pytest.mark.parametrize("language", SAMPLES)
def test_tokens_are_joined_by_one_blank_with_strings_whole_and_comments_out(language: str) -> None:
    code, expected = SAMPLES[language]
    joined = join_tokens(code, language)
    if expected is not None:
        assert joined == expected
    without = strip_documentation(code, language)
    assert "".join(joined.split()) == "".join(without.split())
    assert "note" not in without
    assert "Say" not in without


def test_python_tokens_are_those_of_pythons_own_tokenizer() -> None:
    shape = {
        tokenize.NEWLINE,
        tokenize.NL,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
        tokenize.COMMENT,
    }
    for name in ("suites.py", "metrics.py", "hard.py"):
        source = strip_documentation(
            (Path(package.__file__).parent / name).read_text(encoding="utf-8"), "python"
        )
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        expected = " ".join(token.string for token in tokens if token.type not in shape)
        found = join_tokens(source, "python")
        assert found.replace(" ", "") == expected.replace(" ", "").replace("\n", "\n")
        n_apart = abs(len(found.split(" ")) - len(expected.split(" ")))
        assert n_apart <= 0.02 * len(expected.split(" "))  # tree-sitter holds `not in` for one token


def test_strings_that_are_no_documentation_stay() -> None:
    code = "def f():\n    x = 'kept'\n    return x, 'kept too'\n"
    assert strip_documentation(code, "python") == code.rstrip("\n")
    assert "use strict" in strip_documentation("'use strict'; f()", "javascript")


def test_unknown_language_is_split_at_white_space() -> None:
    assert join_tokens("a  b\n c", "cobol") == "a b c"
    assert strip_documentation("# kept", "cobol") == "# kept"


def test_joined_suite_joins_codes_and_code_queries_alike() -> None:
    codes = ("int f( ) ;", "int g();")
    pool = Pool("all", ("a", "b"), codes, codes, ({"b": 1.0}, {"a": 1.0}), ("a", "b"), languages=("c", "c"))
    suite = in_form(Suite("c2c", "code2code", "MAP", (pool,)), "joined")
    assert suite.name == "c2c joined"
    assert suite.pools[0].codes == ("int f ( ) ;", "int g ( ) ;")
    assert suite.pools[0].queries == suite.pools[0].codes


def test_tokens_of_the_publisher_are_taken_where_there_are_any() -> None:
    pool = Pool("all", ("a",), ("f();",), ("call",), ({"a": 1.0},), (None,), joined_codes=("f ( ) ;",))
    suite = Suite("csn-go", "nl2code", "MRR@1000", (pool,))
    assert in_form(suite, "joined").pools[0].codes == ("f ( ) ;",)
    assert in_form(suite, "joined").pools[0].queries == ("call",)
    assert in_form(suite, "formatted") is suite


def test_cosqa_stays_formatted_in_both_forms() -> None:
    pool = Pool("all", ("a",), ("f()  # x",), ("call",), ({"a": 1.0},), (None,))
    suite = Suite("cosqa", "nl2code", "MRR@1000", (pool,))
    assert json.dumps(in_form(suite, "joined").pools[0].codes) == json.dumps(pool.codes)
