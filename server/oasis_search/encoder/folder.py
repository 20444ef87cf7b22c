"""The model folder: a manifest, `oasis.json`, beside the files of one model.

The manifest names every file with its size and SHA-256. Loading checks sizes only (a 16 MB hash at every
start would cost more than the model itself); `verify_folder` checks the hashes. The fingerprint is a hash of
the files' hashes and of every parameter that changes a vector, and can be recomputed from the manifest.
Deliberately knows nothing of what a kind of model does with its files.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from oasis_search.encoder.protocol import Role
from oasis_search.errors import ModelFolderError

FORMAT = 1
"""Version of this layout; a folder with a higher one is refused."""

MANIFEST_NAME = "oasis.json"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """Size and content hash of one file of a model folder."""

    n_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `oasis.json` says."""

    kind: str
    """Which code loads the folder: `static`, ..."""
    name: str
    """What a user calls the model."""
    dim: int
    """Length of a vector."""
    files: Mapping[str, FileRecord]
    """Every file that vectors depend on, by its name in the folder."""
    prompts: Mapping[Role, str] = field(default_factory=lambda: {"query": "", "code": ""})
    """Text put before what is encoded, by role."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the kind that change vectors."""
    licence: str = ""
    """SPDX expression of the weights."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Provenance; for people, changes nothing."""

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits that change whenever any vector could change."""
        facts = {
            "format": FORMAT,
            "kind": self.kind,
            "dim": self.dim,
            "prompts": dict(self.prompts),
            "options": dict(self.options),
            "files": {name: record.sha256 for name, record in self.files.items()},
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def read_manifest(folder: Path) -> Manifest:
    """The manifest of `folder`, checked against the sizes of its files.

    Raises ModelFolderError when the folder, the manifest or a file is missing, damaged or of a newer format.
    """
    path = folder / MANIFEST_NAME
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise ModelFolderError(
            f"{folder} is not a model folder: it has no {MANIFEST_NAME}. Name a shipped model or a folder "
            'that "oasis-train export" wrote.'
        ) from None
    except (OSError, ValueError) as error:
        raise ModelFolderError(
            f"{path} cannot be read ({error}). Export or install the model again."
        ) from error
    manifest = _parse_manifest(facts, path)
    for name, record in manifest.files.items():
        _check_size(folder / name, record)
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `oasis.json`; the model's other files must be in place already."""
    facts = {
        "format": FORMAT,
        "kind": manifest.kind,
        "name": manifest.name,
        "dim": manifest.dim,
        "prompts": dict(manifest.prompts),
        "options": dict(manifest.options),
        "fingerprint": manifest.fingerprint,
        "files": {
            name: {"bytes": record.n_bytes, "sha256": record.sha256}
            for name, record in sorted(manifest.files.items())
        },
        "licence": manifest.licence,
        "training": dict(manifest.training),
    }
    text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
    (folder / MANIFEST_NAME).write_text(text, encoding="utf-8")


def record_files(folder: Path, names: Iterable[str]) -> dict[str, FileRecord]:
    """Size and hash of the named files of `folder`."""
    records = {}
    for name in names:
        data = (folder / name).read_bytes()
        records[name] = FileRecord(len(data), hashlib.sha256(data).hexdigest())
    return records


def verify_folder(folder: Path) -> Manifest:
    """Like `read_manifest`, and every file has the recorded content; reads all of the folder."""
    manifest = read_manifest(folder)
    for name, found in record_files(folder, manifest.files).items():
        if found != manifest.files[name]:
            raise ModelFolderError(
                f"{folder / name} does not have the content that {MANIFEST_NAME} records. "
                "Export or install the model again."
            )
    return manifest


def _parse_manifest(facts: Any, path: Path) -> Manifest:  # noqa: ANN401 - parsed JSON
    if not isinstance(facts, dict) or not isinstance(facts.get("format"), int):
        raise ModelFolderError(f'{path} has no "format" number, so it is not a model manifest of OASIS.')
    if facts["format"] > FORMAT:
        raise ModelFolderError(
            f"{path} has format {facts['format']}, this version reads up to {FORMAT}. "
            "Update oasis-code-search."
        )
    try:
        manifest = Manifest(
            kind=str(facts["kind"]),
            name=str(facts["name"]),
            dim=int(facts["dim"]),
            files={
                str(name): FileRecord(int(record["bytes"]), str(record["sha256"]))
                for name, record in facts["files"].items()
            },
            prompts={"query": str(facts["prompts"]["query"]), "code": str(facts["prompts"]["code"])},
            options=dict(facts["options"]),
            licence=str(facts["licence"]),
            training=dict(facts["training"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelFolderError(
            f"{path} lacks a field or has one of a wrong type ({error}). Export or install the model again."
        ) from error
    if facts.get("fingerprint") != manifest.fingerprint:
        raise ModelFolderError(
            f"{path} was changed by hand: its fingerprint does not fit its other fields. "
            "Export or install the model again."
        )
    return manifest


def _check_size(path: Path, record: FileRecord) -> None:
    try:
        n_bytes = path.stat().st_size
    except OSError:
        raise ModelFolderError(f"{path} is missing. Export or install the model again.") from None
    if n_bytes != record.n_bytes:
        raise ModelFolderError(
            f"{path} has {n_bytes} bytes instead of {record.n_bytes}. Export or install the model again."
        )
