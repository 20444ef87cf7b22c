"""The terminal: what `oasis` accepts, and how answers and progress look there."""
