"""Model folders: what is accepted, and what is said of one that is not."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oasis_search.encoder.folder import read_manifest, record_files, verify_folder, write_manifest
from oasis_search.encoder.static import load_static
from oasis_search.errors import ModelFolderError


def test_manifest_survives_writing_and_reading(static_folder: Path) -> None:
    manifest = read_manifest(static_folder)
    write_manifest(static_folder, manifest)
    assert read_manifest(static_folder) == manifest
    assert verify_folder(static_folder) == manifest


@pytest.mark.parametrize(
    "change",
    [
        {"dim": 8},
        {"kind": "other"},
        {"prompts": {"query": "find: ", "code": ""}},
        {"options": {"damping": {"code": 1.0, "query": 1.0}}},
        {"files": {}},
    ],
)
def test_fingerprint_changes_with_everything_that_changes_vectors(
    static_folder: Path, change: dict[str, Any]
) -> None:
    manifest = read_manifest(static_folder)
    assert dataclasses.replace(manifest, **change).fingerprint != manifest.fingerprint


def test_fingerprint_does_not_depend_on_name_licence_or_provenance(static_folder: Path) -> None:
    manifest = read_manifest(static_folder)
    other = dataclasses.replace(manifest, name="other", licence="MIT", training={})
    assert other.fingerprint == manifest.fingerprint


def _remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _truncate(folder: Path) -> None:
    path = folder / "weights.npy"
    path.write_bytes(path.read_bytes()[:-5])


def _edit(**fields: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "oasis.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))

    return change


def _corrupt_manifest(folder: Path) -> None:
    (folder / "oasis.json").write_text("{")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_remove("oasis.json"), "is not a model folder"),
        (_remove("weights.npy"), r"weights\.npy is missing"),
        (_truncate, r"weights\.npy has \d+ bytes instead of \d+"),
        (_corrupt_manifest, r"oasis\.json cannot be read"),
        (_edit(format=2), "Update oasis-code-search"),
        (_edit(format="new"), 'no "format" number'),
        (_edit(files=None), "lacks a field or has one of a wrong type"),
        (_edit(dim=5), "changed by hand"),
    ],
)
def test_damage_is_named_with_the_file(
    static_folder: Path, damage: Callable[[Path], None], said: str
) -> None:
    damage(static_folder)
    with pytest.raises(ModelFolderError, match=said):
        read_manifest(static_folder)


def test_changed_content_of_the_same_size_is_found_by_verification_only(static_folder: Path) -> None:
    path = static_folder / "vocabulary.txt"
    path.write_text(path.read_text().replace("read", "road"), encoding="utf-8")
    read_manifest(static_folder)
    with pytest.raises(ModelFolderError, match=r"vocabulary\.txt does not have the content"):
        verify_folder(static_folder)


def _rewrite_array(folder: Path, name: str, array: np.ndarray[Any, Any]) -> None:
    manifest = read_manifest(folder)
    np.save(folder / name, array)
    write_manifest(folder, dataclasses.replace(manifest, files=record_files(folder, manifest.files)))


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("weights.npy", np.zeros((9, 4), dtype=np.int8)),
        ("weights.npy", np.zeros((10, 4), dtype=np.float32)),
        ("scales.npy", np.zeros(10, dtype=np.float32)),
    ],
)
def test_arrays_of_another_shape_or_type_are_refused(
    static_folder: Path, name: str, array: np.ndarray[Any, Any]
) -> None:
    _rewrite_array(static_folder, name, array)
    with pytest.raises(ModelFolderError, match=rf"{name} holds .* instead of"):
        load_static(static_folder)


def test_missing_damping_is_refused(static_folder: Path) -> None:
    manifest = read_manifest(static_folder)
    write_manifest(static_folder, dataclasses.replace(manifest, options={}))
    with pytest.raises(ModelFolderError, match="damping"):
        load_static(static_folder)
