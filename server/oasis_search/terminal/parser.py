"""What `oasis` accepts: verbs, options and their help, each help with two real examples.

Imports argparse and the version only, so that `oasis --help` costs little more than Python's own start.
What a value means (a language's name, a folder) is checked in `arguments.py`.
"""

import argparse
from collections.abc import Sequence

from oasis_search.terminal.model_verbs import add_models
from oasis_search.terminal.options import (
    EXIT_CODES,
    Verbs,
    add_folder,
    add_json,
    add_log_level,
    add_verb,
    describe_examples,
)
from oasis_search.version import __version__


def build_parser() -> argparse.ArgumentParser:
    """The parser of every verb; `verb` holds the chosen one, or None."""
    parser = argparse.ArgumentParser(
        prog="oasis",
        description="Find code by meaning, on your own machine: ask in words, get functions and classes.",
        epilog=describe_examples(
            'oasis search "where are retries with backoff done"',
            "oasis index ~/src/project",
            note="`oasis VERB --help` explains a verb. The index lies in your cache folder, or in the one\n"
            "that the setting cacheDir, else the environment variable OASIS_CACHE_DIR, names; nothing is\n"
            "written into a workspace.\n" + EXIT_CODES,
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"oasis {__version__}")
    add_log_level(parser, default="warning")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    _add_index(verbs)
    _add_search(verbs)
    _add_similar(verbs)
    _add_duplicates(verbs)
    _add_status(verbs)
    _add_doctor(verbs)
    add_models(verbs)
    _add_serve(verbs)
    _add_mcp(verbs)
    _add_completion(verbs)
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


def _add_index(verbs: Verbs) -> None:
    parser = add_verb(
        verbs,
        "index",
        "Index a folder now, so that the first question and the editor find it ready.",
        "oasis index",
        "oasis index ~/src/project --rebuild",
        note="Runs until all is indexed. What is stored survives Ctrl-C; the next run goes on from there.",
    )
    add_folder(parser)
    parser.add_argument(
        "--wait", action="store_true", help="return when all is indexed; always so, for scripts that say it"
    )
    parser.add_argument("--rebuild", action="store_true", help="forget what is stored for this folder first")


def _add_search(verbs: Verbs) -> None:
    parser = add_verb(
        verbs,
        "search",
        "Find the functions, classes and passages that answer a question in words, or that bear a name.",
        'oasis search "parse a date in ISO format" ~/src/project -n 5',
        "git log -1 --format=%s | oasis search - --lang python --glob '!tests/' --json",
        note='Restrictions may stand in the question: lang:go path:src/ kind:method "exact words" -test.\n'
        "Indexes what is new in the folder first.\n" + EXIT_CODES,
    )
    parser.add_argument("query", metavar="QUERY", help="words, a name, or both; `-` reads it from stdin")
    add_folder(parser)
    _add_restrictions(parser)
    parser.add_argument("--model", metavar="M", default="", help="a shipped model's name or a model folder")
    parser.add_argument("--explain", action="store_true", help="say why each hit stands where it does")
    add_json(parser)


def _add_similar(verbs: Verbs) -> None:
    parser = add_verb(
        verbs,
        "similar",
        "Find code that is like a given piece: copies, edited copies, and what does the same.",
        "oasis similar src/net/client.py:120",
        "oasis similar - ~/src/project --as go --json < snippet.go",
        note="A line means the function around it; of a range of lines, what they hold. Every hit has\n"
        "a level: exact, renamed, edited or behaviour. Indexes what is new in the folder first.\n"
        + EXIT_CODES,
    )
    parser.add_argument(
        "piece", metavar="FILE:LINE[-LINE]", help="lines of a file; `-` reads code from stdin"
    )
    add_folder(parser)
    _add_restrictions(parser)
    parser.add_argument(
        "--as", dest="language", metavar="L", default="", help="language of the code on stdin"
    )
    parser.add_argument("--model", metavar="M", default="", help="a shipped model's name or a model folder")
    add_json(parser)


def _add_duplicates(verbs: Verbs) -> None:
    parser = add_verb(
        verbs,
        "duplicates",
        "Find groups of copied functions, those most worth merging first.",
        "oasis duplicates",
        "oasis duplicates ~/src/project --level renamed --sarif > duplicates.sarif",
        note="Compares whole functions of five lines or more; vendored and generated files are left out.\n"
        "Indexes what is new in the folder first.\n" + EXIT_CODES,
    )
    add_folder(parser)
    parser.add_argument("-n", dest="limit", metavar="N", help="at most N groups (default: 20)", default="20")
    parser.add_argument(
        "--level",
        metavar="LEVEL",
        default="edited",
        help="how far a copy may differ: exact, renamed, edited (default) or behaviour",
    )
    _add_places(parser)
    form = parser.add_mutually_exclusive_group()
    add_json(form)
    form.add_argument("--sarif", action="store_true", help="print SARIF 2.1.0, for code review tools")


def _add_restrictions(parser: argparse.ArgumentParser) -> None:
    """How many hits, and which: the same for all that search."""
    parser.add_argument("-n", dest="limit", metavar="N", help="at most N hits (default: 10)", default="10")
    _add_places(parser)
    parser.add_argument(
        "--kind",
        action="append",
        metavar="K",
        default=[],
        help="only this kind: function, method, class, module or text; repeatable",
    )
    parser.add_argument(
        "--exact",
        action="append",
        metavar="WORDS",
        default=[],
        help="only code in which these words stand as they are; repeatable",
    )
    parser.add_argument(
        "--without",
        action="append",
        metavar="WORD",
        default=[],
        help="nothing with this word in its name or path; `test` leaves out test files; repeatable",
    )


def _add_places(parser: argparse.ArgumentParser) -> None:
    """Languages and paths."""
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


def _add_status(verbs: Verbs) -> None:
    parser = add_verb(
        verbs,
        "status",
        "Say how much of a folder is indexed, and which files are left out and why. Indexes nothing.",
        "oasis status",
        "oasis status ~/src/project --watch",
    )
    add_folder(parser)
    add_json(parser)
    parser.add_argument(
        "--watch", action="store_true", help="tell of every change until Ctrl-C; with --json an object a line"
    )


def _add_doctor(verbs: Verbs) -> None:
    parser = add_verb(
        verbs,
        "doctor",
        "Check this installation; the output is what a bug report needs.",
        "oasis doctor",
        "oasis doctor ~/src/project --json",
        note="Exit status: 0 all is well, 1 something has a remedy to try, 2 an error.",
    )
    add_folder(parser)
    add_json(parser)


def _add_serve(verbs: Verbs) -> None:
    parser = add_verb(
        verbs,
        "serve",
        "Run the language server; editors start this.",
        "oasis serve",
        "oasis serve --tcp 127.0.0.1:8765",
    )
    door = parser.add_mutually_exclusive_group()
    door.add_argument("--stdio", action="store_true", help="speak over stdin and stdout (default)")
    door.add_argument("--tcp", metavar="HOST:PORT", default="", help="listen for one client on this address")


def _add_mcp(verbs: Verbs) -> None:
    parser = add_verb(
        verbs,
        "mcp",
        "Serve a folder to agents over the Model Context Protocol; needs the extra [mcp].",
        "oasis mcp",
        "oasis mcp ~/src/project",
        note="Tools: search, similar, duplicates, status, read_unit. Speaks over stdin and stdout.",
    )
    add_folder(parser)


def _add_completion(verbs: Verbs) -> None:
    parser = add_verb(
        verbs,
        "completion",
        "Print a script by which your shell completes verbs, options and values.",
        "oasis completion bash > ~/.local/share/bash-completion/completions/oasis",
        "oasis completion zsh > ~/.zfunc/_oasis",
        note="For zsh, ~/.zfunc must stand in fpath before compinit runs. For tcsh, source the script.",
    )
    parser.add_argument("shell", metavar="SHELL", choices=("bash", "zsh", "tcsh"), help="bash, zsh or tcsh")
