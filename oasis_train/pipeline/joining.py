"""Writes a folder of kind `joined`: a trained model and one that ships, as one encoder.

A part that is a folder is copied, so that the result can be moved; a part that ships with the package is
named, so that a package does not hold it twice.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oasis_search.encoder import Manifest, load, shipped_models
from oasis_search.encoder.folder import record_files, write_manifest
from oasis_search.encoder.joined import KIND, Shares, part_facts
from oasis_train.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Part:
    """One model and its share of the joined inner product."""

    model: str
    """A shipped model's name, or a folder."""
    weight: float
    """Between a question and a code."""
    code_weight: float = 0.0
    """Between two codes; 0: the same."""
    name: str = ""
    """Of its folder in the joined one; that of its own when empty. A shipped model has none there."""


def join_models(
    parts: Sequence[Part],
    out: Path,
    *,
    name: str,
    licence: str,
    training: Mapping[str, Any] | None = None,
) -> Manifest:
    """Write the folder `out`, with weights that add up to 1; returns its manifest.

    Raises TrainingError for fewer than two parts, weights that are not above 0, or folders of one name;
    EncoderError for a part that cannot be loaded.
    """
    if len(parts) < 2 or any(part.weight <= 0 or part.code_weight < 0 for part in parts):
        raise TrainingError("Joining takes two models or more, each with a weight above 0.")
    shipped = shipped_models()
    names = [part.model if part.model in shipped else part.name or Path(part.model).name for part in parts]
    if len(set(names)) < len(names):
        raise TrainingError(f"Two parts are called {sorted(names)[0]}: give their folders different names.")
    total = sum(part.weight for part in parts)
    code_total = sum(part.code_weight or part.weight for part in parts)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    files: list[str] = []
    facts = []
    dim = 0
    for part, own in zip(parts, names, strict=True):
        if part.model not in shipped:
            shutil.copytree(part.model, out / own)
            files += [
                path.relative_to(out).as_posix() for path in sorted((out / own).rglob("*")) if path.is_file()
            ]
        encoder = load(part.model)
        shares = Shares(part.weight / total, (part.code_weight or part.weight) / code_total)
        facts.append(part_facts(own, encoder, shares))
        dim += encoder.dim
    manifest = Manifest(
        kind=KIND,
        name=name,
        dim=dim,
        files=record_files(out, [file for file in files if not file.endswith("README.md")]),
        options={"parts": facts},
        licence=licence,
        training=training or {},
    )
    write_manifest(out, manifest)
    return manifest
