"""Pieces of the command line that several verbs share: options, log level, the form of a help text.

Imports argparse only, as `parser.py` does.
"""

import argparse
from typing import TypeAlias

LOG_LEVELS = ("debug", "info", "warning", "error")

EXIT_CODES = "Exit status: 0 something was found or done, 1 nothing found, 2 an error, 130 interrupted."

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""argparse has no public name for it."""


def add_verb(
    verbs: Verbs, name: str, description: str, *examples: str, note: str = ""
) -> argparse.ArgumentParser:
    """The parser of a new verb, with its help and two examples."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=description,
        description=description,
        epilog=describe_examples(*examples, note=note),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_log_level(parser, default=argparse.SUPPRESS)
    return parser


def add_folder(parser: argparse.ArgumentParser) -> None:
    """PATH, which is `folder` in what is parsed."""
    parser.add_argument("folder", nargs="?", metavar="PATH", help="workspace folder (default: .)")


def add_json(parser: "argparse._ActionsContainer", *, is_nested: bool = False) -> None:
    """`--json`; nested below a verb that has it too, it leaves alone what was said there."""
    parser.add_argument(
        "--json",
        action="store_true",
        default=argparse.SUPPRESS if is_nested else False,
        help="print one JSON object; its shape is stable",
    )


def add_log_level(parser: argparse.ArgumentParser, *, default: str) -> None:
    """`--log-level`, which may stand before the verb and behind it."""
    parser.add_argument(
        "--log-level",
        choices=LOG_LEVELS,
        default=default,
        metavar="LEVEL",
        help=f"what is logged to stderr: {', '.join(LOG_LEVELS)} (default: warning)",
    )


def describe_examples(*examples: str, note: str = "") -> str:
    """The end of a help text: examples and, after a blank line, a note."""
    lines = ["examples:", *(f"  {example}" for example in examples)]
    return "\n".join([*lines, "", note] if note else lines)
