"""Two models as one encoder: its scores, its folder, and what makes it refuse to load."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from oasis_search.encoder import load, read_manifest, shipped_models, verify_folder
from oasis_search.encoder.load import kind_of
from oasis_search.errors import ModelFolderError
from oasis_train.errors import TrainingError
from oasis_train.pipeline.joining import Part, join_models
from oasis_train.static.export import export_static

QUERIES = ["read a file", "send a mail"]
CODES = ["def read(path): return open(path).read()", "def send(mail): post(mail)", "x = 1"]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small table that knows four words."""
    folder = tmp_path_factory.mktemp("other") / "small"
    words = ["read", "file", "send", "mail"]
    table = np.eye(4, 8, dtype=np.float32)
    ones = np.ones(4, dtype=np.float32)
    export_static(
        folder,
        words,
        table,
        {"code": ones, "query": ones},
        name="small",
        damping={"code": 0.5, "query": 1.0},
        licence="Apache-2.0",
        training={},
    )
    return folder


@pytest.fixture(scope="module")
def joined(other: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("joined") / "both"
    join_models([Part(str(other), 3.0), Part("static", 1.0)], folder, name="both", licence="Apache-2.0")
    return folder


def test_scores_are_the_weighted_mean_of_the_parts_scores(joined: Path, other: Path) -> None:
    both, small, static = load(joined), load(other), load("static")
    assert (both.name, both.dim) == ("both", small.dim + static.dim)
    scores = both.encode(QUERIES, "query") @ both.encode(CODES[:2]).T
    of_parts = [part.encode(QUERIES, "query") @ part.encode(CODES[:2]).T for part in (small, static)]
    np.testing.assert_allclose(scores, 0.75 * of_parts[0] + 0.25 * of_parts[1], atol=1e-5)


def test_two_codes_can_be_compared_by_other_shares_than_a_question_and_a_code(
    other: Path, tmp_path: Path
) -> None:
    parts = [Part(str(other), 0.7, code_weight=0.4), Part("static", 0.3, code_weight=0.6)]
    join_models(parts, tmp_path / "both", name="both", licence="Apache-2.0")
    both, small, static = load(tmp_path / "both"), load(other), load("static")
    codes = [part.encode(CODES[:2]) for part in (both, small, static)]
    asked = [part.encode(QUERIES, "query") for part in (both, small, static)]
    np.testing.assert_allclose(np.linalg.norm(asked[0], axis=1), 1, atol=1e-5)
    of_two_codes = [vectors @ vectors.T for vectors in codes]
    np.testing.assert_allclose(of_two_codes[0], 0.4 * of_two_codes[1] + 0.6 * of_two_codes[2], atol=1e-5)
    of_both = [query @ code.T for query, code in zip(asked, codes, strict=True)]
    wanted = 0.7 * of_both[1] + 0.3 * of_both[2]
    ratio = of_both[0] / wanted  # the same for all: the order is the wanted one
    np.testing.assert_allclose(ratio, ratio[0, 0], atol=1e-4)


def test_every_vector_has_length_1_even_if_a_part_does_not_know_the_text(joined: Path) -> None:
    vectors = load(joined).encode([*CODES, "import os", ""])
    lengths = np.linalg.norm(vectors, axis=1)
    np.testing.assert_allclose(lengths[:-1], 1, atol=1e-5)
    assert lengths[-1] == 0


def test_the_folder_can_be_moved_and_holds_no_shipped_model(
    joined: Path, other: Path, tmp_path: Path
) -> None:
    shutil.copytree(joined, tmp_path / "moved")
    assert kind_of(tmp_path / "moved") == "joined"
    assert load(tmp_path / "moved").fingerprint == load(joined).fingerprint
    assert sorted(path.name for path in joined.iterdir()) == ["oasis.json", "small"]
    assert sum(record.n_bytes for record in verify_folder(joined).files.values()) < 20_000
    assert set(shipped_models()) >= {"static"}


def test_another_part_than_the_one_that_was_joined_is_refused(joined: Path, tmp_path: Path) -> None:
    shutil.copytree(joined, tmp_path / "changed")
    manifest = read_manifest(tmp_path / "changed")
    path = tmp_path / "changed" / "small" / "oasis.json"
    facts = json.loads(path.read_text())
    facts["options"]["damping"]["code"] = 0.9
    facts["fingerprint"] = manifest.fingerprint
    path.write_text(json.dumps(facts))
    with pytest.raises(ModelFolderError):
        load(tmp_path / "changed")


def test_what_cannot_be_joined_is_said(other: Path, tmp_path: Path) -> None:
    for parts in ([Part("static", 1.0)], [Part("static", 1.0), Part(str(other), 0.0)]):
        with pytest.raises(TrainingError, match="two models or more"):
            join_models(parts, tmp_path / "out", name="x", licence="")
    twice = [Part(str(other), 1.0), Part(str(other), 1.0)]
    with pytest.raises(TrainingError, match="called small"):
        join_models(twice, tmp_path / "out", name="x", licence="")
