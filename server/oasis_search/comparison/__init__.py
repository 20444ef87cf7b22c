"""Comparing encoders on the user's own workspace: what would another model find, and at what cost."""
