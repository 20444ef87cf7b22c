"""The command `oasis`: picks the verb, and turns every outcome into a sentence and an exit status.

Results go to stdout, everything else to stderr. Nothing heavy is imported before a verb needs it, so
that `--help`, `--version` and a typing mistake answer at once. Ctrl-C and a closed pipe end quietly.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from oasis_search.errors import OasisError
from oasis_search.terminal.parser import build_parser, parse
from oasis_search.terminal.text import shown_path, take_every_character

EXIT_FOUND = 0
EXIT_NONE = 1
EXIT_ERROR = 2
EXIT_INTERRUPTED = 130
"""128 + SIGINT, as shells count."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the value is the exit status."""
    # Products here are small: threads of the linear algebra library would only wait for one another.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    arguments = parse(sys.argv[1:] if argv is None else argv)
    if arguments.verb is None:
        build_parser().print_help(sys.stderr)
        return EXIT_ERROR
    logging.basicConfig(
        stream=sys.stderr,
        level=arguments.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    take_every_character(sys.stdout)
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader has what it wanted (`| head`). Python would complain again when it flushes at exit.
        _drop_output()
        return EXIT_FOUND
    except OasisError as error:
        sys.stderr.write(f"oasis: {shown_path(str(error))}\n")
        return EXIT_ERROR
    except OSError as error:  # A full disk, say; Python's own status for it would mean "nothing was found".
        _drop_output()
        sys.stderr.write(f"oasis: {error}\n")
        return EXIT_ERROR
    return status


def _drop_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: argparse.Namespace) -> int:
    if arguments.verb == "serve":
        return _serve(arguments.tcp)
    from oasis_search.terminal import verbs

    match arguments.verb:
        case "index":
            verbs.index(arguments.folder, is_rebuild=arguments.rebuild)
            return EXIT_FOUND
        case "search":
            return EXIT_FOUND if verbs.search(arguments) else EXIT_NONE
        case "similar":
            return EXIT_FOUND if verbs.similar(arguments) else EXIT_NONE
        case "duplicates":
            from oasis_search.terminal.duplicates import duplicates

            return EXIT_FOUND if duplicates(arguments) else EXIT_NONE
        case "status":
            verbs.status(arguments.folder, as_json=arguments.json, is_watching=arguments.watch)
            return EXIT_FOUND
        case "doctor":
            return EXIT_FOUND if verbs.doctor(arguments.folder, as_json=arguments.json) else EXIT_NONE
        case "mcp":
            return _serve_agents(arguments.folder)
        case "completion":
            from oasis_search.terminal.completion import completion_script

            sys.stdout.write(completion_script(build_parser(), arguments.shell))
            return EXIT_FOUND
        case "models":
            return EXIT_FOUND if _models(arguments) else EXIT_NONE
        case verb:
            raise AssertionError(f"the parser let an unknown verb through: {verb}")


def _models(arguments: argparse.Namespace) -> bool:
    from oasis_search.terminal import models

    match arguments.action:
        case "show":
            models.show(arguments.name, as_json=arguments.json)
        case "use":
            models.use(arguments.name)
        case "evaluate":
            return models.evaluate(arguments)
        case _:
            models.list_known(as_json=arguments.json)
    return True


def _serve(tcp: str) -> int:
    # The server answers its client before it imports anything heavy, so nothing is imported here either.
    from oasis_search.lsp import serve

    return serve(tcp or None)


def _serve_agents(typed: str) -> int:
    from oasis_search.errors import SettingError
    from oasis_search.terminal.arguments import read_folder, read_settings

    folder, settings = read_folder(typed), read_settings()
    try:
        from oasis_search.mcp.server import serve
    except ImportError as error:  # of the SDK, which is an extra
        raise SettingError(
            f"Agents are served with the extra mcp ({error}). Install it: "
            'pip install "oasis-code-search[mcp]".'
        ) from error
    serve(folder, settings)
    return EXIT_FOUND


if __name__ == "__main__":
    sys.exit(main())
