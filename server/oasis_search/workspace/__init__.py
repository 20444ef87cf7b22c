"""Folders on disk and in editors: reading, watching, indexing, and the session that holds them."""
