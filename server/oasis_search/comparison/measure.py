"""One encoder at work on one set of questions: ranks, speed, latency and memory.

Runs in a process of its own (`apart.py`), so that memory is the model's alone and a model that is too large
ends nothing else. The time to load and the first call, which may compile or map things, count for loading.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oasis_search.comparison.memory import MemoryMeter
from oasis_search.comparison.ranking import answer_ranks
from oasis_search.encoder import BagEncoder, Encoder, Role, Vectors
from oasis_search.errors import EncoderError
from oasis_search.index import UnitView
from oasis_search.index.model_text import model_text
from oasis_search.index.prepare import bag_of_unit
from oasis_search.service.loading import load_encoder
from oasis_search.service.spec import EncoderSpec
from oasis_search.syntax import Span

N_TIMED = 50
"""Queries that are encoded one by one for their latency."""
FIRST_CHUNK = 4
"""Units encoded at first; grows while a chunk takes less than `CHUNK_S`, so that progress is always seen."""
CHUNK_S = 0.5
MAX_CHUNK = 1024


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a model has to do; plain lists, since it travels as JSON."""

    spec: str
    """`EncoderSpec` of the model as JSON: how the indexing would run it here."""
    units: list[list[str]]
    """Container, name and code."""
    owners: list[int]
    """Of each unit the function it is a part of; ascending."""
    queries: list[str]
    answers: list[list[int]]
    """Of each query the functions that are right."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What came of it."""

    place: str
    """Where it computes, in one phrase."""
    fingerprint: str
    dim: int
    ranks: list[float]
    """Best rank of a right answer, for each query."""
    load_s: float
    texts_per_s: float
    bytes_per_s: float
    """The same in bytes of code."""
    query_ms: float
    """Median time to encode one query."""
    added_bytes: int | None
    """By how much loading and encoding raised the peak of memory; None where it cannot be measured."""


def measure(assignment: Assignment, progress: Callable[[int], None]) -> Measurement:
    """Loads the model and does the assignment; `progress` is told how many units are encoded.

    Raises EncoderError when the model cannot be loaded or gives what are no vectors.
    """
    meter = MemoryMeter()
    started = time.perf_counter()
    encoder = load_encoder(EncoderSpec.from_json(assignment.spec))
    _encode_units(encoder, assignment.units[:1])
    _encode(encoder, assignment.queries[:1], "query")
    load_s = time.perf_counter() - started
    unit_vectors, encode_s = _encode_all(encoder, assignment.units, progress)
    query_vectors, query_ms = _encode_queries(encoder, assignment.queries)
    added_bytes = meter.added_bytes()
    owners: NDArray[np.int64] = np.array(assignment.owners, np.int64)
    return Measurement(
        place=encoder.place,
        fingerprint=encoder.fingerprint,
        dim=encoder.dim,
        ranks=answer_ranks(query_vectors, unit_vectors, owners, assignment.answers),
        load_s=load_s,
        texts_per_s=len(assignment.units) / encode_s,
        bytes_per_s=sum(len(code.encode("utf-8", "replace")) for _, _, code in assignment.units) / encode_s,
        query_ms=query_ms,
        added_bytes=added_bytes,
    )


def _encode_all(
    encoder: Encoder, units: Sequence[Sequence[str]], progress: Callable[[int], None]
) -> tuple[Vectors, float]:
    """Vectors of all units and the seconds that encoding took."""
    vectors = np.zeros((len(units), encoder.dim), np.float32)
    total_s, at, size = 0.0, 0, FIRST_CHUNK
    while at < len(units):
        chunk = units[at : at + size]
        started = time.perf_counter()
        vectors[at : at + len(chunk)] = _encode_units(encoder, chunk)
        took_s = time.perf_counter() - started
        total_s, at = total_s + took_s, at + len(chunk)
        if took_s < CHUNK_S:
            size = min(2 * size, MAX_CHUNK)
        progress(at)
    return vectors, max(total_s, 1e-9)


def _encode_queries(encoder: Encoder, queries: Sequence[str]) -> tuple[Vectors, float]:
    """Vectors of all queries and the median milliseconds for one."""
    rows: list[Vectors] = []
    times_s: list[float] = []
    for query in queries[:N_TIMED]:
        started = time.perf_counter()
        rows.append(_encode(encoder, [query], "query"))
        times_s.append(time.perf_counter() - started)
    if len(queries) > N_TIMED:
        rows.append(_encode(encoder, queries[N_TIMED:], "query"))
    return np.concatenate(rows), 1000 * statistics.median(times_s)


def _encode_units(encoder: Encoder, units: Sequence[Sequence[str]]) -> Vectors:
    """As indexing gives them to the encoder: counts of identifiers for a table, else text with its name."""
    if isinstance(encoder, BagEncoder):
        bags = [bag_of_unit(name, container, code.encode()) for container, name, code in units]
        return _checked(encoder, encoder.encode_counts(bags, "code"), len(units))
    return _encode(encoder, [_model_text(*unit) for unit in units], "code")


def _model_text(container: str, name: str, code: str) -> str:
    source = code.encode()
    span = Span(0, len(source), 0, code.count("\n"))
    return model_text(UnitView("", "", "function", 0, name, container, span, span, b""), source)


def _encode(encoder: Encoder, texts: Sequence[str], role: Role) -> Vectors:
    return _checked(encoder, encoder.encode(texts, role), len(texts))


def _checked(encoder: Encoder, vectors: Vectors, n_texts: int) -> Vectors:
    if vectors.shape != (n_texts, encoder.dim):
        raise EncoderError(
            f"{encoder.name} gave an array of shape {vectors.shape} for {n_texts} texts instead of "
            f"({n_texts}, {encoder.dim}). Install or export the model again."
        )
    if not np.isfinite(vectors).all():
        raise EncoderError(f"{encoder.name} gave vectors that are not numbers. Install or export it again.")
    return vectors
