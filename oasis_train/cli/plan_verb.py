"""The verb `plan`: what a recipe would cost, before anything is started."""

import argparse
import json
from dataclasses import asdict

from oasis_search.errors import SettingError


def add_plan_options(verb: argparse.ArgumentParser) -> None:
    """The options of `plan` beside its recipe; numbers that are not given are the paper's or our guesses."""
    for name, kind, default, summary in (
        ("--pairs", int, 53_000_000, "rows of one epoch, right and wrong pairs together"),
        ("--gpus", int, 1, "devices"),
        ("--memory-gb", float, 80.0, "memory of one device"),
        (
            "--tflops",
            float,
            312.0,
            "peak of one device in the precision of its products (A100, bfloat16: 312)",
        ),
        ("--utilisation", float, 0.35, "share of the peak that training reaches"),
        ("--query-tokens", float, 96.0, "mean tokens of a docstring"),
        ("--code-tokens", float, 256.0, "mean tokens of a function"),
        ("--gpu-hour-price", float, 0.0, "of one device"),
        ("--llm-input-price", float, 0.0, "of a million tokens that the LLM reads"),
        ("--llm-output-price", float, 0.0, "of a million tokens that it writes"),
        ("--teacher-price", float, 0.0, "of a million tokens that the teacher reads"),
    ):
        help_text = f"{summary} (default: {default:g})"
        verb.add_argument(name, type=kind, default=default, metavar="N", help=help_text)
    verb.add_argument("--sharding", choices=("ddp", "zero2", "fsdp"), default="ddp")
    verb.add_argument("--probe", action="store_true", help="time a layer of the real shape on this machine")
    verb.add_argument("--json", action="store_true", help="one JSON object instead of lines")


def plan_recipe(options: argparse.Namespace) -> int:
    """Print memory, time, tokens and money."""
    from oasis_train.pipeline.recipe import load_recipe
    from oasis_train.plan import (
        Data,
        Machine,
        Prices,
        Setup,
        format_plan,
        make_plan,
        probe_layer,
        recipe_backbone,
    )

    recipe = load_recipe(options.recipe, tuple(options.set))
    if recipe.student == "static":
        raise SettingError(
            f"{recipe.name} is a token table: it trains in minutes on one core, without a plan."
        )
    if options.pairs < 1 or options.gpus < 1:
        raise SettingError("--pairs and --gpus must be 1 or more.")
    backbone = recipe_backbone(recipe.train)
    k = recipe.negatives.k
    data = Data(
        docstrings=max(1, options.pairs // (1 + k)),
        negatives=k,
        query_tokens=options.query_tokens,
        code_tokens=options.code_tokens,
        epochs=recipe.train.epochs,
        max_steps=recipe.train.max_steps,
    )
    machine = Machine(
        devices=options.gpus,
        memory_gb=options.memory_gb,
        tflops=options.tflops,
        utilisation=options.utilisation,
        price_per_device_hour=options.gpu_hour_price,
    )
    prices = Prices(
        llm_input=options.llm_input_price,
        llm_output=options.llm_output_price,
        teacher=options.teacher_price,
    )
    setup = Setup.from_config(recipe.train, sharding=options.sharding)
    probe = probe_layer(backbone, bf16=recipe.train.bf16) if options.probe else None
    plan = make_plan(backbone, data, setup, machine, prices, probe=probe)
    print(json.dumps(asdict(plan), indent=1) if options.json else format_plan(plan), end="")
    return 0
