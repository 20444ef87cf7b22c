"""What a run leaves to look at: a line for each step, a line for each evaluation, and TensorBoard files.

The two `.jsonl` files hold nothing that depends on time, so that a run that was killed and went on leaves the
same bytes as one that was not; speed is in TensorBoard only.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from oasis_train.errors import TrainingError

LOSSES_NAME = "losses.jsonl"
EVALUATIONS_NAME = "evaluations.jsonl"
TENSORBOARD_NAME = "tensorboard"


class Records:
    """Files of one run; used as a context manager, by the main process only."""

    def __init__(self, folder: Path, step: int) -> None:
        """Go on after `step`; what was recorded beyond it is dropped."""
        from torch.utils.tensorboard import SummaryWriter

        self._folder = folder
        try:
            self._losses = _open_until(folder / LOSSES_NAME, step)
            self._evaluations = _open_until(folder / EVALUATIONS_NAME, step)
            self._writer: Any = SummaryWriter(
                str(folder / TENSORBOARD_NAME), purge_step=step + 1 if step else None
            )
        except OSError as error:
            raise self._full(error) from error

    def __enter__(self) -> "Records":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in (self._losses, self._evaluations, self._writer):
            try:
                file.close()
            except OSError as problem:
                if error is None:
                    raise self._full(problem) from problem

    def step(self, step: int, values: Mapping[str, float], speed: Mapping[str, float]) -> None:
        """Record a step; `speed` goes to TensorBoard only."""
        self._write(self._losses, {"step": step, **values})
        for name, value in {**values, **speed}.items():
            self._writer.add_scalar(f"train/{name}", value, step)

    def evaluation(self, step: int, values: Mapping[str, float]) -> None:
        """Record an evaluation."""
        self._write(self._evaluations, {"step": step, **values})
        for name, value in values.items():
            self._writer.add_scalar(f"evaluation/{name}", value, step)
        self._writer.flush()

    def _write(self, file: IO[str], row: Mapping[str, float]) -> None:
        try:
            file.write(json.dumps(row) + "\n")
            file.flush()
        except OSError as error:
            raise self._full(error) from error

    def _full(self, error: OSError) -> TrainingError:
        return TrainingError(
            f"{self._folder} cannot be written ({error}). Make room and run it again: it goes on from "
            "the last checkpoint."
        )


def read_records(path: Path) -> list[dict[str, Any]]:
    """The lines of one of the files; a last line that a kill cut short is left out."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines if line]


def _open_until(path: Path, step: int) -> IO[str]:
    kept = [row for row in read_records(path) if row["step"] <= step]
    part = path.with_name(f".{path.name}.part")
    part.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
    part.replace(path)
    return path.open("a", encoding="utf-8")
