"""Python's own library against `ast`, a second opinion on what is defined where."""

import ast
import sysconfig
from itertools import pairwise
from pathlib import Path

import pytest

from oasis_search.syntax import CodeUnit, cut_units, language_of

LIBRARY = Path(sysconfig.get_path("stdlib"))
FILES = [
    "argparse.py",
    "dataclasses.py",
    "enum.py",
    "functools.py",
    "json/decoder.py",
    "heapq.py",
    "pathlib.py",
]

Definition = tuple[str, str, str]


def cut(file: str) -> tuple[bytes, tuple[CodeUnit, ...]]:
    source = (LIBRARY / file).read_bytes()
    units, problems = cut_units(source, language_of(file))
    assert problems == ()
    return source, units


def definitions(body: list[ast.stmt], container: str, in_class: bool) -> dict[Definition, str]:
    """(kind, container, name) -> documentation of all that is defined outside functions.

    Without classes of one line inside classes, which stay in the head of theirs.
    """
    found: dict[Definition, str] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            kind = "method" if in_class else "function"
            found[kind, container, node.name] = ast.get_docstring(node) or ""
        elif isinstance(node, ast.ClassDef):
            if in_class and node.lineno == node.end_lineno:
                continue
            found["class", container, node.name] = ast.get_docstring(node) or ""
            found |= definitions(node.body, f"{container}.{node.name}".lstrip("."), True)
        else:
            for block in ("body", "orelse", "finalbody"):
                found |= definitions(getattr(node, block, []), container, in_class)
            for handler in getattr(node, "handlers", []):
                found |= definitions(handler.body, container, in_class)
    return found


@pytest.mark.parametrize("file", FILES)
def test_units_are_the_definitions_that_ast_sees(file: str) -> None:
    source, units = cut(file)
    expected = set(definitions(ast.parse(source).body, "", False))
    found = {(unit.kind, unit.container, unit.name) for unit in units if unit.name}
    assert expected <= found
    functions = {f"{container}.{name}".lstrip(".") for kind, container, name in expected if kind != "class"}
    assert {container for _, container, _ in found - expected} <= functions


@pytest.mark.parametrize("file", FILES)
def test_documentation_is_the_docstring_that_ast_sees(file: str) -> None:
    source, units = cut(file)
    expected = definitions(ast.parse(source).body, "", False)
    compared = 0
    for unit in units:
        if docstring := expected.get((unit.kind, unit.container, unit.name)):
            assert first_words(unit.doc) == first_words(docstring)
            compared += 1
    assert compared > 3


def first_words(doc: str) -> list[str]:
    return doc.split()[:3]


def test_parts_of_long_functions_begin_at_statements() -> None:
    source, units = cut("argparse.py")
    starts = {node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)}
    lines = source.decode().splitlines()
    ends = [
        before.span.end_line0
        for before, after in pairwise(units)
        if after.part > 1 and after.name == before.name and after.kind in ("function", "method")
    ]
    assert len(ends) > 5
    for end_line0 in ends:
        following = (line for line in range(end_line0 + 1, len(lines)) if lines[line].strip())
        assert next(line for line in following if not lines[line].lstrip().startswith("#")) + 1 in starts
