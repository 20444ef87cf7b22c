"""Measure our trainer's step against sentence-transformers' on the same model and texts, in the same run.

    python tests/bench/training.py [--rounds 5] [--steps 3] [--batch 32] [--tokens 128] [--threads 2] [--json]

Both train a BERT of all-MiniLM-L6-v2's shape (22 million parameters, random weights) in float32 with AdamW.
The two take turns, in another order each round, so that other work on the machine meets both; what counts are
medians over rounds of the ratio within a round, of time and of processor time. Every text fills `--tokens`;
`--ragged` cuts texts to between an eighth of that and all, which sorting by length uses. Ours does its whole
step: gathering rows, both losses with masks, clipping, records, TensorBoard. Theirs is their trainer with
MultipleNegativesRankingLoss; its evaluation, checkpoints and reports are off. The first step of each, which
warms up, is not counted.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from oasis_train.data import Docstring, Function, RefinedPair, ShardedTable, row_id
from oasis_train.training.backbone import load_backbone, training_tokenizer
from oasis_train.training.config import TrainConfig
from oasis_train.training.data import TrainingRows
from oasis_train.training.preparation import Sources, prepare_rows
from oasis_train.training.random_backbone import write_random_backbone
from oasis_train.training.template import write_template
from oasis_train.training.trainer import Trainer, Work, start_accelerator


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one step."""

    seconds: float
    processor: float
    """Seconds of processor time, over all threads."""


class Clock:
    """Notes the time after each step."""

    def __init__(self) -> None:
        self._moments: list[tuple[float, float]] = []

    def tick(self) -> None:
        """Note the time."""
        self._moments.append((time.perf_counter(), time.process_time()))

    def cost(self) -> Cost:
        """Mean over all steps but the first."""
        (start, busy), (end, busy_end) = self._moments[0], self._moments[-1]
        steps = len(self._moments) - 1
        return Cost((end - start) / steps, (busy_end - busy) / steps)


