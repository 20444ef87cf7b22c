"""A tiny static model, written the way the trainer writes one."""

from pathlib import Path

import numpy as np
import pytest

from oasis_search.encoder.folder import Manifest, record_files, write_manifest

WORDS = ["read", "file", "path", "parse", "json", "http", "server", "name", "base", "the"]


@pytest.fixture
def static_folder(tmp_path: Path) -> Path:
    """A model folder of ten words and four dimensions."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    generator = np.random.default_rng(7)
    (folder / "vocabulary.txt").write_text("".join(f"{word}\n" for word in WORDS), encoding="utf-8")
    np.save(folder / "weights.npy", generator.integers(-127, 128, (len(WORDS), 4)).astype(np.int8))
    np.save(folder / "scales.npy", generator.uniform(0.5, 2, (2, len(WORDS))).astype(np.float32))
    manifest = Manifest(
        kind="static",
        name="tiny",
        dim=4,
        files=record_files(folder, ["vocabulary.txt", "weights.npy", "scales.npy"]),
        options={"damping": {"code": 0.5, "query": 1.0}},
        licence="Apache-2.0",
        training={"note": "ten words"},
    )
    write_manifest(folder, manifest)
    return folder
