"""The command `oasis-train`: one verb per stage; results to stdout, progress to stderr."""

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

from oasis_search.encoder import load
from oasis_search.errors import OasisError, SettingError
from oasis_search.version import __version__
from oasis_train.evaluation.evaluate import SuiteResult, evaluate
from oasis_train.evaluation.suites import load_suite

_EXAMPLES = """examples:
  oasis-train evaluate --model static --suite bench/cosqa --suite bench/staqc-dev
  oasis-train export --onnx --int8 --model ~/all-MiniLM-L6-v2 --out minilm-int8
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
        ("export", _export, "write OUT/checkpoint.npz, or a transformer as ONNX, as a model folder"),
        ("run", _run, "corpus, train, export and evaluate"),
    ):
        verb = verbs.add_parser(name, help=summary)
        n_recipes = "?" if name == "export" else None
        verb.add_argument("recipe", type=Path, nargs=n_recipes, help="a recipe (TOML)")
        verb.add_argument("--out", required=True, type=Path, help="folder of the run")
        for option, kind, summary in (
            ("--source", "append", "folder whose sub-folders are repositories; replaces the recipe's"),
            ("--exclude-suite", "append", "suite whose code is left out; replaces the recipe's"),
            ("--exclude-repositories", "store", "file with lines owner/name that are left out"),
            ("--teacher", "store", "folder of a BERT sentence encoder; replaces the recipe's"),
        ):
            verb.add_argument(option, action=kind, type=Path, metavar="PATH", help=summary)
        verb.set_defaults(run=run)
        if name == "export":
            _add_onnx_options(verb)
    return parser


def _add_onnx_options(verb: argparse.ArgumentParser) -> None:
    group = verb.add_argument_group("ONNX", "instead of a recipe; OUT itself becomes the model folder")
    group.add_argument("--onnx", action="store_true", help="export a transformer for onnxruntime")
    group.add_argument("--model", metavar="NAME_OR_FOLDER", help="a sentence-transformers folder or hub name")
    group.add_argument("--int8", action="store_true", help="8 bits: faster, and a quarter of the size")
    group.add_argument(
        "--calibrate", type=Path, metavar="FOLDER", help="with --int8: code to measure by, not Python's own"
    )
    group.add_argument("--name", default="", help="what users call the model")


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
    from oasis_train.corpus.build import build_corpus
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
    if options.onnx:
        return _export_onnx(options)
    if options.recipe is None:
        raise SettingError("export needs a recipe, or --onnx with --model.")
    return _export_run(options)


def _export_run(options: argparse.Namespace) -> int:
    from oasis_train.recipe import load_recipe
    from oasis_train.run import export

    manifest = export(load_recipe(options.recipe), options.out, options.out / "model")
    print(f"{options.out / 'model'}: {manifest.name}, fingerprint {manifest.fingerprint}", file=sys.stderr)
    return 0


def _export_onnx(options: argparse.Namespace) -> int:
    from oasis_search.encoder.hub import locate
    from oasis_train.onnx.export import export_onnx

    if options.model is None or options.recipe is not None:
        raise SettingError("export --onnx takes no recipe; name the transformer with --model.")
    if options.calibrate and not options.int8:
        raise SettingError("--calibrate changes nothing without --int8.")
    folder = Path(options.model)
    manifest = export_onnx(
        folder if folder.is_dir() else locate(options.model),
        options.out,
        precision="int8" if options.int8 else "float32",
        name=options.name,
        calibrate=options.calibrate,
    )
    print(f"{options.out}: {manifest.name}, fingerprint {manifest.fingerprint}", file=sys.stderr)
    return 0


def _run(options: argparse.Namespace) -> int:
    from oasis_train.recipe import load_recipe

    for stage in (_corpus, _train, _export_run):
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
