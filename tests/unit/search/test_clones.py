"""Clone levels: mechanical edits of real functions get the level that their kind of edit makes."""

import ast
import sysconfig
from pathlib import Path

import pytest

from oasis_search.search.clones import Level, clone_level, sketch
from oasis_search.syntax import language_by_name
from oasis_search.syntax.leaves import leaves

PYTHON = language_by_name("python")
assert PYTHON is not None


def level(first: str, second: str, one: str = "python", other: str = "python") -> Level:
    sketches = []
    for text, name in ((first, one), (second, other)):
        language = language_by_name(name)
        assert language is not None
        sketches.append(sketch(leaves(text.encode(), language), name))
    return clone_level(*sketches)


SUM = '''def total(items, tax):
    """Sum with tax."""
    # nothing is rounded
    result = 0
    for item in items:
        if item.price is None:
            continue
        result += item.price * (1 + tax)
    return result
'''


def test_layout_comments_and_docstrings_make_no_difference() -> None:
    again = "def total(items,tax):\n  result=0\n  for item in items:\n    if item.price is None:\n" + (
        "      continue  # free\n    result+=item.price*(1+tax)\n  return result"
    )
    assert level(SUM, again) == "exact"


def test_other_names_everywhere_the_same_are_a_renaming_and_a_mixture_is_not() -> None:
    renamed = SUM.replace("item", "row").replace("result", "amount").replace("total", "gross")
    assert level(SUM, renamed) == "renamed"
    assert level(SUM, SUM.replace("return result", "return tax")) == "edited"


@pytest.mark.parametrize(
    ("language", "first", "second", "expected"),
    [
        ("python", "def less(a: int, b: int): return a - b", "def less(a: int, b: int): return b - a",
         "edited"),
        ("python", "def minus(a=1, b=2): return a - b", "def minus(a=1, b=2): return b - a", "edited"),
        ("typescript", "function f(a: string, b: string) { copy(a, b); return a }",
         "function f(a: string, b: string) { copy(b, a); return b }", "edited"),
        ("rust", "fn f(a: &str, b: &str) { g(a, b); }", "fn f(a: &str, b: &str) { g(b, a); }", "edited"),
        ("python", "def f(x: int): return g(key=x)", "def f(y: int): return g(key=y)", "renamed"),
        ("python", "def f(x, z=1): return g(x=x, z=z)", "def f(y, w=1): return g(x=y, z=w)", "renamed"),
    ],
)  # fmt: skip
def test_a_parameter_with_a_type_or_default_is_the_variable_that_is_used(
    language: str, first: str, second: str, expected: str
) -> None:
    assert level(first, second, language, language) == expected


@pytest.mark.parametrize(
    ("first", "second"),
    [("function f(a) { return a + 1 }", "function f(a: number) { return a + 1 }")],
)
def test_typescript_can_be_a_copy_of_javascript(first: str, second: str) -> None:
    assert level(first, second, "javascript", "typescript") == "edited"
    assert level(first, "def f(a): return a + 1", "javascript", "python") == "behaviour"


@pytest.mark.parametrize(
    ("language", "first", "second"),
    [
        ("csharp", "void Run<T>(int n, T? last) { Go(n); last = Next<T>(n); }",
         "void Run<U>(int k, U? end) { Go(k); end = Next<U>(k); }"),
        ("javascript", "seed(x, y) { return this.show(`${x} of ${y}`) }",
         "seed(a, b) { return this.show(`${a} of ${b}`) }"),
        ("php", 'public function say($who) { echo "dear $who"; }',
         'public function say($one) { echo "dear $one"; }'),
        ("python", "def say(who):\n    return f'dear {who}'\n", "def say(one):\n    return f'dear {one}'\n"),
    ],
)  # fmt: skip
def test_methods_without_their_class_and_names_in_strings_are_renamed_too(
    language: str, first: str, second: str
) -> None:
    assert level(first, second, language, language) == "renamed"


