"""Docstrings: what training uses as queries, written by a language model or by the functions' authors."""

from oasis_train.docstrings.config import DocstringConfig
from oasis_train.docstrings.stage import plan_docstrings, write_docstrings

__all__ = ["DocstringConfig", "plan_docstrings", "write_docstrings"]
