"""A workspace of real code, and a model that is worse than the one that ships."""

import shutil
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from oasis_search.encoder import read_manifest, shipped_models
from oasis_search.encoder.folder import Manifest, record_files, write_manifest

STDLIB = Path(sysconfig.get_path("stdlib"))


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four packages of the standard library, some 500 documented functions."""
    root = tmp_path_factory.mktemp("workspace")
    for package in ("json", "email", "logging", "asyncio"):
        for source in sorted((STDLIB / package).glob("*.py")):
            target = root / package / source.name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(source.read_bytes())
    return root


@pytest.fixture(scope="session")
def worse_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The static model with the vectors of nine tokens in ten given to other tokens."""
    source = shipped_models()["static"]
    folder = tmp_path_factory.mktemp("models") / "worse"
    shutil.copytree(source, folder)
    weights = np.load(source / "weights.npy")
    generator = np.random.default_rng(5)
    moved = generator.permutation(len(weights))[: len(weights) * 9 // 10]
    weights[moved] = weights[generator.permutation(moved)]
    np.save(folder / "weights.npy", weights)
    manifest = read_manifest(source)
    write_manifest(
        folder,
        Manifest(
            kind=manifest.kind,
            name="worse",
            dim=manifest.dim,
            files=record_files(folder, manifest.files),
            options=manifest.options,
            licence=manifest.licence,
        ),
    )
    return folder
