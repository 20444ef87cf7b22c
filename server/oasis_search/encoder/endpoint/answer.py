"""From the bytes of an answer to vectors; whatever is not a set of usable vectors is named and refused.

Pure. Vectors may be arrays of numbers or base64 of little-endian float32: the second is asked for (a quarter
of the bytes, and exact), the first is what servers send that know no other.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oasis_search.encoder.endpoint.errors import EndpointError, quote_server
from oasis_search.encoder.protocol import Vectors


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request gave."""

    vectors: Vectors
    """(texts, dim), each of length 1, in the order of the texts."""
    n_tokens: int | None
    """Tokens used, if the server says so."""


def parse_answer(body: bytes, n_texts: int, url: str) -> Answer:
    """The vectors of `n_texts` texts in their order; raises EndpointError naming `url` and what is wrong."""
    try:
        facts: Any = json.loads(body)
    except (ValueError, RecursionError):
        said = quote_server(body[:100_000].decode("utf-8", "replace"))
        raise EndpointError(
            f'{url} answered something that is not JSON: "{said[:120]}". Most servers want a url that '
            "ends in /v1; or a proxy or login page stands in between."
        ) from None
    rows = facts.get("data") if isinstance(facts, Mapping) else None
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        said = quote_server(body[:100_000].decode("utf-8", "replace"))
        raise EndpointError(
            f'{url} answered no list of vectors: "{said[:120]}". Check the url and the model.'
        )
    if len(rows) != n_texts:
        raise EndpointError(f"{url} answered {len(rows)} vectors for {n_texts} texts. Update the server.")
    vectors = [_parse_vector(row.get("embedding"), url) for row in _in_order(rows, url)]
    lengths = {len(vector) for vector in vectors}
    if len(lengths) != 1:
        raise EndpointError(
            f"{url} answered vectors of different lengths: {sorted(lengths)}. Update the server."
        )
    return Answer(_normalise(np.stack(vectors), url), _count_tokens(facts))


def _in_order(rows: list[Mapping[str, Any]], url: str) -> list[Mapping[str, Any]]:
    indices = [row.get("index") for row in rows]
    if all(index is None for index in indices):
        return rows
    if any(type(index) is not int for index in indices) or set(indices) != set(range(len(rows))):
        raise EndpointError(
            f'{url} numbered its vectors {str(indices)[:120]} instead of 0 to {len(rows) - 1} ("index"), so '
            "it is not known which text each is of. Update the server."
        )
    return sorted(rows, key=lambda row: int(row["index"]))


def _parse_vector(value: object, url: str) -> NDArray[np.float64]:
    if isinstance(value, str):
        try:
            return np.frombuffer(base64.b64decode(value, validate=True), "<f4").astype(np.float64)
        except (ValueError, binascii.Error):
            raise EndpointError(
                f"{url} answered a text that is not base64 of float32 as a vector. Update the server."
            ) from None
    if isinstance(value, list) and value and isinstance(value[0], list):
        raise EndpointError(
            f"{url} answered one vector per token instead of one per text. Start the server with pooling "
            "(llama.cpp: --pooling mean, cls or last, as the model was trained)."
        )
    if isinstance(value, list) and None in value:
        raise EndpointError(
            f"{url} answered null inside a vector, which is how servers write NaN. Run the model in another "
            "precision (bf16 or fp32)."
        )
    if not isinstance(value, list) or not all(type(number) in (float, int) for number in value):
        raise EndpointError(
            f"{url} answered a vector that is no list of numbers. Check that it is an embedding model."
        )
    try:
        return np.asarray(value, dtype=np.float64)
    except OverflowError:  # an integer of hundreds of digits
        return np.asarray([np.inf])


def _normalise(vectors: NDArray[np.float64], url: str) -> Vectors:
    if not np.isfinite(vectors).all():
        raise EndpointError(
            f"{url} answered NaN or infinite values. Run the model in another precision (bf16 or fp32)."
        )
    if not vectors.size or not (largest := np.abs(vectors).max(axis=1, keepdims=True)).all():
        raise EndpointError(
            f"{url} answered an empty or all-zero vector, which points nowhere. Check that it is an "
            "embedding model and how its pooling is set."
        )
    scaled = vectors / largest  # so that no square overflows or vanishes
    vectors = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    return vectors.astype(np.float32)


def _count_tokens(facts: Mapping[str, Any]) -> int | None:
    usage = facts.get("usage")
    if not isinstance(usage, Mapping):
        return None
    counts = [usage.get("total_tokens"), usage.get("prompt_tokens")]
    return next((count for count in counts if type(count) is int and count > 0), None)
