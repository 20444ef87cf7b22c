"""Several encoders as one: their vectors side by side, each with a weight.

Inner products of joined vectors are weighted means of the parts' inner products, so a transformer that reads
sentences and a table that knows words answer together, by one vector and one index. Between two codes words
tell more than between a question and a code, so there the parts can have other shares: the vectors of codes
have one set of weights and those of questions another, chosen so that both products come out as wanted.
The folder holds no weights of its own: `oasis.json` names its parts, each a folder inside it or a model that
ships with the package, with the fingerprint that it must have.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from oasis_search.encoder.folder import Manifest, read_manifest
from oasis_search.encoder.protocol import Encoder, Role, Vectors
from oasis_search.errors import ModelFolderError

KIND = "joined"


@dataclass(frozen=True, slots=True)
class Shares:
    """What one part is worth in the joined inner product; over the parts each adds up to 1."""

    weight: float
    """Between a question and a code."""
    code_weight: float
    """Between two codes."""


class JoinedEncoder:
    """Encoders that see the same texts."""

    def __init__(self, manifest: Manifest, parts: Sequence[tuple[Encoder, Shares]]) -> None:
        """`parts`: each encoder with its shares."""
        self._manifest = manifest
        self._fingerprint = manifest.fingerprint
        self._encoders = [encoder for encoder, _ in parts]
        factors = factors_of([shares for _, shares in parts])
        self._factors: dict[Role, list[float]] = {
            "query": [of_query for of_query, _ in factors],
            "code": [of_code for _, of_code in factors],
        }

    @property
    def name(self) -> str:
        """What a user calls it."""
        return self._manifest.name

    @property
    def fingerprint(self) -> str:
        """Changes whenever a vector of any part could change."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """Length of a vector: of those of all parts together."""
        return self._manifest.dim

    @property
    def place(self) -> str:
        """Where its parts compute."""
        return " + ".join(encoder.place for encoder in self._encoders)

    def encode(self, texts: Sequence[str], role: Role = "code") -> Vectors:
        """(len(texts), dim) float32, each row of length 1; zeros for a text that no part knows."""
        joined = np.concatenate(
            [
                encoder.encode(texts, role) * np.float32(factor)
                for encoder, factor in zip(self._encoders, self._factors[role], strict=True)
            ],
            axis=1,
        )
        norms = np.linalg.norm(joined, axis=1, keepdims=True)  # 1, but for texts unknown to a part
        vectors: Vectors = np.divide(joined, norms, out=joined, where=norms > 0)
        return vectors


def factors_of(parts: Sequence[Shares]) -> list[tuple[float, float]]:
    """Factors on each part's vectors of questions and of codes; joined vectors have length 1.

    With c the share between two codes, codes are scaled by sqrt(c); questions by q = w / sqrt(c) over the
    length of all q, so that q sqrt(c) is in the proportion of w.
    """
    of_code = [math.sqrt(shares.code_weight) for shares in parts]
    of_query = [shares.weight / root for shares, root in zip(parts, of_code, strict=True)]
    length = math.hypot(*of_query)
    return [(query / length, code) for query, code in zip(of_query, of_code, strict=True)]


def part_facts(model: str, encoder: Encoder, shares: Shares) -> dict[str, Any]:
    """What the manifest says of a part: where it is, what it must be, its shares."""
    facts = {"model": model, "fingerprint": encoder.fingerprint, "dim": encoder.dim, "weight": shares.weight}
    return facts if shares.code_weight == shares.weight else {**facts, "code_weight": shares.code_weight}


def load_joined(folder: Path, *, threads: int = 0) -> JoinedEncoder:
    """The encoder in a folder of kind `joined`.

    Raises ModelFolderError when the folder is damaged, a part is missing or is not the one that was joined.
    """
    from oasis_search.encoder.load import load, shipped_models

    manifest = read_manifest(folder)
    parts: list[tuple[Encoder, Shares]] = []
    for facts in _parts_of(folder, manifest):
        name = str(facts["model"])
        inside = folder / name
        encoder = load(inside if inside.is_dir() else shipped_models().get(name, inside), threads=threads)
        if encoder.fingerprint != facts["fingerprint"]:
            raise ModelFolderError(
                f"{folder} was joined with another {name} ({facts['fingerprint']}, found is "
                f"{encoder.fingerprint}). Export or install the model again."
            )
        weight = float(facts["weight"])
        parts.append((encoder, Shares(weight, float(facts.get("code_weight", weight)))))
    if sum(encoder.dim for encoder, _ in parts) != manifest.dim:
        raise ModelFolderError(
            f"{folder}: its parts do not give the {manifest.dim} numbers that it promises. "
            "Export or install the model again."
        )
    return JoinedEncoder(manifest, parts)


def _parts_of(folder: Path, manifest: Manifest) -> list[dict[str, Any]]:
    parts = manifest.options.get("parts")
    usable = (
        manifest.kind == KIND
        and isinstance(parts, list)
        and len(parts) > 1
        and all(
            isinstance(part, dict)
            and {"model", "fingerprint", "weight"} <= set(part)
            and not {"..", ""} & set(Path(str(part["model"])).parts or ("",))
            and not Path(str(part["model"])).is_absolute()
            for part in parts
        )
    )
    if not usable:
        raise ModelFolderError(
            f"{folder} does not name the models that it joins (kind {manifest.kind}). "
            "Export or install the model again."
        )
    found: list[dict[str, Any]] = list(manifest.options["parts"])
    return found
