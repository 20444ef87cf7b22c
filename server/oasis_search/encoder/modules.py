"""What follows the transformer of a sentence-transformers folder: modules.json, Pooling, Dense, Normalize.

Reads JSON only. A module that cannot be honoured is refused, with the file and the remedy, and so are files
that do not fit together; code that comes with a model is never run.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeGuard

from oasis_search.encoder.json_files import positive_integer, read_json, read_object
from oasis_search.errors import ModelFolderError

Pooling = Literal["mean", "cls", "lasttoken"]
"""How the vectors of tokens become one: their mean, the first, or the last."""

ACTIVATIONS = ("GELU", "Identity", "ReLU", "SiLU", "Sigmoid", "Tanh")
"""Activations of Dense modules, by the name of their class in torch.nn."""

MODULES_NAME = "modules.json"

_LEGACY_POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""Flags that sentence-transformers wrote before it wrote `pooling_mode`."""


@dataclass(frozen=True, slots=True)
class DenseLayer:
    """A linear layer after pooling: `activation(weight @ vector + bias)`."""

    folder: Path
    in_features: int
    out_features: int
    activation: str
    """One of `ACTIVATIONS`."""
    bias: bool


def read_modules(folder: Path) -> list[dict[str, Any]]:
    """The entries of modules.json with `kind` added: Transformer, Pooling, then what follows them."""
    path = folder / MODULES_NAME
    if not path.is_file():
        raise ModelFolderError(
            f"{path} is missing, so nothing says how {folder} pools its tokens, and a guess would give wrong "
            f"vectors. Use a sentence-transformers folder, or add {MODULES_NAME} (Transformer, Pooling) and "
            '1_Pooling/config.json with "pooling_mode" mean, cls or lasttoken, as its author says.'
        )
    entries = read_json(path)
    if not isinstance(entries, list) or not all(_is_module(entry) for entry in entries):
        raise ModelFolderError(f'{path} must be a list of objects with "type" and "path".')
    modules = [{**entry, "kind": _kind(entry["type"], path)} for entry in entries]
    kinds = [module["kind"] for module in modules]
    if kinds[:2] != ["Transformer", "Pooling"]:
        raise ModelFolderError(
            f"{path} lists {', '.join(kinds) or 'nothing'}; only models of a Transformer followed by a "
            "Pooling can be honoured. Serve this one at an endpoint instead."
        )
    return modules


def _is_module(entry: object) -> TypeGuard[dict[str, Any]]:
    return (
        isinstance(entry, dict) and isinstance(entry.get("type"), str) and isinstance(entry.get("path"), str)
    )


def _kind(type_name: str, path: Path) -> str:
    """The class of a module without its package, which changed between versions of sentence-transformers."""
    package, _, kind = type_name.rpartition(".")
    if package.split(".")[0] != "sentence_transformers":
        raise ModelFolderError(
            f"{path} lists the module {type_name}, which is code of the model's author, and such code is "
            "never run. Choose a model of plain sentence-transformers modules, or serve it at an endpoint."
        )
    return kind


def module_folder(folder: Path, module: dict[str, Any]) -> Path:
    """Where a module of `folder` keeps its files; inside the folder, or ModelFolderError."""
    path = folder / str(module["path"])
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ModelFolderError(f"{folder / MODULES_NAME} points outside its folder ({module['path']}).")
    return path


def read_pooling(path: Path, hidden: int) -> tuple[Pooling, bool]:
    """How tokens of `hidden` components are pooled, and whether those of the prompt are."""
    facts = read_object(path)
    mode = facts.get("pooling_mode")
    modes = [mode] if isinstance(mode, str) else mode
    if modes is None:
        modes = [name for key, name in _LEGACY_POOLINGS.items() if facts.get(key) is True] or ["mean"]
    if not isinstance(modes, list) or len(modes) != 1 or not _is_pooling(modes[0]):
        raise ModelFolderError(
            f"{path} pools by {modes}, which cannot be honoured: only one of mean, cls and lasttoken can. "
            "Choose another model, or serve this one at an endpoint."
        )
    key = "embedding_dimension" if "embedding_dimension" in facts else "word_embedding_dimension"
    if (found := positive_integer(facts, key, path)) != hidden:
        raise ModelFolderError(
            f'{path} has "{key}" {found}, but the transformer gives {hidden} components. These files belong '
            "to different models: copy or download the folder again."
        )
    return modes[0], facts.get("include_prompt", True) is not False


def _is_pooling(mode: object) -> TypeGuard[Pooling]:
    return mode in ("mean", "cls", "lasttoken")


def read_tail(folder: Path, modules: list[dict[str, Any]], width: int) -> tuple[tuple[DenseLayer, ...], bool]:
    """Dense layers and whether a Normalize ends them."""
    path = folder / MODULES_NAME
    dense: list[DenseLayer] = []
    normalise = False
    for module in modules:
        match module["kind"]:
            case "Dropout":  # does nothing outside training
                pass
            case "Normalize":
                normalise = True
            case "Dense" if not normalise:
                dense.append(_read_dense(module_folder(folder, module), width))
                width = dense[-1].out_features
            case kind:
                reason = "after Normalize " if normalise else ""
                raise ModelFolderError(
                    f"{path} lists a {kind} module {reason}that cannot be honoured: only Dense, Dropout and "
                    "a final Normalize can follow Pooling. Serve this model at an endpoint instead."
                )
    return tuple(dense), normalise


def _read_dense(folder: Path, width: int) -> DenseLayer:
    path = folder / "config.json"
    facts = read_object(path)
    package, _, activation = str(facts.get("activation_function", "torch.nn.Tanh")).rpartition(".")
    if package.split(".")[0] != "torch" or activation not in ACTIVATIONS:
        raise ModelFolderError(
            f"{path} has the activation {facts['activation_function']!r}; only {', '.join(ACTIVATIONS)} of "
            "torch.nn can be honoured. Serve this model at an endpoint instead."
        )
    unusual = {"module_input_name", "module_output_name"} & {
        key for key, value in facts.items() if value not in (None, "sentence_embedding")
    }
    if unusual or facts.get("use_residual"):
        raise ModelFolderError(
            f"{path} does not simply map the pooled vector ({', '.join(sorted(unusual)) or 'use_residual'} "
            "is set), which cannot be honoured. Serve this model at an endpoint instead."
        )
    layer = DenseLayer(
        folder=folder,
        in_features=positive_integer(facts, "in_features", path),
        out_features=positive_integer(facts, "out_features", path),
        activation=activation,
        bias=facts.get("bias", True) is not False,
    )
    if layer.in_features != width:
        raise ModelFolderError(
            f'{path} has "in_features" {layer.in_features}, but gets vectors of {width} components. These '
            "files belong to different models: copy or download the folder again."
        )
    return layer
