"""The command `oasis-train`: one verb per stage; results to stdout, progress to stderr."""

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

from oasis_search.encoder import load
from oasis_search.errors import OasisError
from oasis_search.version import __version__
from oasis_train.evaluate import SuiteResult, evaluate
from oasis_train.suites import load_suite

_EXAMPLES = """examples:
  oasis-train evaluate --model static --suite bench/cosqa --suite bench/staqc-dev
  oasis-train run recipes/oasis-static.toml --source ~/packages --teacher ~/all-MiniLM-L6-v2 --out run
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; returns 0, or 2 after an error that has been explained on stderr."""
    options = _parser().parse_args(arguments)
    try:
        result: int = options.run(options)
    except OasisError as error:
        print(f"oasis-train: {error}", file=sys.stderr)
        return 2
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="oasis-train",
        description="Make and measure the models of OASIS Code Search.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    verb = verbs.add_parser("evaluate", help="rank suites by an encoder alone and print its figures")
    verb.add_argument("--model", required=True, help="a shipped model's name, or a model folder")
    verb.add_argument("--suite", required=True, action="append", nargs="+", type=Path, metavar="FOLDER")
    verb.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    verb.set_defaults(run=_evaluate)
    for name, run, summary in (
        ("corpus", _corpus, "collect documented functions: OUT/corpus"),
        ("train", _train, "train on OUT/corpus: OUT/checkpoint.npz"),
        ("export", _export, "write OUT/checkpoint.npz as a model folder: OUT/model"),
        ("run", _run, "corpus, train, export and evaluate"),
    ):
        verb = verbs.add_parser(name, help=summary)
        verb.add_argument("recipe", type=Path, help="a recipe (TOML)")
        verb.add_argument("--out", required=True, type=Path, help="folder of the run")
        for option, kind, summary in (
            ("--source", "append", "folder whose sub-folders are repositories; replaces the recipe's"),
            ("--exclude-suite", "append", "suite whose code is left out; replaces the recipe's"),
            ("--exclude-repositories", "store", "file with lines owner/name that are left out"),
            ("--teacher", "store", "folder of a BERT sentence encoder; replaces the recipe's"),
        ):
            verb.add_argument(option, action=kind, type=Path, metavar="PATH", help=summary)
        verb.set_defaults(run=run)
    return parser


def _evaluate(options: argparse.Namespace) -> int:
    encoder = load(options.model)
    folders = [folder for group in options.suite for folder in group]
    results = []
    for folder in folders:
        results.append(evaluate(encoder, load_suite(folder)))
        if not options.json:
            print(_format_result(results[-1]))
    if options.json:
        print(json.dumps({"model": encoder.name, "suites": [asdict(result) for result in results]}, indent=1))
    return 0


def _corpus(options: argparse.Namespace) -> int:
    from oasis_train.corpus import build_corpus
    from oasis_train.recipe import load_recipe

    config = load_recipe(options.recipe, sources=tuple(options.source or ())).corpus
    config = replace(
        config,
        exclude_repositories=options.exclude_repositories or config.exclude_repositories,
        exclude_suites=tuple(options.exclude_suite or ()) or config.exclude_suites,
    )
    manifest = build_corpus(config, options.out / "corpus")
    print(f"{manifest['rows']} functions of {len(manifest['repositories'])} repositories", file=sys.stderr)
    return 0


def _train(options: argparse.Namespace) -> int:
    from oasis_train.recipe import load_recipe
    from oasis_train.run import train

    losses = train(load_recipe(options.recipe, teacher=options.teacher), options.out / "corpus", options.out)
    print(f"loss per epoch: {', '.join(f'{loss:.3f}' for loss in losses)}", file=sys.stderr)
    return 0


def _export(options: argparse.Namespace) -> int:
    from oasis_train.recipe import load_recipe
    from oasis_train.run import export

    manifest = export(load_recipe(options.recipe), options.out, options.out / "model")
    print(f"{options.out / 'model'}: {manifest.name}, fingerprint {manifest.fingerprint}", file=sys.stderr)
    return 0


def _run(options: argparse.Namespace) -> int:
    from oasis_train.recipe import load_recipe

    for stage in (_corpus, _train, _export):
        stage(options)
    encoder = load(options.out / "model")
    for folder in load_recipe(options.recipe).suites:
        print(_format_result(evaluate(encoder, load_suite(folder))))
    return 0


def _format_result(result: SuiteResult) -> str:
    pools = "" if len(result.pools) == 1 else "  " + " ".join(f"{k} {v:.1f}" for k, v in result.pools.items())
    return (
        f"{result.name:20} {result.metric:9} {result.value:6.2f} [{result.low:.1f}, {result.high:.1f}]"
        f"  {result.queries} queries, {result.corpus} items, {result.texts_per_s:.0f} texts/s{pools}"
    )
