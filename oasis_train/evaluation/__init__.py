"""How well an encoder ranks: suites, metrics, figures with intervals."""
