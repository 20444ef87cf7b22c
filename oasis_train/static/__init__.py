"""Training of the static encoder: a token table from words to a model folder."""
