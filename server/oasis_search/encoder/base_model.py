"""The transformer of a folder, without a head, with every weight accounted for.

transformers only warns when a checkpoint lacks weights, and fills the gap with random numbers; here that is
an error, and so are layers that the configuration does not know.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oasis_search.encoder.device import Device
from oasis_search.encoder.layout import Layout
from oasis_search.encoder.weights import Weights
from oasis_search.encoder.widen import widen
from oasis_search.errors import ModelFolderError

if TYPE_CHECKING:
    import torch

_UNUSED = re.compile(r"(^|\.)pooler\.")
"""BERT's own pooler, which no sentence-transformers pooling uses; many folders lack it."""

_LAYER = re.compile(r"\blayers?\.\d+\.")
"""In the name of a weight that belongs to the body of a transformer, not to a head."""


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A transformer that maps token ids to token vectors."""

    module: "torch.nn.Module"
    vocab_size: int
    """Rows of its embedding table."""
    pad_id: int
    """What stands after the end of a text in a batch."""


def load_base_model(layout: Layout, weights: Weights, device: Device) -> BaseModel:
    """The base model on its device, ready to compute in `device.dtype`.

    Raises ModelFolderError when weights are missing, of another shape, or more than the configuration knows.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModel

    model: Any  # PreTrainedModel, of which transformers' own types promise less than there is
    try:
        with quiet_transformers():
            model, report = AutoModel.from_pretrained(
                layout.transformer,
                dtype=getattr(torch, weights.dtype),  # as stored: then nothing is copied
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                output_loading_info=True,
            )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        raise ModelFolderError(
            f"{layout.transformer} cannot be loaded: {error}. Copy or download the model folder again."
        ) from error
    missing = sorted(name for name in report["missing_keys"] if not _UNUSED.search(name))
    unknown = sorted(name for name in report["unexpected_keys"] if _LAYER.search(name))
    for names, what in ((missing, "lack"), (unknown, "have, unknown to config.json,")):
        if names:
            raise ModelFolderError(
                f"The weights in {layout.transformer} {what} {len(names)} tensors, e.g. {names[0]}. They do "
                "not belong to its config.json: copy or download the model folder again."
            )
    model.eval()
    if device.dtype == "float32" and weights.dtype != "float32" and device.kind == "cpu":
        widen(model)
    else:
        model.to(device=device.kind, dtype=getattr(torch, device.dtype))
    return BaseModel(model, model.get_input_embeddings().num_embeddings, model.config.pad_token_id or 0)


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """No progress bar and no warnings from transformers: what it would warn of is an error here."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging  # has no types
    verbosity, shows_bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if shows_bar:
            logging.enable_progress_bar()
