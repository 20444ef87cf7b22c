"""The finished model folder: the template with trained weights and a card."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from oasis_search.encoder.base_model import quiet_transformers
from oasis_search.encoder.layout import Layout
from oasis_train.errors import TrainingError
from oasis_train.training.backbone import load_backbone, merged
from oasis_train.training.config import TrainConfig


def write_model(
    folder: Path,
    template: Path,
    backbone: Path,
    layout: Layout,
    config: TrainConfig,
    state: Mapping[str, Tensor],
    card: str,
) -> None:
    """Write the folder that the server and sentence-transformers load.

    `state` are the trained weights of the network that `load_backbone` makes of `backbone`; a low-rank change
    is merged, and the start weights have their share of the average. TrainingError when there is no room.
    """
    plain = replace(config, gradient_checkpointing=False)
    network = load_backbone(backbone, layout, plain)
    network.load_state_dict(state)
    model = merged(network)
    if config.average_with_start:
        start = merged(load_backbone(backbone, layout, plain)).state_dict()
        model.load_state_dict(average(model.state_dict(), start, config.average_with_start))
    model.config._name_or_path = ""  # a path of this machine
    try:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(template, folder)
        with quiet_transformers():
            model.to(getattr(torch, config.weights)).save_pretrained(folder)
        (folder / "README.md").write_text(card, encoding="utf-8")
    except Exception as error:  # safetensors wraps a full disk in its own type
        shutil.rmtree(folder, ignore_errors=True)
        raise TrainingError(
            f"The model folder {folder} cannot be written ({error}). Make room and run it again: it goes on "
            "from the last checkpoint."
        ) from error


def average(trained: Mapping[str, Tensor], start: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """(1 - share) * trained + share * start, by name; numbers that are no floats stay as trained."""
    return {
        name: torch.lerp(tensor, start[name], share) if tensor.is_floating_point() else tensor
        for name, tensor in trained.items()
    }
