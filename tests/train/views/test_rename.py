"""Renaming in nine languages: names change everywhere or nowhere, and the structure never."""

# ruff: noqa: E501 - a program per line

import random

import pytest

from oasis_train.refine.trees import TreeBuilder, TreeConfig
from oasis_train.views.rename import rename_identifiers
from oasis_train.views.translate import mix_languages

CODES = {
    "python": ("total", "def total(rows, *, tax=0):\n    found = sum(r.price for r in rows)\n    return found + tax\n"),
    "java": ("total", "public int total(List<Row> rows, int tax) {\n  int found = rows.size();\n  return found + tax;\n}"),
    "javascript": ("total", "function total(rows, tax) {\n  const found = rows.length;\n  return found + tax;\n}"),
    "typescript": ("total", "function total(rows: Row[], tax: number) {\n  let found = rows.length;\n  return found + tax;\n}"),
    "csharp": ("Total", "public int Total(IList<Row> rows, int tax) {\n  var found = rows.Count;\n  return found + tax;\n}"),
    "c": ("total", "int total(struct row *rows, int tax) {\n  int found = rows->size;\n  return found + tax;\n}"),
    "ruby": ("total", "def total(rows, tax)\n  found = rows.size\n  found + tax\nend"),
    "php": ("total", "function total($rows, $tax) {\n  $found = count($rows);\n  return $found + $tax;\n}"),
    "go": ("Total", "func Total(rows []Row, tax int) int {\n\tfound := len(rows)\n\treturn found + tax\n}"),
    "rust": ("total", "fn total(rows: &[Row], tax: usize) -> usize {\n  let found = rows.len();\n  found + tax\n}"),
}  # fmt: skip


@pytest.mark.parametrize("language", CODES)
def test_name_and_variables_are_gone_and_the_tree_is_the_same(language: str) -> None:
    name, code = CODES[language]
    for seed in range(8):
        renamed = rename_identifiers(code, language, name, random.Random(seed), variables=True)
        assert renamed is not None
        for word in ("total", "rows", "tax", "found"):
            assert word not in renamed.lower().replace("rows.size", ""), (word, renamed)
        builder = TreeBuilder(TreeConfig())
        before, after = builder.build(code, language), builder.build(renamed, language)
        assert before is not None
        assert after is not None
        assert list(before.labels) == list(after.labels)


@pytest.mark.parametrize("language", CODES)
def test_the_name_alone(language: str) -> None:
    name, code = CODES[language]
    renamed = rename_identifiers(code, language, name, random.Random(1), variables=False)
    assert renamed is not None
    assert name not in renamed
    assert all(word in renamed for word in ("rows", "tax", "found"))


def test_attributes_stay_and_an_unknown_language_is_none() -> None:
    code = "def read(self, name):\n    return self.name.read(name)\n"
    renamed = rename_identifiers(code, "python", "read", random.Random(3), variables=True)
    assert renamed is not None
    assert ".name.read(" in renamed
    assert "self" in renamed
    assert rename_identifiers("x", "cobol", "x", random.Random(1), variables=True) is None


def test_words_of_other_languages_are_drawn_once_for_each_word() -> None:
    code = "def f(rows):\n    rows.append(len(rows))\n    rows.append(None)\n"
    mixed = {mix_languages(code, random.Random(seed)) for seed in range(20)}
    assert len(mixed) > 10
    assert all(text.count("rows") == 4 for text in mixed)
    appended = [text.split("rows.")[1].split("(")[0] for text in mixed]
    assert all(text.count(f"rows.{word}(") == 2 for text, word in zip(mixed, appended, strict=True))
