"""What can be typed after `oasis-train`; importing it loads no torch."""

import argparse
from pathlib import Path

from oasis_search.version import __version__
from oasis_train.cli import plan_verb, recipe_verbs

_EXAMPLES = """examples:
  oasis-train run smoke --out /tmp/smoke
  oasis-train run oasis-mini --out runs/mini --collection ~/repositories --set train.batch=64
  oasis-train evaluate --model static --suite bench/cosqa --suite bench/staqc-dev
  oasis-train export --onnx --int8 --model ~/all-MiniLM-L6-v2 --out minilm-int8
"""

_STAGE_HELP = {
    "corpus": "collect functions of repositories",
    "docstrings": "describe them: an LLM's words, or the authors' own",
    "negatives": "draw wrong functions of the same repository for every docstring",
    "label": "order labels: a teacher's similarity of every pair",
    "refine": "find false negatives among the pairs and raise their labels",
    "twins": "pair codes that do the same",
    "views": "draw the form in which every text is shown",
    "distill": "encode the corpus with the teacher of [teach], then train on that too",
    "train": "train the student",
    "report": "one HTML page about a run",
}


def build_parser() -> argparse.ArgumentParser:
    """The parser; every verb sets `run`, a function of the parsed options."""
    parser = argparse.ArgumentParser(
        prog="oasis-train",
        description="Make and measure the models of OASIS Code Search.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    verb = _add(verbs, "run", "all stages of a recipe that are not up to date", "run smoke --out /tmp/smoke")
    _add_recipe(verb)
    verb.set_defaults(run=recipe_verbs.run)
    for name, summary in _STAGE_HELP.items():
        verb = _add(verbs, name, summary, f"{name} smoke --out /tmp/smoke")
        _add_recipe(verb)
        if name == "docstrings":
            verb.add_argument("--dry-run", action="store_true", help="count prompts, tokens and cost only")
        stages = ("teach", "train") if name == "distill" else (name,)
        verb.set_defaults(run=recipe_verbs.stage, stages=stages)
    _add_export(verbs)
    _add_evaluate(verbs)
    _add_ablate(verbs)
    _add_plan(verbs)
    return parser


def _add(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str, *examples: str
) -> argparse.ArgumentParser:
    lines = "".join(f"  oasis-train {example}\n" for example in examples)
    return verbs.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"examples:\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_recipe_name(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("recipe", help="a shipped recipe's name, or a TOML file")
    _add_set(verb)


def _add_set(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="replace a value of the recipe (TOML); may be repeated",
    )


def _add_recipe(verb: argparse.ArgumentParser) -> None:
    _add_recipe_name(verb)
    verb.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="folder of the run")
    verb.add_argument(
        "--shared",
        type=Path,
        metavar="FOLDER",
        help="where the stages that do not depend on the student lie, for several runs of the same sources",
    )
    verb.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="SOURCE",
        help="git URL, clone, bare mirror or folder of one repository; replaces the recipe's sources",
    )
    verb.add_argument(
        "--collection",
        action="append",
        default=[],
        type=Path,
        metavar="FOLDER",
        help="folder whose sub-folders are repositories; replaces the recipe's",
    )
    verb.add_argument(
        "--exclude-suite", action="append", default=[], type=Path, metavar="FOLDER", help="leave its code out"
    )
    verb.add_argument(
        "--exclude-repositories", type=Path, metavar="FILE", help="lines owner/name that are left out"
    )
    verb.add_argument(
        "--suite", action="append", default=[], type=Path, metavar="FOLDER", help="measure the model on it"
    )
    verb.add_argument(
        "--jobs", type=int, default=0, metavar="N", help="processes; 0: one per core, 4 at most"
    )


def _add_export(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = _add(
        verbs,
        "export",
        "put the trained model of a run into OUT/model, or write a transformer as ONNX",
        "export smoke --out /tmp/smoke --set export.join.table=static",
        "export --onnx --int8 --model ~/all-MiniLM-L6-v2 --out minilm-int8",
    )
    verb.add_argument("recipe", nargs="?", help="a shipped recipe's name, or a TOML file")
    _add_set(verb)
    verb.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="folder of the run")
    group = verb.add_argument_group("ONNX", "instead of a recipe; OUT itself becomes the model folder")
    group.add_argument("--onnx", action="store_true", help="export a transformer for onnxruntime")
    group.add_argument("--model", metavar="NAME_OR_FOLDER", help="a sentence-transformers folder or hub name")
    group.add_argument("--int8", action="store_true", help="8 bits: faster, and a quarter of the size")
    group.add_argument(
        "--calibrate", type=Path, metavar="FOLDER", help="with --int8: code to measure by, not Python's own"
    )
    group.add_argument("--name", default="", help="what users call the model")
    verb.set_defaults(run=recipe_verbs.export)


def _add_evaluate(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = _add(
        verbs,
        "evaluate",
        "rank suites by an encoder alone and print its figures",
        "evaluate --model static --suite bench/cosqa --suite bench/staqc-dev",
        "evaluate --model static --model runs/mini/model --suite bench/cosqa --markdown",
    )
    verb.add_argument(
        "--model",
        required=True,
        action="append",
        help="a shipped model's name, or a model folder; repeat to compare",
    )
    verb.add_argument("--suite", action="append", nargs="+", type=Path, metavar="FOLDER", default=[])
    verb.add_argument(
        "--public",
        type=Path,
        metavar="FOLDER",
        help="the published benchmarks' own files, as downloaded: every one that is found there is measured",
    )
    verb.add_argument(
        "--form",
        choices=("formatted", "joined"),
        default="formatted",
        help="joined: code as tokens joined by spaces, as the paper's authors feed it",
    )
    verb.add_argument(
        "--hard",
        metavar="MODEL",
        help="also measure the hard queries of each suite: those that neither BM25 nor MODEL answers first",
    )
    shape = verb.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    shape.add_argument("--markdown", action="store_true", help="tables with the published rows beside ours")
    verb.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    from oasis_train.cli.evaluate_verb import evaluate_models

    return evaluate_models(options)


def _add_ablate(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = _add(
        verbs,
        "ablate",
        "make and measure the variants of the paper's ablation, or a grid",
        "ablate smoke --out /tmp/ablation",
        "ablate oasis-mini --out runs/grid --grid refine.delta_s=0.0,0.05,0.1 --seeds 1,2,3",
    )
    _add_recipe(verb)
    verb.add_argument(
        "--grid",
        action="append",
        default=[],
        metavar="SECTION.KEY=V,V",
        help="every combination of these values instead of the paper's variants",
    )
    verb.add_argument(
        "--each",
        action="append",
        default=[],
        metavar="SECTION.KEY=V,V",
        help="each of these values alone, compared with the recipe as it is; may be repeated",
    )
    verb.add_argument(
        "--variants", default="", metavar="NAME,NAME", help="only these, compared with the first of them"
    )
    verb.add_argument("--seeds", default="", metavar="N,N", help="train each variant once for every seed")
    verb.set_defaults(run=recipe_verbs.ablate_recipe)


def _add_plan(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verb = _add(
        verbs,
        "plan",
        "what a recipe would cost: parameters, memory, step time, wall time, LLM",
        "plan oasis-1.5b --gpus 32 --sharding zero2",
        "plan oasis-mini --probe",
    )
    _add_recipe_name(verb)
    plan_verb.add_plan_options(verb)
    verb.set_defaults(run=plan_verb.plan_recipe)
