"""What a model above the first tier sees of a unit: its text, and above it the name that is not in it."""

from oasis_search.index.snapshot import UnitView

MAX_CHARS = 32_768
"""Longer texts are cut here, about 8,192 tokens: what no model looks at need not travel to it."""


def model_text(view: UnitView, source: bytes) -> str:
    """The text to encode; depends on nothing but what the unit's key is made from."""
    text = source[view.span.start_byte : view.span.end_byte].decode("utf-8", "replace")[:MAX_CHARS]
    if not view.container and view.name in text:
        return text
    name = ".".join(filter(None, (view.container, view.name)))
    return f"{name}\n{text}" if name else text
