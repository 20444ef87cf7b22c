"""What `oasis models` accepts: list, show, use and evaluate, each with its help.

Imports argparse only, as `parser.py` does; what the verbs do is in `models.py`.
"""

from oasis_search.terminal.options import Verbs, add_json, add_verb

DEFAULT_LIMIT = 500


def add_models(verbs: Verbs) -> None:
    """`oasis models`, which lists without a further verb; `action` holds the chosen one, or None."""
    parser = add_verb(
        verbs,
        "models",
        "List the models that turn code into vectors, show one, choose one, or compare them on your code.",
        "oasis models",
        "oasis models evaluate oasis-1.5b --path ~/src/project",
        note="`oasis models VERB --help` explains a verb; without one the models are listed.",
    )
    add_json(parser)
    actions = parser.add_subparsers(dest="action", metavar="VERB", title="verbs")
    _add_list(actions)
    _add_show(actions)
    _add_use(actions)
    _add_evaluate(actions)


def _add_list(actions: Verbs) -> None:
    parser = add_verb(
        actions,
        "list",
        "List the models that are known: those that ship, OASIS's own, and those in the hub's cache.",
        "oasis models list",
        "oasis models list --json",
        note="The one in use is marked with *. Nothing is downloaded.",
    )
    add_json(parser, is_nested=True)


def _add_show(actions: Verbs) -> None:
    parser = add_verb(
        actions,
        "show",
        "Show everything about one model: kind, size, pooling, prompts, fingerprint, licence, origin.",
        "oasis models show static",
        "oasis models show ./my-model --json",
        note="Loads the model, to be sure that it works. Status 2 and the reason when it does not.",
    )
    parser.add_argument("name", metavar="MODEL", help="a model's name or folder")
    add_json(parser, is_nested=True)


def _add_use(actions: Verbs) -> None:
    parser = add_verb(
        actions,
        "use",
        "Choose the model for the terminal and for every editor that does not set one itself.",
        "oasis models use static",
        "oasis models use oasis-1.5b",
        note="A model of the Hugging Face hub is downloaded, if it is not on this machine. The choice is\n"
        "written into your settings file once the model has loaded and encoded a text; what is indexed\n"
        "with another model is kept, so that switching back costs nothing.",
    )
    parser.add_argument(
        "name", metavar="MODEL", help="a model's name, folder, or name on the hub (owner/name)"
    )


def _add_evaluate(actions: Verbs) -> None:
    parser = add_verb(
        actions,
        "evaluate",
        "Compare models on your own code: does the first sentence of a function's documentation find it?",
        "oasis models evaluate",
        "oasis models evaluate oasis-1.5b ./my-model --path ~/src/project --limit 200",
        note="The documentation is taken out of the code first, and every model gets the same questions.\n"
        "Each runs in a process of its own, so that its memory can be told. Nothing is written.\n"
        "Exit status: 0 compared, 1 nothing to ask (too little documentation), 2 an error, 130 interrupted.",
    )
    parser.add_argument(
        "models",
        nargs="*",
        metavar="MODEL",
        help="names or folders to compare with the model in use (default: all that ship)",
    )
    parser.add_argument("--path", metavar="FOLDER", default=".", help="workspace folder (default: .)")
    parser.add_argument(
        "--limit",
        metavar="N",
        default=str(DEFAULT_LIMIT),
        help=f"at most N questions among at most 10 N functions (default: {DEFAULT_LIMIT})",
    )
    parser.add_argument(
        "--download", action="store_true", help="download models of the hub that are not on this machine"
    )
    add_json(parser, is_nested=True)
