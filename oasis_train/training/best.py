"""The best weights so far, named by their step, so that a resume finds those it knows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from oasis_train.errors import TrainingError


class BestWeights:
    """Whole weights of the network on the CPU; every process calls `state` and `save`."""

    def __init__(self, folder: Path, accelerator: Any) -> None:  # noqa: ANN401 - Accelerator
        """Keep them in `folder`."""
        self._folder = folder
        self._accelerator = accelerator

    def state(self, network: Any) -> Mapping[str, torch.Tensor]:  # noqa: ANN401 - as prepared
        """The weights of `network` now, in the main process; nothing in others."""
        state = self._accelerator.get_state_dict(network)
        if not self._accelerator.is_main_process:
            return {}
        return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}

    def save(self, network: Any, step: int) -> None:  # noqa: ANN401 - as prepared
        """Keep the weights that `network` has after `step`."""
        state = self.state(network)
        if not self._accelerator.is_main_process:
            return
        path = self._path(step)
        part = path.with_name(f".{path.name}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            save_file(dict(state), part)
            part.replace(path)
        except Exception as error:  # safetensors wraps a full disk in its own type
            part.unlink(missing_ok=True)
            raise TrainingError(f"{path} cannot be written ({error}). Make room; run it again.") from error

    def load(self, step: int) -> Mapping[str, torch.Tensor]:
        """What was kept of `step`, in the main process."""
        return load_file(self._path(step)) if self._accelerator.is_main_process else {}

    def prune(self, step: int) -> None:
        """Remove all but those of `step`; a checkpoint must name it by now."""
        if self._accelerator.is_main_process:
            for path in self._folder.glob("best-*.safetensors"):
                if path != self._path(step):
                    path.unlink()

    def _path(self, step: int) -> Path:
        return self._folder / f"best-{step:09d}.safetensors"
