"""Fingerprints of endpoints: kept through rounding and restarts, changed with the model and the options."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oasis_search.encoder import Vectors
from oasis_search.encoder.endpoint.encoder import connect_endpoint
from oasis_search.encoder.endpoint.identity import PROBES, identify
from oasis_search.encoder.endpoint.options import MIN_CHARS, EndpointOptions
from tests.bad_endpoint import BadEndpoint

OPTIONS = EndpointOptions("http://127.0.0.1:8080/v1", "some-model")


def unit(vectors: Any) -> Vectors:  # noqa: ANN401 - any array of numbers
    normalised: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return normalised


def model_vectors(seed: int) -> Vectors:
    return unit(np.random.default_rng(seed).normal(size=(len(PROBES), 384)))


def rounded(vectors: Vectors, seed: int) -> Vectors:
    """As another run in bf16 gives them: 8 bits of every number, each off by about one unit of them."""
    noise = np.random.default_rng(seed).normal(scale=2.0**-8, size=vectors.shape)
    return unit(vectors * (1 + noise))


def test_rounding_and_restarts_keep_the_fingerprint(tmp_path: Path) -> None:
    vectors = model_vectors(1)
    found = {identify(OPTIONS, rounded(vectors, seed), tmp_path) for seed in range(20)}
    assert len(found) == 1


def test_another_model_gets_another_fingerprint_and_the_first_its_old_one_back(tmp_path: Path) -> None:
    first = identify(OPTIONS, model_vectors(1), tmp_path)
    second = identify(OPTIONS, model_vectors(2), tmp_path)
    assert first != second
    assert identify(OPTIONS, rounded(model_vectors(1), 3), tmp_path) == first
    assert identify(OPTIONS, rounded(model_vectors(2), 4), tmp_path) == second


def test_model_that_differs_in_one_probe_is_another(tmp_path: Path) -> None:
    vectors = model_vectors(1)
    other = vectors.copy()
    other[1] = model_vectors(2)[1]
    assert identify(OPTIONS, vectors, tmp_path) != identify(OPTIONS, other, tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"url": "http://127.0.0.1:8081/v1"},
        {"model": "other-model"},
        {"query_prompt": "Query: "},
        {"code_prompt": "passage: "},
        {"dimensions": 384},
        {"max_chars": 1000},
    ],
)
def test_whatever_changes_vectors_changes_the_fingerprint(tmp_path: Path, change: dict[str, Any]) -> None:
    vectors = model_vectors(1)
    assert identify(OPTIONS, vectors, tmp_path) != identify(replace(OPTIONS, **change), vectors, tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"url": "http://127.0.0.1:8080/v1/"},
        {"key_variable": "MY_KEY"},
        {"batch": 7, "batch_chars": 999, "concurrency": 9},
        {
            "timeout_s": 1.0,
            "attempts": 1,
            "requests_per_minute": 5,
            "tokens_per_minute": 5,
            "token_budget": 5,
        },
    ],
)
def test_whatever_changes_no_vector_keeps_the_fingerprint(tmp_path: Path, change: dict[str, Any]) -> None:
    vectors = model_vectors(1)
    assert identify(OPTIONS, vectors, tmp_path) == identify(replace(OPTIONS, **change), vectors, tmp_path)


def test_without_memory_only_equal_vectors_have_an_equal_fingerprint() -> None:
    vectors = model_vectors(1)
    assert identify(OPTIONS, vectors, None) == identify(OPTIONS, vectors.copy(), None)
    assert identify(OPTIONS, vectors, None) != identify(OPTIONS, rounded(vectors, 3), None)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:-20]),
        lambda path: path.write_bytes(b"\xff\xfe"),
        lambda path: path.write_text("[]", encoding="utf-8"),
        lambda path: path.write_text(path.read_text("utf-8").replace('"format": 1', '"format": 2'), "utf-8"),
        lambda path: path.write_text('{"format": 1, "seen": [{"fingerprint": "f", "vectors": ""}]}', "utf-8"),
        lambda path: path.write_text('{"format": 1, "seen": 7}', "utf-8"),
    ],
)
def test_lost_or_damaged_memory_is_a_new_start_and_is_remembered_again(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    first = identify(OPTIONS, model_vectors(1), tmp_path)
    (path,) = tmp_path.iterdir()
    spoil(path)
    again = identify(OPTIONS, rounded(model_vectors(1), 3), tmp_path)
    assert again != first
    assert identify(OPTIONS, rounded(model_vectors(1), 4), tmp_path) == again


def test_memory_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way", encoding="utf-8")
    assert identify(OPTIONS, model_vectors(1), blocked) == identify(OPTIONS, model_vectors(1), None)
    assert blocked.read_text("utf-8") == "in the way"


def test_probes_are_sent_whole() -> None:
    assert max(map(len, PROBES)) < MIN_CHARS


def test_encoder_is_recognised_after_a_restart_and_a_swap_of_models(
    tmp_path: Path, endpoint: BadEndpoint
) -> None:
    found: dict[str, str] = {}
    for model in ("first", "second", "first", "second"):
        endpoint.model = model
        encoder = connect_endpoint(EndpointOptions(endpoint.url, "some-model"), memory=tmp_path / "models")
        assert encoder.fingerprint == found.setdefault(model, encoder.fingerprint)
        encoder.close()
    assert len(set(found.values())) == 2
