"""The language server: the only part that knows the protocol."""

from oasis_search.lsp.entry import serve

__all__ = ["serve"]
