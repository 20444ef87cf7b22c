"""A real model behind a real server: llama.cpp, over HTTP, with a small GGUF from PyPI."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from oasis_search.encoder.endpoint.encoder import EndpointEncoder, connect_endpoint
from oasis_search.encoder.endpoint.errors import EndpointError
from oasis_search.encoder.endpoint.options import EndpointOptions
from tests.llama_server import API_KEY, TOKENS_PER_TEXT, llama_server

DIM = 576  # hidden size of SmolLM2-135M
TEXTS = [
    "def read(path):\n    with open(path) as file:\n        return file.read()",
    "x = 1",
    "SELECT name FROM users WHERE age > 30 ORDER BY name",
    "für jede Zeile 🙂",
    "how to read a file",
]


@pytest.fixture(scope="module")
def encoder(llama_url: str) -> Iterator[EndpointEncoder]:
    encoder = connect_endpoint(EndpointOptions(llama_url, "smollm2", query_prompt="Query: "))
    yield encoder
    encoder.close()


def test_dimension_is_learnt_and_vectors_are_normalised(encoder: EndpointEncoder) -> None:
    vectors = encoder.encode(TEXTS)
    assert encoder.dim == DIM
    assert vectors.shape == (len(TEXTS), DIM)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert len(np.unique(vectors, axis=0)) == len(TEXTS)


def test_batches_and_single_calls_agree(llama_url: str, encoder: EndpointEncoder) -> None:
    single = np.concatenate([encoder.encode([text]) for text in TEXTS])
    small = connect_endpoint(EndpointOptions(llama_url, "smollm2", batch=2, concurrency=2))
    np.testing.assert_allclose(encoder.encode(TEXTS), single, atol=1e-4)
    np.testing.assert_allclose(small.encode(TEXTS), single, atol=1e-4)
    small.close()


def test_prompt_of_the_role_changes_the_vector_as_if_it_were_typed(encoder: EndpointEncoder) -> None:
    query, code, typed = (
        encoder.encode(["read a file"], "query"),
        encoder.encode(["read a file"], "code"),
        encoder.encode(["Query: read a file"], "code"),
    )
    np.testing.assert_allclose(query, typed, atol=1e-4)
    assert float(query[0] @ code[0]) < 0.999


def test_base64_holds_the_numbers_of_the_plain_answer(llama_url: str, encoder: EndpointEncoder) -> None:
    import openai

    client = openai.OpenAI(base_url=llama_url, api_key="none")
    plain = client.embeddings.create(input=TEXTS[0], model="smollm2", encoding_format="float")
    client.close()
    np.testing.assert_allclose(encoder.encode(TEXTS[:1])[0], plain.data[0].embedding, atol=1e-5)


def test_tokens_are_those_of_the_model(encoder: EndpointEncoder) -> None:
    before = encoder.spent_tokens
    encoder.encode(["one two three four five six seven"])
    with_control = encoder.spent_tokens - before
    assert 7 < with_control < 20


def test_text_that_is_too_long_for_the_model_is_shortened(encoder: EndpointEncoder) -> None:
    long = "word " * (2 * TOKENS_PER_TEXT)
    vectors = encoder.encode(["x = 1", long])
    np.testing.assert_allclose(vectors[:1], encoder.encode(["x = 1"]), atol=1e-4)
    assert np.linalg.norm(vectors[1]) == pytest.approx(1)


def test_fingerprint_survives_a_restart_of_the_client(tmp_path: Path, llama_url: str) -> None:
    options = EndpointOptions(llama_url, "smollm2")
    first, second = connect_endpoint(options, memory=tmp_path), connect_endpoint(options, memory=tmp_path)
    assert first.fingerprint == second.fingerprint
    first.close()
    second.close()


def test_dimensions_that_the_server_ignores_are_an_error(llama_url: str) -> None:
    with pytest.raises(EndpointError, match="576 numbers instead of 64"):
        connect_endpoint(EndpointOptions(llama_url, "smollm2", dimensions=64))


def test_wrong_path_names_the_remedy(llama_url: str) -> None:
    with pytest.raises(EndpointError, match="ends in /v1"):
        connect_endpoint(EndpointOptions(llama_url.replace("/v1", "/api/v9"), "smollm2"))


def test_server_with_a_key_wants_that_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with llama_server(needs_key=True) as url:
        with pytest.raises(EndpointError, match="name that in key_variable"):
            connect_endpoint(EndpointOptions(url, "smollm2"))
        monkeypatch.setenv("MY_KEY", "another-key")
        with pytest.raises(EndpointError, match="does not accept the key in the environment variable MY_KEY"):
            connect_endpoint(EndpointOptions(url, "smollm2", "MY_KEY"))
        monkeypatch.setenv("MY_KEY", API_KEY)
        encoder = connect_endpoint(EndpointOptions(url, "smollm2", "MY_KEY"))
        assert encoder.dim == DIM
        encoder.close()


def test_server_that_ends_is_down_and_server_for_chat_is_named() -> None:
    with llama_server(embeddings=False) as url:
        with pytest.raises(EndpointError, match="embeddings") as error:
            connect_endpoint(EndpointOptions(url, "smollm2"))
        assert not error.value.is_transient
    with pytest.raises(EndpointError, match="cannot be reached") as error:
        connect_endpoint(EndpointOptions(url, "smollm2", attempts=1))
    assert error.value.is_transient
