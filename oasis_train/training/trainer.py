"""The training loop: steps, records, evaluations, checkpoints, early stop; by accelerate.

Everything but the weights, the optimiser and the random states is a function of the step number, so a run
that was killed and is started again goes on bit for bit. Deliberately knows no tables and no model folder.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from oasis_search.encoder.layout import Layout
from oasis_train.data.progress import Progress
from oasis_train.errors import TrainingError
from oasis_train.evaluation.suites import Suite
from oasis_train.losses import OasisLoss
from oasis_train.training.backbone import TextEncoder
from oasis_train.training.best import BestWeights
from oasis_train.training.checkpoint import Checkpoints, Position
from oasis_train.training.config import TrainConfig
from oasis_train.training.data import Batch, TrainingRows
from oasis_train.training.in_training import EncoderInTraining, evaluate_all
from oasis_train.training.order import epoch_order
from oasis_train.training.records import Records
from oasis_train.training.schedule import rate_factor
from oasis_train.training.step import Stepper
from oasis_train.training.taught import TaughtRows

if TYPE_CHECKING:
    from tokenizers import Tokenizer


STOP_NAME = "stop"
"""A file of this name in the run's folder ends the training after the present step, as if that were the last:
the model has the weights so far, and the card says how many steps they have seen."""

PATIENCE = timedelta(days=2)
"""How long processes wait for each other; a launcher ends them all when one fails."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a run trains, on what, and where it keeps its pieces."""

    encoder: TextEncoder
    tokenizer: "Tokenizer"
    layout: Layout
    rows: TrainingRows
    suites: Sequence[Suite]
    folder: Path
    """For records; checkpoints go into its `checkpoints`."""
    taught: TaughtRows | None = None
    """Needed where distillation has a weight."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    state: Mapping[str, torch.Tensor]
    """Weights on the CPU, in the main process; empty in others."""
    steps: int
    """Steps done."""
    weights_step: int
    """The step that the weights are from; earlier than `steps` when the best are kept."""
    batch: int
    """Pairs of a step; fewer than asked for when there are fewer pairs."""
    pairs_per_s: float
    """Over the steps of this process; evaluation and checkpoints not counted."""


class Trainer:
    """One run."""

    def __init__(self, config: TrainConfig, work: Work, accelerator: Any) -> None:  # noqa: ANN401 - Accelerator
        """Prepare the network for the devices of `accelerator` (`start_accelerator`)."""
        self._config, self._work, self._accelerator = config, work, accelerator
        processes = accelerator.num_processes
        if 0 < config.gather_ranks < processes and processes % config.gather_ranks:
            raise TrainingError(
                f"The training setting gather_ranks is {config.gather_ranks}, which does not divide the "
                f"{processes} processes that train. Set it to a divisor, or to 0, which gathers all."
            )
        self._batch = min(config.batch, len(work.rows)) // processes * processes
        if self._batch == 0:
            raise TrainingError(
                f"{len(work.rows)} pairs are fewer than the {processes} processes that train."
            )
        self._steps_per_epoch = len(work.rows) // self._batch
        planned = self._steps_per_epoch * config.epochs
        self.total = min(planned, config.max_steps) if config.max_steps else planned
        """Steps, unless it stops early."""
        _configure_deepspeed(accelerator, config, self._batch // processes)
        self._pad_id = work.encoder.pad_id
        self._network, self._optimizer = accelerator.prepare(work.encoder, _optimizer(work.encoder, config))
        self._stepper = Stepper(self._network, accelerator, self._pad_id, config, work.taught)
        self._checkpoints = Checkpoints(work.folder / "checkpoints", accelerator, config.keep_checkpoints)
        self._best = BestWeights(work.folder / "checkpoints", accelerator)

    def run(self, progress: Progress | None = None) -> Outcome:
        """Train to the end, from the last checkpoint if there is one."""
        with deterministic_kernels(self._config.deterministic):
            torch.manual_seed(self._config.seed + self._accelerator.process_index)
            position = self._checkpoints.restore()
            main = self._accelerator.is_main_process
            records = Records(self._work.folder, position.step) if main else None
            self._network.train()
            if records is None:
                return self._loop(position, None, progress)
            with records:
                return self._loop(position, records, progress)

    def _loop(self, position: Position, records: Records | None, progress: Progress | None) -> Outcome:
        config = self._config
        batches = self._batches(position.step)
        elapsed_s, done = 0.0, 0
        while position.step < self.total and not self._is_over(position) and not self._is_stopped():
            start = time.perf_counter()
            values = self._step(position.step, next(batches))
            seconds = time.perf_counter() - start
            elapsed_s, done = elapsed_s + seconds, done + self._batch
            position = replace(position, step=position.step + 1)
            if records is not None:
                records.step(position.step, values, {"pairs_per_s": self._batch / seconds})
            if self._evaluates_at(position.step):
                position = self._evaluate(position, records)
            if config.checkpoint_every and position.step % config.checkpoint_every == 0:
                self._checkpoints.save(position)
                self._best.prune(position.best_step)
            if progress is not None:
                progress("train", position.step, self.total)
        keeps_best = config.patience > 0 and position.best is not None
        step = position.best_step if keeps_best else position.step
        state = self._best.load(step) if keeps_best else self._best.state(self._network)
        return Outcome(state, position.step, step, self._batch, done / max(elapsed_s, 1e-9))

    def _step(self, step: int, batch: Batch) -> dict[str, float]:
        """One step of the optimiser; returns what is recorded of it."""
        config, accelerator = self._config, self._accelerator
        rate = config.learning_rate * rate_factor(
            step, self.total, warmup=config.warmup, schedule=config.schedule
        )
        for group in self._optimizer.param_groups:
            group["lr"] = rate

        def check(loss: OasisLoss) -> None:
            if not bool(torch.isfinite(loss.total)):
                parts = f"in-batch {float(loss.in_batch)}, CoSENT {float(loss.cosent)}"
                raise self._not_a_number(f"loss is {float(loss.total)} ({parts})", step, batch)

        loss = self._stepper.gradient(batch, check)
        norm = accelerator.clip_grad_norm_(self._network.parameters(), config.clip or float("inf"))
        if norm is None:  # DeepSpeed clips by itself
            norm = self._network.get_global_grad_norm() or 0.0
        elif not bool(torch.isfinite(norm)):
            raise self._not_a_number(f"gradient's norm is {float(norm)}", step, batch)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        distilled = {} if loss.distillation is None else {"distillation": float(loss.distillation)}
        return {
            "epoch": step // self._steps_per_epoch,
            "loss": float(loss.total),
            "in_batch": float(loss.in_batch),
            "cosent": float(loss.cosent),
            "learning_rate": rate,
            "gradient_norm": float(norm),
            **distilled,
        }

    def _batches(self, step: int) -> Iterator[Batch]:
        """Of every batch from `step` on, the part of this process."""
        config, rows = self._config, self._work.rows
        groups = rows.repositories() if config.shuffle == "repository" else None
        clusters = rows.clusters(self._batch // 4) if config.keep_together else None
        share = self._batch // self._accelerator.num_processes
        first = share * self._accelerator.process_index
        while True:
            epoch, place = divmod(step, self._steps_per_epoch)
            order = epoch_order(
                len(rows),
                self._batch,
                seed=config.seed,
                epoch=epoch,
                groups=groups,
                share=config.repository_share,
                clusters=clusters,
            )
            for start in range(place * self._batch, len(order), self._batch):
                yield rows.batch(order[start + first : start + first + share])
                step += 1

    def _evaluates_at(self, step: int) -> bool:
        if not self._work.suites:
            return False
        every = self._config.eval_every or self._steps_per_epoch
        return step % every == 0 or step == self.total

    def _evaluate(self, position: Position, records: Records | None) -> Position:
        config = self._config
        encoder = EncoderInTraining(
            self._network, self._work.tokenizer, self._work.layout, self._pad_id, self._accelerator.device
        )
        with self._stepper.autocast():
            values = evaluate_all(encoder, self._work.suites)
        if records is not None:
            records.evaluation(position.step, values)
        if config.patience == 0:
            return position
        value = values[config.watch]
        if position.best is not None and value <= position.best:
            return replace(position, worse=position.worse + 1)
        self._best.save(self._network, position.step)
        return replace(position, best=value, best_step=position.step, worse=0)

    def _is_stopped(self) -> bool:
        """Whether a person wants no more steps.

        Several processes, which might look at different moments and then wait for each other, do not ask.
        """
        return self._accelerator.num_processes == 1 and (self._work.folder / STOP_NAME).exists()

    def _is_over(self, position: Position) -> bool:
        return 0 < self._config.patience <= position.worse

    def _not_a_number(self, what: str, step: int, batch: Batch) -> TrainingError:
        names = [f"{docstring}/{code}" for docstring, code in self._work.rows.names(batch.rows)]
        path = self._work.folder / "checkpoints" / f"stopped-step-{step + 1}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        kept = self._checkpoints.paths()
        return TrainingError(
            f"Step {step + 1} gave no number: the {what}. Its pairs (docstring/code) are "
            f"{', '.join(names[:3])}{' ...' if len(names) > 3 else ''}, all in {path}. "
            + (f"The checkpoint {kept[-1]} is kept. " if kept else "There is no checkpoint yet. ")
            + "Lower learning_rate, or look for damaged start weights."
        )


def start_accelerator() -> Any:  # noqa: ANN401 - Accelerator
    """Accelerate as `accelerate launch` configured it; the CPU or one GPU without that."""
    from accelerate import Accelerator, DistributedDataParallelKwargs, InitProcessGroupKwargs

    accelerator = Accelerator(
        kwargs_handlers=[
            DistributedDataParallelKwargs(broadcast_buffers=False),
            InitProcessGroupKwargs(timeout=PATIENCE),  # others wait while one encodes the texts
        ]
    )
    if accelerator.mixed_precision not in ("no", "bf16"):
        raise TrainingError(
            f"accelerate is configured for {accelerator.mixed_precision}, which this trainer does not know. "
            "Set mixed_precision to bf16 or no in its configuration."
        )
    return accelerator


@contextmanager
def deterministic_kernels(wanted: bool) -> Iterator[None]:
    """Within, only kernels that give the same bits each time; where a GPU has none, torch warns."""
    if not wanted:
        yield
        return
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    fills = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # costs time only
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        torch.utils.deterministic.fill_uninitialized_memory = fills  # type: ignore[attr-defined]


def _optimizer(encoder: TextEncoder, config: TrainConfig) -> torch.optim.Optimizer:
    parameters = [parameter for parameter in encoder.parameters() if parameter.requires_grad]
    if config.optimizer == "adafactor":
        return torch.optim.Adafactor(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)
    return torch.optim.AdamW(
        parameters,
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        eps=config.epsilon,
        fused=True,
    )


def _configure_deepspeed(accelerator: Any, config: TrainConfig, per_process: int) -> None:  # noqa: ANN401
    plugin = getattr(accelerator.state, "deepspeed_plugin", None)
    if plugin is None:
        return
    if config.chunk:
        raise TrainingError(
            "DeepSpeed steps at every backward pass, so gradients cannot be cached with it. Set chunk to 0, "
            "or use the ddp or fsdp configuration of accelerate."
        )
    plugin.deepspeed_config["train_micro_batch_size_per_gpu"] = per_process
    plugin.deepspeed_config["gradient_clipping"] = config.clip
