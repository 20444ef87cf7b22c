"""Sentences about messages that do not fit the protocol's types."""

from typing import Any

import pytest
from cattrs.errors import ClassValidationError
from lsprotocol import types

from oasis_search.lsp.dispatch import plain_converter
from oasis_search.lsp.unreadable import complaint

CONVERTER = plain_converter()


@pytest.mark.parametrize(
    ("kind", "params", "sentence"),
    [
        (types.WorkspaceSymbolRequest, {}, 'm: "query" must be a text.'),
        (types.ExecuteCommandRequest, {"arguments": 3}, 'm: "command" must be a text.'),
        (types.WorkspaceSymbolRequest, None, 'm: "params" must be as the protocol defines it.'),
        (
            types.HoverRequest,
            {"textDocument": {"uri": "file:///a"}, "position": {"line": 1}},
            "position.character",
        ),
        (
            types.HoverRequest,
            {"textDocument": 7, "position": {"line": 1, "character": 1}},
            '"textDocument.uri"',
        ),
    ],
)
def test_first_wrong_parameter_is_named(kind: type, params: Any, sentence: str) -> None:  # noqa: ANN401
    with pytest.raises(ClassValidationError) as caught:
        CONVERTER.structure({"jsonrpc": "2.0", "id": 1, "method": "m", "params": params}, kind)
    assert sentence in complaint("m", caught.value)


def test_unknown_cause_names_the_method() -> None:
    assert complaint("x/y", None) == "The parameters of x/y are not what the protocol defines for it."
    assert "x/y" in complaint("x/y", KeyError("a"))
