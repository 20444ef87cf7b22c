"""The verb `evaluate`: one model's figures, or several side by side with tests of their difference."""

import argparse
import json
import sys
from dataclasses import replace

from oasis_search.encoder import Encoder, load
from oasis_search.errors import SettingError
from oasis_train.cli.bars import progress_bars
from oasis_train.evaluation.evaluate import Measurement, SuiteResult, measure
from oasis_train.evaluation.forms import in_form
from oasis_train.evaluation.hard import hard_subset
from oasis_train.evaluation.public import find_public, load_public
from oasis_train.evaluation.significance import Comparison, compare_suites
from oasis_train.evaluation.suites import Suite, load_suite
from oasis_train.evaluation.tables import (
    comparisons_table,
    markdown_table,
    model_facts,
    models_facts,
    pools_table,
)


def evaluate_models(options: argparse.Namespace) -> int:
    """Measure every model on every suite and print as asked."""
    suites = _suites(options)
    measured: dict[str, list[Measurement]] = {}
    with progress_bars() as progress:
        for model in options.model:
            encoder = load(model)
            name = encoder.name if encoder.name not in measured else str(model)
            measured[name] = []
            for suite in suites:
                measured[name].append(replace(measure(encoder, suite, progress=progress), model=name))
                if not (options.json or options.markdown):
                    prefix = f"{name:12} " if len(options.model) > 1 else ""
                    print(prefix + format_result(measured[name][-1].result))
    comparisons = _comparisons(measured)
    if options.json and len(measured) == 1:
        ((name, found),) = measured.items()
        print(json.dumps(model_facts(name, [one.result for one in found]), indent=1))
    elif options.json:
        print(json.dumps(models_facts(measured, comparisons), indent=1))
    elif options.markdown:
        results = {name: [one.result for one in found] for name, found in measured.items()}
        print(markdown_table(results, comparisons))
        print(pools_table(results))
    if comparisons and not options.json:
        print(comparisons_table(comparisons))
    return 0


def _suites(options: argparse.Namespace) -> list[Suite]:
    suites = [load_suite(folder) for group in options.suite for folder in group]
    if options.public:
        for name in find_public(options.public):
            public = load_public(options.public, name)
            suites.append(public.suite)
            for note in public.notes:
                print(f"oasis-train: {note}", file=sys.stderr)
    if not suites:
        raise SettingError("There is nothing to measure on: name folders with --suite or --public.")
    suites = [in_form(suite, options.form) for suite in suites]
    return suites + (_hard_subsets(suites, load(options.hard)) if options.hard else [])


def _hard_subsets(suites: list[Suite], reference: Encoder) -> list[Suite]:
    found = []
    for suite in suites:
        hard, rule = hard_subset(suite, reference)
        print(f"oasis-train: {hard.name}: {rule.sentence}.", file=sys.stderr)
        found.append(hard)
    return found


def _comparisons(measured: dict[str, list[Measurement]]) -> list[Comparison]:
    """Every later model against the first."""
    first, *others = measured.values()
    return [comparison for other in others for comparison in compare_suites(other, first)]


def format_result(result: SuiteResult) -> str:
    """One line for a person."""
    pools = "" if len(result.pools) == 1 else "  " + " ".join(f"{k} {v:.1f}" for k, v in result.pools.items())
    return (
        f"{result.name:20} {result.metric:9} {result.value:6.2f} [{result.low:.1f}, {result.high:.1f}]"
        f"  {result.queries} queries, {result.corpus} items, {result.texts_per_s:.0f} texts/s{pools}"
    )
