"""What a model above the first tier sees of a unit: its text, and above it the name that is not in it."""

from oasis_search.index.snapshot import UnitView
from oasis_search.syntax.units import qualified_name

MAX_CHARS = 32_768
"""Longer texts are cut here, about 8,192 tokens: what no model looks at need not travel to it."""


def model_text(view: UnitView, source: bytes) -> str:
    """The text to encode; depends on nothing but what the unit's key is made from."""
    return named_text(source[view.span.start_byte : view.span.end_byte], view.name, view.container)


def named_text(body: bytes, name: str, container: str) -> str:
    """The text to encode of a piece of code with this name inside this container, either of them empty."""
    text = body.decode("utf-8", "replace")[:MAX_CHARS]
    if not container and name in text:
        return text
    whole = qualified_name(name, container)
    return f"{whole}\n{text}" if whole else text
