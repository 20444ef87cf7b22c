"""Search over a snapshot: queries, filters, fusion, ranking signals, hits."""

from oasis_search.search.engine import search
from oasis_search.search.query import DEFAULT_LIMIT, MAX_QUERY_CHARS, Filter, Hit, Query, Reason

__all__ = ["DEFAULT_LIMIT", "MAX_QUERY_CHARS", "Filter", "Hit", "Query", "Reason", "search"]
