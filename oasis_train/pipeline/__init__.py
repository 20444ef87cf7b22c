"""A recipe and what it makes of it: all stages in order, ablations."""
