"""The safetensors files of a model folder, looked at without loading them.

A safetensors file opens with the size and the place of every tensor, so a truncated or foreign file is found
out in a millisecond, and with an error that names it. Deliberately reads no other format: pickled weights
(`pytorch_model.bin`) can run code when they are opened.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from oasis_search.encoder.json_files import read_object
from oasis_search.errors import ModelFolderError

WEIGHTS_NAME = "model.safetensors"
INDEX_NAME = "model.safetensors.index.json"

MAX_HEADER = 100_000_000
"""Bytes; the limit of the format itself. More means that the file is something else."""

FLOATS: Mapping[str, str] = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
"""Names of types in safetensors -> in torch."""

_AGAIN = "Copy or download the model folder again."


@dataclass(frozen=True, slots=True)
class Weights:
    """What the headers of a model's weight files say."""

    files: tuple[Path, ...]
    shapes: Mapping[str, tuple[int, ...]]
    """By name of the tensor."""
    dtype: str
    """The type of most of the numbers, as torch calls it: float32, float16 or bfloat16."""
    n_bytes: int
    """Of all files."""


def read_weights(folder: Path) -> Weights:
    """The weight files of `folder`, all there and of the right size; else ModelFolderError."""
    files = _weight_files(folder)
    shapes: dict[str, tuple[int, ...]] = {}
    numbers: Counter[str] = Counter()
    for path in files:
        for name, (dtype, shape) in _read_header(path).items():
            shapes[name] = shape
            numbers[dtype] += prod(shape)
    dtype = numbers.most_common(1)[0][0] if numbers else "none"
    if dtype not in FLOATS:
        raise ModelFolderError(
            f"{files[0]} holds weights of type {dtype}; only {', '.join(FLOATS)} can be computed. "
            "Choose a copy of the model that is not quantised."
        )
    return Weights(files, shapes, FLOATS[dtype], sum(path.stat().st_size for path in files))


def _weight_files(folder: Path) -> tuple[Path, ...]:
    if (folder / WEIGHTS_NAME).is_file():
        return (folder / WEIGHTS_NAME,)
    index = folder / INDEX_NAME
    if not index.is_file():
        raise ModelFolderError(_no_weights(folder))
    shards = read_object(index).get("weight_map")
    if not isinstance(shards, dict) or not shards or not all(isinstance(n, str) for n in shards.values()):
        raise ModelFolderError(f'{index} has no "weight_map" of file names. {_AGAIN}')
    names = sorted(set(shards.values()))
    missing = [name for name in names if Path(name).name != name or not (folder / name).is_file()]
    if missing:
        raise ModelFolderError(f"{folder} lacks {', '.join(missing)}, which {INDEX_NAME} lists. {_AGAIN}")
    return tuple(folder / name for name in names)


def _no_weights(folder: Path) -> str:
    pickled = sorted(path.name for path in folder.glob("*.bin"))
    if (folder / "adapter_config.json").is_file():
        return (
            f"{folder} holds an adapter, not a model (adapter_config.json). Merge it into its base model and "
            f"save that as {WEIGHTS_NAME}."
        )
    if pickled:
        return (
            f"{folder} has its weights only as {', '.join(pickled)}, and pickled weights can run code when "
            f"they are opened. Save them as {WEIGHTS_NAME} (safetensors.torch.save_model), or look for a "
            "revision of the model that has it."
        )
    return f"{folder / WEIGHTS_NAME} is missing. {_AGAIN}"


def _read_header(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Type and shape of every tensor of one file, whose size is checked."""
    size = path.stat().st_size
    with path.open("rb") as file:
        n_header = int.from_bytes(file.read(8), "little")
        text = file.read(n_header) if n_header <= min(size, MAX_HEADER) else b""
    try:
        header = json.loads(text)
        header.pop("__metadata__", None)
        tensors = {name: (str(t["dtype"]), tuple(map(int, t["shape"]))) for name, t in header.items()}
        n_data = max((int(t["data_offsets"][1]) for t in header.values()), default=0)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ModelFolderError(f"{path} is no safetensors file, or damaged at its start. {_AGAIN}") from None
    if size != 8 + n_header + n_data:
        raise ModelFolderError(
            f"{path} has {size} bytes instead of {8 + n_header + n_data}: a copy or download was cut short. "
            f"{_AGAIN}"
        )
    return tensors
