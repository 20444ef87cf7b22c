"""The stage that trains: from the tables of the stages before it to a model folder.

    model/             the model folder, with its card
    losses.jsonl       a line for each step
    evaluations.jsonl  a line for each evaluation
    tensorboard/       the same, and speed

While it works, `partial/` also holds the encoded texts, the template of the model folder and checkpoints.
A suite is measured along the way and changes no weight, unless `patience` makes it decide; so one that is
named later starts nothing anew, and is not in `evaluations.jsonl` and the card, which tell of that training.
Under `accelerate launch` every process calls `train`; the main one keeps the folder, the others follow it.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oasis_train.data import Stage, StageFolder, files_digest
from oasis_train.data.progress import Progress
from oasis_train.errors import TrainingError
from oasis_train.training.config import TrainConfig

if TYPE_CHECKING:
    from oasis_train.evaluation.suites import Suite


MODEL_NAME = "model"

_SUITE_FILES = ("corpus.jsonl.gz", "meta.json", "qrels.tsv", "queries.jsonl.gz")
_TEMPLATE, _ROWS, _MADE, _CHECKPOINTS = "template", "rows", "backbone", "checkpoints"


def train(
    config: TrainConfig,
    corpus: Path,
    docstrings: Path,
    refine: Path,
    out: Path,
    *,
    teacher: Path | None = None,
    views: Path | None = None,
    suites: Sequence[Path] = (),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train, unless it is done; returns the manifest of the stage.

    `teacher` is the folder of the stage `teach`, needed where distillation has a weight; texts and pairs are
    those of the stage in `views`, where that is given. A run that was
    killed goes on from its last checkpoint. Raises TrainError with the remedy.
    """
    from oasis_train.training.trainer import start_accelerator

    folders = {"corpus": corpus, "docstrings": docstrings, "refine": refine}
    if config.distillation:
        if teacher is None:
            raise TrainingError(
                "Distillation has a weight, but there is no teacher: add [teach] to the recipe."
            )
        folders["teach"] = teacher
    if views is not None:
        folders["views"] = views
    run = _Run(config, folders, suites, start_accelerator(), progress)
    folder = StageFolder(out)
    if not run.accelerator.is_main_process:
        partial = run.shared("")
        if partial:
            run.work(Path(partial))
        run.accelerator.wait_for_everyone()
        return folder.manifest()
    stage = Stage("train", config.facts, run.inputs())
    if folder.is_current(stage):
        run.shared("")
        manifest = folder.manifest()
    else:
        manifest = folder.run(stage, lambda partial: run.work(Path(run.shared(str(partial)))))
    run.accelerator.wait_for_everyone()
    return manifest


