"""An encoder that has an OpenAI-compatible server compute its vectors: OpenAI, vLLM, TEI, llama.cpp, Ollama.

Used only when a user names a URL; says where the text goes. This is the synchronous face: it prepares texts
(prompt by role, cut on the right) and has the session, on a thread of its own, do the rest. See
docs/endpoints.md for what is sent and what is refused.
"""

import random
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from oasis_search.encoder.endpoint.client import EndpointClient
from oasis_search.encoder.endpoint.identity import identify
from oasis_search.encoder.endpoint.loop_thread import LoopThread
from oasis_search.encoder.endpoint.options import EndpointOptions, describe_place, read_key
from oasis_search.encoder.endpoint.retry import Clock
from oasis_search.encoder.endpoint.session import EndpointSession
from oasis_search.encoder.protocol import Role, Vectors


class EndpointEncoder:
    """A connected endpoint; safe to share between threads, whose requests share its limits and its budget."""

    def __init__(
        self,
        options: EndpointOptions,
        fingerprint: str,
        dim: int,
        session: EndpointSession,
        loop: LoopThread,
        close: Callable[[], object],
    ) -> None:
        """Made by `connect_endpoint`."""
        self._options = options
        self._fingerprint = fingerprint
        self._dim = dim
        self._session = session
        self._loop = loop
        self._finalizer = weakref.finalize(self, close)

    @property
    def name(self) -> str:
        """The model, as the server knows it."""
        return self._options.model

    @property
    def fingerprint(self) -> str:
        """Changes with the URL, the model behind it, the prompts, the dimensions and the cut of texts."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._dim

    @property
    def place(self) -> str:
        """Where it computes: `sends text to https://host:port/v1`."""
        return describe_place(self._options.url)

    @property
    def spent_tokens(self) -> int:
        """Tokens used since connecting, as the server counts them; over-estimated where it does not say."""
        return self._session.budget.spent

    def encode(self, texts: Sequence[str], role: Role = "code") -> Vectors:
        """(len(texts), dim) float32, each row of length 1, all zeros for a blank text, which is not sent.

        Raises EndpointError: `is_transient` tells whether trying later can help.
        """
        return self.encode_unless(None, texts, role)

    def encode_unless(
        self, cancelled: Callable[[], bool] | None, texts: Sequence[str], role: Role = "code"
    ) -> Vectors:
        """Like `encode`; raises Cancelled within a twentieth of a second of `cancelled()` being true."""
        prompt = self._options.prompts[role]
        rows = [row for row, text in enumerate(texts) if text.strip()]
        inputs = [clean((prompt + texts[row])[: self._options.max_chars]) for row in rows]
        vectors = np.zeros((len(texts), self._dim), dtype=np.float32)
        if inputs:
            vectors[rows] = self._loop.run(lambda: self._session.embed(inputs), cancelled)
        return vectors

    def close(self) -> None:
        """Give up what is under way and close all connections; happens by itself when the object is gone."""
        self._finalizer()


def connect_endpoint(
    options: EndpointOptions,
    *,
    memory: Path | None = None,
    cancelled: Callable[[], bool] | None = None,
    clock: Clock | None = None,
    draw: Callable[[], float] = random.random,
) -> EndpointEncoder:
    """The encoder of an endpoint that has answered a first request of three short fixed texts.

    `memory` is a folder that remembers which models have answered, so that one keeps its fingerprint although
    its numbers differ a little from run to run; without it every start may get another fingerprint. Raises
    SettingError for an unusable key, EndpointError for an endpoint that gives no usable vectors.
    """
    client = EndpointClient(options, read_key(options.key_variable))
    loop = LoopThread("oasis-endpoint")
    session = EndpointSession(client, options, clock or Clock(), draw)

    def close() -> None:
        loop.close(client.close)

    try:
        probes = loop.run(session.connect, cancelled)
        fingerprint = identify(options, probes, memory)
        return EndpointEncoder(options, fingerprint, probes.shape[1], session, loop, close)
    except BaseException:
        close()
        raise


def clean(text: str) -> str:
    """`text` as it can be sent: lone surrogates, which UTF-8 has no bytes for, become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
