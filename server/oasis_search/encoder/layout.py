"""What a sentence-transformers folder says about its model, in one value: pooling, prompts, lengths, layers.

Reads the JSON files only, never weights, and imports neither torch nor sentence-transformers. Anything that
would change vectors and cannot be honoured is refused, with the file and the remedy: a folder that loads
gives the vectors its author meant.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from oasis_search.encoder.architectures import check_architecture, hidden_size, position_limit
from oasis_search.encoder.json_files import read_object
from oasis_search.encoder.lengths import read_lengths
from oasis_search.encoder.modules import (
    DenseLayer,
    Pooling,
    module_folder,
    read_modules,
    read_pooling,
    read_tail,
)
from oasis_search.encoder.prompts import read_prompts
from oasis_search.encoder.protocol import Role
from oasis_search.errors import ModelFolderError

__all__ = ["DenseLayer", "Layout", "Pooling", "read_layout"]


@dataclass(frozen=True, slots=True)
class Layout:
    """All that a folder says about its vectors, except the weights and the tokenizer."""

    folder: Path
    transformer: Path
    """Where config.json, the weights and the tokenizer are; often `folder` itself."""
    architecture: str
    """`model_type` of config.json, e.g. `qwen2`."""
    pooling: Pooling
    include_prompt: bool
    """Whether the tokens of the prompt are pooled too."""
    normalise: bool
    """Whether the folder has a Normalize module. Our vectors have length 1 either way."""
    dense: tuple[DenseLayer, ...]
    """In the order in which they apply, after pooling."""
    prompts: Mapping[Role, str]
    max_length: int
    """Tokens of a text with its prompt and special tokens; what is beyond is cut."""
    lower_case: bool
    """Whether texts are lower-cased whatever the tokenizer does."""
    hidden: int
    """Length of a token vector."""
    truncate_dim: int | None
    """Leading components that are kept (Matryoshka), before the vector is normalised; None keeps all."""

    @property
    def dim(self) -> int:
        """Length of a vector."""
        if self.truncate_dim is not None:
            return self.truncate_dim
        return self.dense[-1].out_features if self.dense else self.hidden


def read_layout(folder: Path, *, truncate_dim: int | None = None) -> Layout:
    """The layout of a sentence-transformers folder.

    Raises ModelFolderError, naming the file and the remedy, when the folder is none, is damaged, or asks for
    something that would not be honoured.
    """
    modules = read_modules(folder)
    transformer = module_folder(folder, modules[0])
    config_path = transformer / "config.json"
    config = read_object(config_path)
    architecture = check_architecture(config, config_path)
    hidden = hidden_size(config, config_path)
    pooling, include_prompt = read_pooling(module_folder(folder, modules[1]) / "config.json", hidden)
    dense, normalise = read_tail(folder, modules[2:], hidden)
    lengths = read_lengths(transformer, position_limit(config, config_path))
    layout = Layout(
        folder=folder,
        transformer=transformer,
        architecture=architecture,
        pooling=pooling,
        include_prompt=include_prompt,
        normalise=normalise,
        dense=dense,
        prompts=read_prompts(folder),
        max_length=lengths.max_length,
        lower_case=lengths.lower_case,
        hidden=hidden,
        truncate_dim=None,
    )
    if truncate_dim is None or truncate_dim == layout.dim:
        return layout
    if not 1 <= truncate_dim < layout.dim:
        raise ModelFolderError(
            f"{folder} gives vectors of {layout.dim} components, so truncate_dim cannot be {truncate_dim}. "
            f"Choose from 1 to {layout.dim}."
        )
    return replace(layout, truncate_dim=truncate_dim)