def test_nothing_is_a_copy_of_nothing() -> None:
    assert level("", "") == "behaviour"
    assert level("# only a comment", SUM) == "behaviour"


MODULES = ("ast", "random", "shutil", "tempfile", "textwrap", "tarfile", "zipfile", "argparse")


def real_functions() -> list[str]:
    """Functions of the standard library with several statements, as they are written."""
    found = []
    for module in MODULES:
        source = (Path(sysconfig.get_path("stdlib")) / f"{module}.py").read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and len(node.body) > 3:
                text = ast.get_source_segment(source, node)
                if text and 8 < text.count("\n") < 60:
                    found.append(ast.unparse(ast.parse(_dedent(text))))
    return found


def _dedent(text: str) -> str:
    first, _, rest = text.partition("\n")
    margin = (
        min((len(line) - len(line.lstrip()) for line in rest.splitlines() if line.strip()), default=4) - 4
    )
    return "\n".join([first, *(line[max(margin, 0) :] for line in rest.splitlines())])


class Renamer(ast.NodeTransformer):
    """Gives every local name another."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(f"{node.id}_x", node.ctx) if node.id in self.names else node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(f"{node.arg}_x", node.annotation) if node.arg in self.names else node


def renamed(function: str) -> str:
    tree = ast.parse(function)
    names = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    return ast.unparse(Renamer(names).visit(tree))


def with_logging(function: str) -> str:
    tree = ast.parse(function)
    body = tree.body[0].body  # type: ignore[attr-defined]
    body.insert(len(body) // 2, ast.parse('log.debug("reached %s", __name__)').body[0])
    body.insert(0, ast.parse('log.debug("begins")').body[0])
    return ast.unparse(tree)


def reordered(function: str) -> str:
    tree = ast.parse(function)
    body = tree.body[0].body  # type: ignore[attr-defined]
    middle = len(body) // 2
    body[middle - 1], body[middle] = body[middle], body[middle - 1]
    return ast.unparse(tree)


def with_other_loops(function: str) -> str:
    """`for x in y:` as a `while True` over an iterator."""

    class Loops(ast.NodeTransformer):
        def visit_For(self, node: ast.For) -> list[ast.stmt]:
            self.generic_visit(node)
            start = ast.parse("steps = iter(None)").body[0]
            start.value.args = [node.iter]  # type: ignore[attr-defined]
            step = ast.parse("try:\n    value = next(steps)\nexcept StopIteration:\n    break").body[0]
            step.body[0].targets = [node.target]  # type: ignore[attr-defined]
            loop = ast.parse("while True:\n    pass").body[0]
            loop.body = [step, *node.body]  # type: ignore[attr-defined]
            return [start, loop]

    return ast.unparse(ast.fix_missing_locations(Loops().visit(ast.parse(function))))


def test_levels_of_mechanical_edits_are_right() -> None:
    functions = real_functions()
    assert len(functions) > 60
    judged: list[tuple[str, Level, Level]] = []
    for place, function in enumerate(functions):
        other = functions[(place + 7) % len(functions)]
        edits: list[tuple[str, str, Level]] = [
            ("layout", function.replace("    ", "  ") + "\n# seen\n", "exact"),
            ("renamed", renamed(function), "renamed"),
            ("logging", with_logging(function), "edited"),
            ("reordered", reordered(function), "edited"),
            ("another", other, "behaviour"),
        ]
        if "for " in function and "\n    for" in function:
            edits.append(("loops", with_other_loops(function), "edited"))
        for name, text, expected in edits:
            if name == "renamed" and text == function:
                continue
            judged.append((name, expected, level(function, text)))
    right = [expected == found for _, expected, found in judged]
    by_kind = {
        name: [found for kind, expected, found in judged if kind == name and found != expected]
        for name, _, _ in judged
    }
    assert sum(right) / len(right) >= 0.95, by_kind
