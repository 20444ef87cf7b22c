"""What `oasis` accepts: verbs, options and their help, each help with two real examples.

Imports argparse and the version only, so that `oasis --help` costs little more than Python's own start.
What a value means (a language's name, a folder) is checked in `arguments.py`.
"""

import argparse
from collections.abc import Sequence
from typing import TypeAlias

from oasis_search.version import __version__

LOG_LEVELS = ("debug", "info", "warning", "error")

EXIT_CODES = "Exit status: 0 something was found or done, 1 nothing found, 2 an error, 130 interrupted."


def build_parser() -> argparse.ArgumentParser:
    """The parser of every verb; `verb` holds the chosen one, or None."""
    parser = argparse.ArgumentParser(
        prog="oasis",
        description="Find code by meaning, on your own machine: ask in words, get functions and classes.",
        epilog=_examples(
            'oasis search "where are retries with backoff done"',
            "oasis index ~/src/project",
            note="`oasis VERB --help` explains a verb. The index lies in your cache folder, or in the one\n"
            "that the environment variable OASIS_CACHE_DIR names; nothing is written into a workspace.\n"
            + EXIT_CODES,
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"oasis {__version__}")
    _add_log_level(parser, default="warning")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    _add_index(verbs)
    _add_search(verbs)
    _add_status(verbs)
    _add_doctor(verbs)
    _add_models(verbs)
    _add_serve(verbs)
    return parser


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """What was typed; ends the process with a sentence and status 2 when it cannot be understood.

    PATH may stand before or behind the options, which argparse alone does not allow.
    """
    parser = build_parser()
    arguments, rest = parser.parse_known_args(argv)
    if getattr(arguments, "folder", ".") is None:
        takes_rest = len(rest) == 1 and not rest[0].startswith("-")
        arguments.folder = rest.pop() if takes_rest else "."
    if rest:
        parser.error(f"unknown argument: {' '.join(rest)} (see oasis {arguments.verb} --help)")
    return arguments


_Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""argparse has no public name for it."""


def _add_index(verbs: _Verbs) -> None:
    parser = _verb(
        verbs,
        "index",
        "Index a folder now, so that the first question and the editor find it ready.",
        "oasis index",
        "oasis index ~/src/project --rebuild",
        note="Runs until all is indexed. What is stored survives Ctrl-C; the next run goes on from there.",
    )
    _add_folder(parser)
    parser.add_argument(
        "--wait", action="store_true", help="return when all is indexed; always so, for scripts that say it"
    )
    parser.add_argument("--rebuild", action="store_true", help="forget what is stored for this folder first")


def _add_search(verbs: _Verbs) -> None:
    parser = _verb(
        verbs,
        "search",
        "Find the functions, classes and passages that answer a question in words, or that bear a name.",
        'oasis search "parse a date in ISO format" ~/src/project -n 5',
        "git log -1 --format=%s | oasis search - --lang python --glob '!tests/' --json",
        note="Indexes what is new in the folder first.\n" + EXIT_CODES,
    )
    parser.add_argument("query", metavar="QUERY", help="words, a name, or both; `-` reads it from stdin")
    _add_folder(parser)
    parser.add_argument("-n", dest="limit", metavar="N", help="at most N hits (default: 10)", default="10")
    parser.add_argument(
        "--lang",
        action="append",
        metavar="L",
        default=[],
        help="only this language (python, go, ...); repeatable",
    )
    parser.add_argument(
        "--glob",
        action="append",
        metavar="G",
        default=[],
        help="only paths that match, in gitignore syntax; a leading ! leaves them out; repeatable",
    )
    parser.add_argument(
        "--kind",
        action="append",
        metavar="K",
        default=[],
        help="only this kind: function, method, class, module or text; repeatable",
    )
    parser.add_argument("--model", metavar="M", default="", help="a shipped model's name or a model folder")
    parser.add_argument("--explain", action="store_true", help="say why each hit stands where it does")
    _add_json(parser)


def _add_status(verbs: _Verbs) -> None:
    parser = _verb(
        verbs,
        "status",
        "Say how much of a folder is indexed, and which files are left out and why. Indexes nothing.",
        "oasis status",
        "oasis status ~/src/project --json",
    )
    _add_folder(parser)
    _add_json(parser)


def _add_doctor(verbs: _Verbs) -> None:
    parser = _verb(
        verbs,
        "doctor",
        "Check this installation; the output is what a bug report needs.",
        "oasis doctor",
        "oasis doctor ~/src/project --json",
        note="Exit status: 0 all is well, 1 something has a remedy to try, 2 an error.",
    )
    _add_folder(parser)
    _add_json(parser)


def _add_models(verbs: _Verbs) -> None:
    parser = _verb(
        verbs,
        "models",
        "List the models that ship with the package, or show one.",
        "oasis models",
        "oasis models show static",
    )
    parser.add_argument("action", nargs="?", metavar="list|show", default="list", help="default: list")
    parser.add_argument("name", nargs="?", metavar="NAME", default="", help="a model's name or folder (show)")
    _add_json(parser)


def _add_serve(verbs: _Verbs) -> None:
    parser = _verb(
        verbs,
        "serve",
        "Run the language server; editors start this.",
        "oasis serve",
        "oasis serve --tcp 127.0.0.1:8765",
    )
    door = parser.add_mutually_exclusive_group()
    door.add_argument("--stdio", action="store_true", help="speak over stdin and stdout (default)")
    door.add_argument("--tcp", metavar="HOST:PORT", default="", help="listen for one client on this address")


def _verb(
    verbs: _Verbs, name: str, description: str, *examples: str, note: str = ""
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=description,
        description=description,
        epilog=_examples(*examples, note=note),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_log_level(parser, default=argparse.SUPPRESS)
    return parser


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", metavar="PATH", help="workspace folder (default: .)")


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object; its shape is stable")


def _add_log_level(parser: argparse.ArgumentParser, *, default: str) -> None:
    parser.add_argument(
        "--log-level",
        choices=LOG_LEVELS,
        default=default,
        metavar="LEVEL",
        help=f"what is logged to stderr: {', '.join(LOG_LEVELS)} (default: warning)",
    )


def _examples(*examples: str, note: str = "") -> str:
    lines = ["examples:", *(f"  {example}" for example in examples)]
    return "\n".join([*lines, "", note] if note else lines)
