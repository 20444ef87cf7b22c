"""Runs one verb: results to stdout, progress and errors to stderr, status 0 or 2."""

import sys

from oasis_search.errors import OasisError
from oasis_train.cli.parser import build_parser


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; returns 0, or 2 after an error that has been explained on stderr."""
    options = build_parser().parse_args(arguments)
    try:
        result: int = options.run(options)
    except OasisError as error:
        print(f"oasis-train: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("oasis-train: stopped; the same command goes on from here.", file=sys.stderr)
        return 130
    except MemoryError:
        print("oasis-train: out of memory; choose a smaller batch or chunk.", file=sys.stderr)
        return 2
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        print(f"oasis-train: {name}{error.strerror or error}. Finished stages are kept.", file=sys.stderr)
        return 2
    return result