class _Run:
    """One call of `train`."""

    def __init__(
        self,
        config: TrainConfig,
        folders: Mapping[str, Path],
        suites: Sequence[Path],
        accelerator: Any,  # noqa: ANN401 - Accelerator
        progress: Progress | None,
    ) -> None:
        self.config, self.folders, self.suites = config, folders, suites
        self.accelerator, self.progress = accelerator, progress

    def shared(self, text: str) -> str:
        """The main process's text, in every process."""
        from accelerate.utils import broadcast_object_list

        texts = [text]
        broadcast_object_list(texts)
        return texts[0]

    def inputs(self) -> dict[str, str]:
        """Hashes of all that decides the weights: of the suites, the one that may end the training."""
        from oasis_train.training.template import TOKENIZER_FILES, locate_backbone

        found = {name: StageFolder(path).digest for name, path in self.folders.items()}
        if self.config.patience:
            digests = self._suite_digests()
            found |= {f"suite {name}": digests[name] for name in digests if name == self.config.watch}
        if self.config.backbone:
            folder = locate_backbone(self.config.backbone)
            weights = sorted(folder.glob("*.safetensors")) if self.config.init == "weights" else []
            found["backbone"] = files_digest(
                [folder / "config.json", *(folder / name for name in TOKENIZER_FILES), *weights]
            )
        return found

    def work(self, partial: Path) -> dict[str, Any]:
        """Do the stage in `partial`; returns facts for the manifest."""
        from oasis_search.encoder.layout import read_layout
        from oasis_train.training.backbone import load_backbone, training_tokenizer
        from oasis_train.training.data import TrainingRows, read_dev_sample
        from oasis_train.training.model_card import model_card
        from oasis_train.training.output import write_model
        from oasis_train.training.preparation import Sources, prepare_rows
        from oasis_train.training.records import EVALUATIONS_NAME, read_records
        from oasis_train.training.taught import TaughtRows
        from oasis_train.training.template import write_template
        from oasis_train.training.trainer import STOP_NAME, Trainer, Work

        config, accelerator = self.config, self.accelerator
        suites = self._load_suites()
        backbone = self._backbone(partial)
        if accelerator.is_main_process:
            write_template(partial / _TEMPLATE, backbone, config)
        accelerator.wait_for_everyone()
        layout = read_layout(partial / _TEMPLATE)
        encoder = load_backbone(backbone, layout, config)
        tokenizer = training_tokenizer(layout, encoder, config)
        if accelerator.is_main_process:
            sources = Sources(
                self._table("corpus") / "functions",
                self._table("docstrings") / "docstrings",
                self._table("refine") / "pairs",
            )
            prepare_rows(
                partial / _ROWS,
                sources,
                tokenizer,
                (layout.prompts["query"], layout.prompts["code"]),
                dev_sample=config.dev_sample,
                seed=config.seed,
                progress=self.progress,
            )
        accelerator.wait_for_everyone()
        rows = TrainingRows(partial / _ROWS)
        suites = [*self._dev(read_dev_sample(partial / _ROWS)), *suites]
        self._check_watch(suites)
        progress = self.progress if accelerator.is_main_process else None
        taught = TaughtRows(self.folders["teach"], rows) if config.distillation else None
        work = Work(encoder, tokenizer, layout, rows, suites, partial, taught)
        trainer = Trainer(config, work, accelerator)
        outcome = trainer.run(progress)
        if not accelerator.is_main_process:
            return {}
        evaluations = {row.pop("step"): row for row in read_records(partial / EVALUATIONS_NAME)}
        results = evaluations.get(outcome.weights_step, {})
        facts: dict[str, Any] = {
            "steps": outcome.steps,
            "weights_of_step": outcome.weights_step,
            "batch": outcome.batch,
            "pairs_trained_on": outcome.steps * outcome.batch,
            "processes": accelerator.num_processes,
        }
        card = model_card(
            config,
            base=_base_name(config),
            dim=layout.dim,
            served_tokens=layout.max_length,
            data=rows.facts,
            stages={name: StageFolder(path).manifest() for name, path in self.folders.items()},
            run=facts,
            results=results,
        )
        write_model(partial / MODEL_NAME, partial / _TEMPLATE, backbone, layout, config, outcome.state, card)
        for name in (_TEMPLATE, _ROWS, _MADE, _CHECKPOINTS):
            shutil.rmtree(partial / name, ignore_errors=True)
        (partial / STOP_NAME).unlink(missing_ok=True)
        return {
            **facts,
            "data": rows.facts,
            "results": results,
            "suites": self._suite_digests(),
            "pairs_per_s": outcome.pairs_per_s,
        }

    def _table(self, stage: str) -> Path:
        """The folder of that stage, or of the views of its tables."""
        return self.folders.get("views", self.folders[stage])

    def _backbone(self, partial: Path) -> Path:
        from oasis_train.training.code_tokenizer import write_code_backbone
        from oasis_train.training.random_backbone import write_random_backbone
        from oasis_train.training.template import locate_backbone

        if self.config.backbone and self.config.tokenizer == "backbone":
            return locate_backbone(self.config.backbone)
        folder = partial / _MADE
        if self.accelerator.is_main_process:
            if self.config.tokenizer != "backbone" and not (folder / "model.safetensors").is_file():
                start = locate_backbone(self.config.backbone)
                signs = self.config.tokenizer == "code-signs"
                texts = self._sample_texts()
                write_code_backbone(folder, start, texts, self.config.tokenizer_words, signs=signs)
            elif self.config.tokenizer == "backbone":
                write_random_backbone(folder, self._sample_texts(), self.config)
        self.accelerator.wait_for_everyone()
        return folder

    def _sample_texts(self) -> list[str]:
        """Enough of the corpus to learn a vocabulary from."""
        from itertools import islice

        from oasis_train.data import Docstring, Function, ShardedTable

        functions = ShardedTable(self._table("corpus") / "functions", Function)
        docstrings = ShardedTable(self._table("docstrings") / "docstrings", Docstring)
        step = max(1, len(functions) // 20_000)
        texts = [row.code for row in islice(functions, 0, None, step) if row.split == "train"]
        return texts + [row.text for row in islice(docstrings, 0, None, max(1, len(docstrings) // 20_000))]

    def _load_suites(self) -> "list[Suite]":
        from oasis_train.evaluation.suites import load_suite

        return [load_suite(path) for path in self.suites]

    def _suite_digests(self) -> dict[str, str]:
        """Name of each suite -> hash of its files."""
        digests = [files_digest([path / name for name in _SUITE_FILES]) for path in self.suites]
        return {suite.name: digest for suite, digest in zip(self._load_suites(), digests, strict=True)}

    def _dev(self, sample: list[tuple[str, str, str]]) -> "list[Suite]":
        from oasis_train.training.in_training import dev_suite

        suite = dev_suite(sample)
        return [suite] if suite is not None else []

    def _check_watch(self, suites: "Sequence[Suite]") -> None:
        names = [suite.name for suite in suites]
        if len(set(names)) < len(names):
            raise TrainingError(f"Two suites have the same name: {', '.join(names)}. Give each its own.")
        if self.config.patience and self.config.watch not in names:
            known = ", ".join(names) or "none at all: no held-out function has a docstring"
            raise TrainingError(
                f"The training setting watch is {self.config.watch!r}, but there is no such evaluation "
                f"({known}). Name a suite, or set patience to 0."
            )


def _base_name(config: TrainConfig) -> str:
    from oasis_search.encoder.hub import model_name
    from oasis_train.training.template import locate_backbone

    return "" if config.init == "random" else model_name(locate_backbone(config.backbone))
