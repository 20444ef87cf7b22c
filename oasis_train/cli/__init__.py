"""The command `oasis-train`."""

from oasis_train.cli.main import main

__all__ = ["main"]
