"""Checkpoints that appear whole or not at all, and from which a run goes on bit for bit.

accelerate writes model and optimiser, in the form that the strategy needs (one file, or shards of FSDP and
DeepSpeed); position and random states are kept beside them as JSON. The learning rate and the order of rows
are functions of the position, so nothing else has a state.
"""

import json
import os
import random
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from oasis_train.errors import TrainingError

_POSITION = "position.json"


@dataclass(frozen=True, slots=True)
class Position:
    """How far a run has come."""

    step: int = 0
    """Steps done."""
    best: float | None = None
    """Best value of what is watched."""
    best_step: int = 0
    worse: int = 0
    """Evaluations since then."""


class Checkpoints:
    """The checkpoints of one run; every process calls every method."""

    def __init__(self, folder: Path, accelerator: Any, keep: int) -> None:  # noqa: ANN401 - Accelerator
        """Keep the last `keep` of them in `folder`."""
        self._folder = folder
        self._accelerator = accelerator
        self._keep = keep

    def paths(self) -> list[Path]:
        """Whole checkpoints, the oldest first."""
        return sorted(self._folder.glob("step-*"))

    def save(self, position: Position) -> None:
        """Write one, then remove those too many; TrainingError when there is no room for it."""
        accelerator = self._accelerator
        target = self._folder / f"step-{position.step:09d}"
        part = self._folder / f".{target.name}.part"
        try:
            if accelerator.is_main_process:
                shutil.rmtree(part, ignore_errors=True)
                part.mkdir(parents=True)
            accelerator.wait_for_everyone()
            accelerator.save_state(str(part))
            rank = accelerator.process_index
            (part / f"random-{rank}.json").write_text(json.dumps(_random_states()), encoding="utf-8")
            accelerator.wait_for_everyone()
            if accelerator.is_main_process:
                facts = {**asdict(position), "processes": accelerator.num_processes}
                (part / _POSITION).write_text(json.dumps(facts), encoding="utf-8")
                _flush(part)
                shutil.rmtree(target, ignore_errors=True)
                part.rename(target)
                for path in self.paths()[: -self._keep]:
                    shutil.rmtree(path)
        except Exception as error:  # each library wraps a full disk in another type
            shutil.rmtree(part, ignore_errors=True)
            raise TrainingError(
                f"The checkpoint {target} cannot be written ({error}). Make room and run it again: "
                f"{_last(self.paths())}"
            ) from error
        accelerator.wait_for_everyone()

    def restore(self) -> Position:
        """Load the last one into what accelerate prepared; the position 0 when there is none."""
        accelerator = self._accelerator
        if not self.paths():
            return Position()
        path = self.paths()[-1]
        try:
            facts = json.loads((path / _POSITION).read_text(encoding="utf-8"))
            processes = facts.pop("processes")
            if processes != accelerator.num_processes:
                raise TrainingError(
                    f"{path} was written by {processes} processes; this run has {accelerator.num_processes}. "
                    f"Go on with {processes}, or delete {self._folder} to start anew."
                )
            accelerator.load_state(str(path))
            states = json.loads((path / f"random-{accelerator.process_index}.json").read_text("utf-8"))
            _set_random_states(states)
            return Position(**facts)
        except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
            raise TrainingError(
                f"The checkpoint {path} cannot be read ({error}). Delete it: the run then goes on "
                "from the one before it, or from the start."
            ) from error


def _last(paths: list[Path]) -> str:
    return f"it goes on from {paths[-1]}." if paths else "there is no earlier one to go on from."


def _flush(folder: Path) -> None:
    """Have everything on the disk itself before the folder gets its name."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _random_states() -> dict[str, Any]:
    kind, keys, place, has_gauss, gauss = np.random.get_state(legacy=True)  # noqa: NPY002 - others may use it
    states: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": [kind, np.asarray(keys).tolist(), place, has_gauss, gauss],
        "torch": torch.get_rng_state().tolist(),
    }
    if torch.cuda.is_available():
        states["cuda"] = [state.tolist() for state in torch.cuda.get_rng_state_all()]
    return states


def _set_random_states(states: dict[str, Any]) -> None:
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
    kind, keys, place, has_gauss, value = states["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), place, has_gauss, value))  # noqa: NPY002
    torch.set_rng_state(torch.tensor(states["torch"], dtype=torch.uint8))
    if "cuda" in states:
        torch.cuda.set_rng_state_all([torch.tensor(state, dtype=torch.uint8) for state in states["cuda"]])
