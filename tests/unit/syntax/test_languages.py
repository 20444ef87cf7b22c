"""Files, editors and shebang lines find their row of the table."""

import subprocess
import sys
from pathlib import PurePath

import pytest

from oasis_search.syntax import LANGUAGES, language_by_lsp_id, language_by_name, language_of
from oasis_search.syntax.grammars import load_grammar


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.py", "python"),
        ("src/App.JSX", "javascript"),
        ("a.d.ts", "typescript"),
        ("view.tsx", "tsx"),
        ("a.h", "c"),
        ("a.hpp", "cpp"),
        ("C:\\code\\Program.cs", "csharp"),
        ("Dockerfile", "dockerfile"),
        ("Dockerfile.dev", "dockerfile"),
        ("Makefile", "makefile"),
        ("CMakeLists.txt", "cmake"),
        ("Gemfile", "ruby"),
        (".bashrc", "bash"),
        (".env", "ini"),
        ("README.md", "markdown"),
        ("LICENSE", "text"),
        ("unknown.xyz", "text"),
        ("no_extension", "text"),
        ("", "text"),
        ("dir.py/notes", "text"),
    ],
)
def test_language_by_file_name(path: str, name: str) -> None:
    assert language_of(path).name == name
    assert language_of(PurePath(path)).name == name


@pytest.mark.parametrize(
    ("first_line", "name"),
    [
        (b"#!/bin/sh", "bash"),
        (b"#!/usr/bin/env python3.11", "python"),
        (b"#! /usr/bin/env -S node --flag", "javascript"),
        (b"#!/usr/local/bin/ruby -w\r", "ruby"),
        (b"#!/opt/strange", "text"),
        (b"#!", "text"),
        (b"\xff\xfe", "text"),
    ],
)
def test_language_by_first_line(first_line: bytes, name: str) -> None:
    assert language_of("bin/tool", first_line).name == name


def test_file_name_wins_over_first_line() -> None:
    assert language_of("a.rb", b"#!/bin/sh").name == "ruby"


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("python", "python"),
        ("typescriptreact", "tsx"),
        ("javascriptreact", "javascript"),
        ("shellscript", "bash"),
        ("csharp", "csharp"),
        ("plaintext", "text"),
        ("restructuredtext", "rst"),
        ("cuda-cpp", "cpp"),
    ],
)
def test_language_by_editor_identifier(identifier: str, name: str) -> None:
    language = language_by_lsp_id(identifier)
    assert language is not None
    assert language.name == name


def test_unknown_names_have_no_language() -> None:
    assert language_by_name("klingon") is None
    assert language_by_lsp_id("klingon") is None


def test_names_extensions_and_file_names_are_unambiguous() -> None:
    for field in ("extensions", "filenames", "interpreters"):
        values = [value for language in LANGUAGES for value in getattr(language, field)]
        assert sorted(values) == sorted(set(values))
        assert all(value == value.lower() for value in values)
    names = [name for language in LANGUAGES for name in {language.name, *language.lsp_ids}]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("language", [row for row in LANGUAGES if row.grammar], ids=lambda row: row.name)
def test_grammar_and_query_load_once(language: object) -> None:
    row = next(row for row in LANGUAGES if row is language)
    assert load_grammar(row) is load_grammar(row)


def test_a_language_without_grammar_is_a_caller_mistake() -> None:
    language = language_by_name("toml")
    assert language is not None
    with pytest.raises(ValueError, match="toml has no grammar"):
        load_grammar(language)


def test_cutting_one_language_imports_no_other_grammar() -> None:
    code = (
        "import sys; from oasis_search.syntax import cut_units, language_of;"
        "loaded = lambda: [name for name in sys.modules if name.startswith('tree_sitter_')];"
        "before = loaded(); cut_units(b'package p', language_of('a.go'));"
        "print(before, [name for name in loaded() if '.' not in name])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[] ['tree_sitter_go']"
