"""A tiny static model, written the way the trainer writes one, and servers of embeddings."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oasis_search.encoder.endpoint.encoder import EndpointEncoder, connect_endpoint
from oasis_search.encoder.endpoint.options import EndpointOptions
from oasis_search.encoder.folder import Manifest, record_files, write_manifest
from tests.bad_endpoint import BadEndpoint, Connect, FakeTime
from tests.llama_server import llama_server

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


@pytest.fixture(scope="package")
def llama_url() -> Iterator[str]:
    """Base URL of a real llama.cpp server that makes vectors."""
    with llama_server() as url:
        yield url


@pytest.fixture
def endpoint() -> Iterator[BadEndpoint]:
    """A server that does as it is told."""
    server = BadEndpoint()
    yield server
    server.close()


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def connect(endpoint: BadEndpoint, time: FakeTime) -> Iterator[Connect]:
    """Connects to `endpoint` with the given options; waits for nothing."""
    encoders: list[EndpointEncoder] = []

    def make(**options: Any) -> EndpointEncoder:  # noqa: ANN401 - fields of EndpointOptions
        options = {"url": endpoint.url, "model": "some-model", **options}
        encoders.append(connect_endpoint(EndpointOptions(**options), clock=time.clock, draw=lambda: 1.0))
        return encoders[-1]

    yield make
    for encoder in encoders:
        encoder.close()
