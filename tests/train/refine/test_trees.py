"""Code to trees: what counts in a label, and methods without their class in every language."""

import pytest

from oasis_train.errors import RecipeError
from oasis_train.refine.tree_distance import Tree, tree_distance
from oasis_train.refine.trees import Leaves, TreeBuilder, TreeConfig


def distance(a: str, b: str, language: str = "python", leaves: Leaves = "type") -> int:
    builder = TreeBuilder(TreeConfig(leaves=leaves))
    trees = builder.build(a, language), builder.build(b, language)
    assert isinstance(trees[0], Tree)
    assert isinstance(trees[1], Tree)
    return tree_distance(*trees)  # type: ignore[arg-type]


FIRST = "def add(a, b):\n    # sum\n    return a + 1\n"


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ("    def plus(x, y):\n        return x + 2\n", (0, 1, 5)),
        ("def add(a, b):\n    return a - 1\n", (1, 1, 1)),
        ("def add(a, b):\n    return a + '1'\n", (4, 4, 4)),
        ("def add(a):\n    return a + 1\n", (1, 1, 1)),
    ],
)
def test_labels_are_types_operators_and_by_choice_texts(second: str, expected: tuple[int, int, int]) -> None:
    assert distance(FIRST, second, leaves="type") == expected[0]
    assert distance(FIRST, second, leaves="literal") == expected[1]
    assert distance(FIRST, second, leaves="text") == expected[2]


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("java", "@Override\npublic int size() {\n  return count + 1;\n}"),
        ("csharp", "public override int Size() {\n  return count + 1;\n}"),
        ("javascript", "async size() {\n  return this.count + 1;\n}"),
        ("typescript", "public size(): number {\n  return this.count + 1;\n}"),
        ("php", "public function size() {\n  return $this->count + 1;\n}"),
        ("php", "function size() {\n  return $count + 1;\n}"),
        ("ruby", "def size\n  @count + 1\nend"),
        ("go", "func (s *Stack) Size() int {\n\treturn s.count + 1\n}"),
        ("c", "int size(struct stack *s) {\n  return s->count + 1;\n}"),
    ],
)
def test_functions_and_methods_parse_without_what_encloses_them(language: str, code: str) -> None:
    builder = TreeBuilder(TreeConfig(leaves="text"))
    assert distance(code, code.replace("+", "-"), language) == 1
    assert builder.build(code, language) is not None
    assert not [label for label in builder._labels if "ERROR" in label]


def test_a_renamed_copy_is_at_distance_zero() -> None:
    assert distance(FIRST, FIRST.replace("add", "sum_of").replace("a", "value")) == 0


def test_large_functions_and_languages_without_grammar_have_no_tree() -> None:
    builder = TreeBuilder(TreeConfig(max_nodes=10))
    assert builder.build("f(" + "1, " * 20 + ")", "python") is None
    assert builder.build("fun f() = 1", "kotlin") is None
    assert builder.build("", "python") is not None


def test_unusable_settings_are_named() -> None:
    with pytest.raises(RecipeError, match=r"trees\.leaves is 'all'"):
        TreeConfig(leaves="all")  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match=r"trees\.max_nodes is 5000"):
        TreeConfig(max_nodes=5_000)
