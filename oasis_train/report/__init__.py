"""A run as one HTML page."""

from oasis_train.report.page import write_report

__all__ = ["write_report"]