def main() -> None:
    """Print the figures."""
    options = _options()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        config = TrainConfig(
            backbone=str(root / "backbone"),
            init="random",
            pooling="mean",
            query_prompt="",
            max_tokens=options.tokens,
            served_tokens=options.tokens,
            batch=options.batch,
            bf16=False,
            gradient_checkpointing=False,
            checkpoint_every=0,
            dev_sample=0,
            epsilon=1e-8,
        )
        pairs = _texts(options)
        _write_backbone(root / "backbone", pairs, config)
        rows = _prepare(root, pairs, config)
        contestants: dict[str, Callable[[], Cost]] = {
            "ours": lambda: _ours(root, rows, config, options.steps),
            "theirs": lambda: _theirs(root, pairs, options),
        }
        rounds = []
        for number in range(options.rounds):
            order = list(contestants) if number % 2 == 0 else list(contestants)[::-1]
            costs = {contestant: contestants[contestant]() for contestant in order}
            rounds.append((costs["ours"], costs["theirs"]))
            print(f"round {number + 1}: {costs}", file=sys.stderr)
    figures = {
        "ours_steps_per_s": statistics.median(1 / ours.seconds for ours, _ in rounds),
        "theirs_steps_per_s": statistics.median(1 / theirs.seconds for _, theirs in rounds),
        "ratio": statistics.median(theirs.seconds / ours.seconds for ours, theirs in rounds),
        "least_ratio": min(theirs.seconds / ours.seconds for ours, theirs in rounds),
        "processor_ratio": statistics.median(theirs.processor / ours.processor for ours, theirs in rounds),
    }
    if options.json:
        print(json.dumps({**vars(options), **figures}))
    else:
        print("\n".join(f"{name:34} {value:.3f}" for name, value in figures.items()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, default in (("rounds", 5), ("steps", 3), ("batch", 32), ("tokens", 128), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--ragged", action="store_true")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _texts(options: argparse.Namespace) -> list[tuple[str, str]]:
    """Pairs of random words, as many as one run needs; a word is one token or more."""
    generator = np.random.default_rng(1)
    words = [f"w{number}" for number in range(900)]

    def text() -> str:
        share = generator.uniform(1 / 8, 1) if options.ragged else 1
        return " ".join(generator.choice(words, max(1, int(share * options.tokens))))

    return [(text(), text()) for _ in range(options.batch * (options.steps + 1))]


def _write_backbone(folder: Path, pairs: list[tuple[str, str]], config: TrainConfig) -> None:
    write_random_backbone(folder, [text for pair in pairs for text in pair], config)
    facts = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    shape = {
        "vocab_size": 30522,
        "hidden_size": 384,
        "num_hidden_layers": 6,
        "num_attention_heads": 12,
        "intermediate_size": 1536,
    }
    (folder / "config.json").write_text(json.dumps(facts | shape), encoding="utf-8")


def _prepare(root: Path, pairs: list[tuple[str, str]], config: TrainConfig) -> TrainingRows:
    functions, docstrings, rows = [], [], []
    for number, (text, code) in enumerate(pairs):
        name = row_id(str(number))
        empty = ("",) * 6
        functions.append(
            Function(name, "r/r", *empty[:2], "a.py", 1, "python", *empty[:4], code, (), (), "train")
        )
        docstrings.append(Docstring(name, text, "human", ""))
        rows.append(RefinedPair(name, name, True, number / len(pairs), 0.5, False, False, -1.0, *empty[:3]))
    sources = Sources(root / "functions", root / "docstrings", root / "pairs")
    ShardedTable(sources.functions, Function).write(0, functions)
    ShardedTable(sources.docstrings, Docstring).write(0, docstrings)
    ShardedTable(sources.pairs, RefinedPair).write(0, rows)
    layout = write_template(root / "template", root / "backbone", config)
    tokenizer = training_tokenizer(layout, load_backbone(root / "backbone", layout, config), config)
    prepare_rows(root / "rows", sources, tokenizer, ("", ""), dev_sample=0, seed=1)
    return TrainingRows(root / "rows")


def _ours(root: Path, rows: TrainingRows, config: TrainConfig, steps: int) -> Cost:
    layout = write_template(root / "template", root / "backbone", config)
    network = load_backbone(root / "backbone", layout, config)
    tokenizer = training_tokenizer(layout, network, config)
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        work = Work(network, tokenizer, layout, rows, [], Path(folder))
        chosen = TrainConfig(**{**_values(config), "max_steps": steps + 1})
        Trainer(chosen, work, start_accelerator()).run(lambda *_: clock.tick())
    return clock.cost()


def _values(config: TrainConfig) -> dict[str, Any]:
    return {name: getattr(config, name) for name in config.__slots__}


def _theirs(root: Path, pairs: list[tuple[str, str]], options: argparse.Namespace) -> Cost:
    import datasets
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from transformers import TrainerCallback

    from oasis_train.training.output import write_model

    if not (root / "model").is_dir():
        config = TrainConfig(backbone=str(root / "backbone"), init="random", pooling="mean", query_prompt="")
        layout = write_template(root / "template", root / "backbone", config)
        state = load_backbone(root / "backbone", layout, config).state_dict()
        write_model(root / "model", root / "template", root / "backbone", layout, config, state, "")
    clock = Clock()

    class Ticks(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:  # noqa: ANN401
            clock.tick()

    model = SentenceTransformer(str(root / "model"), device="cpu", local_files_only=True)
    model.max_seq_length = options.tokens
    with tempfile.TemporaryDirectory() as folder:
        arguments = SentenceTransformerTrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=options.batch,
            max_steps=options.steps + 1,
            learning_rate=5e-4,
            use_cpu=True,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            logging_strategy="no",
        )
        trainer = SentenceTransformerTrainer(
            model=model,
            args=arguments,
            train_dataset=datasets.Dataset.from_dict(
                {"query": [query for query, _ in pairs], "code": [code for _, code in pairs]}
            ),
            loss=MultipleNegativesRankingLoss(model),
            callbacks=[Ticks()],
        )
        trainer.train()
    return clock.cost()


if __name__ == "__main__":
    main()
