"""How long work tells how far it is."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called often with what is being done, how much is done, and how much there is (0 when that is unknown)."""
