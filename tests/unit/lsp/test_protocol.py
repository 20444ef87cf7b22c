"""The declared protocol: the page says the same, and its examples have the declared shapes."""

import typing
from collections.abc import Mapping
from pathlib import Path

import pytest

from oasis_search.lsp import protocol
from oasis_search.lsp.page import render
from oasis_search.syntax.units import KINDS

PAGE = Path(__file__).parents[3] / "docs" / "protocol.md"


def test_page_says_what_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), (
        "The page and lsp/protocol.py differ. Run: python -P -m oasis_search.lsp.page > docs/protocol.md"
    )


@pytest.mark.parametrize("method", protocol.METHODS, ids=lambda method: method.name)
def test_examples_have_the_declared_shape(method: protocol.Method) -> None:
    for shape, example in ((method.params, method.example_params), (method.result, method.example_result)):
        assert (shape is None) == (example is None)
        if shape is not None:
            check(shape, example)


def test_every_method_is_described() -> None:
    page = render()
    for method in protocol.METHODS:
        assert f"### `{method.name}`" in page
        assert method.summary
        assert method.capability
        assert method.kind == "notification" or method.failures
    for command in protocol.COMMANDS:
        assert f"| `{command.name}` |" in page


def test_kinds_in_the_page_are_the_kinds_of_units() -> None:
    assert f"only these of {', '.join(f'`{kind}`' for kind in KINDS)}" in render()


def check(hint: object, value: object) -> None:
    """`value` is of the declared type, all the way down."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, type) and typing.is_typeddict(hint):
        assert isinstance(value, Mapping)
        fields = typing.get_type_hints(hint)
        assert hint.__required_keys__ <= value.keys() <= fields.keys()  # type: ignore[attr-defined]
        for key, item in value.items():
            check(fields[key], item)
    elif origin is list:
        assert isinstance(value, list)
        for item in value:
            check(arguments[0], item)
    elif origin is dict:
        assert isinstance(value, Mapping)
        for item in value.values():
            check(arguments[1], item)
    else:
        assert isinstance(hint, type)
        assert isinstance(value, (int, float) if hint is float else hint)
