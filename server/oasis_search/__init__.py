"""Find code by meaning, in the editor, on the user's own machine."""

from oasis_search.version import __version__

__all__ = ["__version__"]
