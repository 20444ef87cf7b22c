"""Which model answers behind a name: fingerprints of endpoints.

A server can serve another model under the same name after a restart or an update (llama.cpp takes any name),
and vectors of two models must never be mixed. So a few fixed texts are encoded on connecting. Their vectors
cannot be hashed: the same model gives slightly different numbers from run to run (batching, GPU kernels), so
a hash, however rounded, would change now and then and have a whole workspace encoded again. Instead they are
compared with those seen before, kept in a small file per endpoint: near enough is the same model and gets the
fingerprint of that time, also when an earlier model comes back; else a new fingerprint is made from the new
vectors. Without the file (lost, damaged, none wanted) the worst is a needless new fingerprint, which costs
encoding again, never a mix.
"""

import base64
import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from oasis_search.encoder.endpoint.options import EndpointOptions
from oasis_search.encoder.protocol import Vectors

FORMAT = 1
"""Version of the file, of the probe texts and of how texts are prepared; part of every fingerprint."""

CONTROL = "return left + right"
"""Sent along with every request, so that every answer is known to come from the same model. Short: a query on
a slow server waits for it too."""

PROBES = (
    CONTROL,
    "how to read a text file line by line",
    "SELECT city, COUNT(*) FROM customers GROUP BY city HAVING COUNT(*) > 3;",
)
"""Shorter than any limit on length."""

SAME = 0.99
"""Least cosine of two vectors of one text by one model. Rounding (bf16, batching) leaves above 0.999, another
model is near 0; in between lie other quantisations of the same weights, whose vectors can be compared."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One model that has answered at an endpoint."""

    fingerprint: str
    vectors: Vectors
    """(len(PROBES), dim)"""


def identify(options: EndpointOptions, vectors: Vectors, folder: Path | None) -> str:
    """32 hexadecimal digits for the model that gave `vectors` of `PROBES`; remembered in `folder`.

    Depends on the URL, model, prompts, dimensions and cut of texts, and on which model answers; not on
    batches, limits or the key. Without a `folder` only exactly equal vectors give an equal fingerprint.
    """
    facts = {
        "format": FORMAT,
        "url": options.url.strip().rstrip("/"),
        "model": options.model,
        "prompts": dict(options.prompts),
        "dimensions": options.dimensions,
        "max_chars": options.max_chars,
        "dim": vectors.shape[1],
    }
    place = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    path = folder / f"endpoint-{place[:32]}.json" if folder else None
    seen = _read(path, vectors.shape) if path else []
    nearest = max(seen, key=lambda earlier: similarity(earlier.vectors, vectors), default=None)
    if nearest and similarity(nearest.vectors, vectors) >= SAME:
        return nearest.fingerprint
    fingerprint = hashlib.sha256(place.encode() + vectors.astype("<f4").tobytes()).hexdigest()[:32]
    if path:
        _write(path, [*seen, Seen(fingerprint, vectors)])
    return fingerprint


def similarity(first: Vectors, second: Vectors) -> float:
    """The least cosine of two sets of unit vectors, row by row."""
    return float(np.einsum("nd,nd->n", first, second).min())


def _read(path: Path, shape: tuple[int, ...]) -> list[Seen]:
    """What the file holds; nothing at any doubt."""
    try:
        facts: Any = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(facts, Mapping) or facts.get("format") != FORMAT:
            return []
        seen = [
            Seen(
                str(row["fingerprint"]), np.frombuffer(base64.b64decode(row["vectors"]), "<f4").reshape(shape)
            )
            for row in facts["seen"]
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [row for row in seen if np.isfinite(row.vectors).all() and len(row.fingerprint) == 32]


def _write(path: Path, seen: list[Seen]) -> None:
    """Replace the file at once; one that cannot be written is only missed on the next start."""
    rows = [
        {
            "fingerprint": row.fingerprint,
            "vectors": base64.b64encode(row.vectors.astype("<f4").tobytes()).decode(),
        }
        for row in seen
    ]
    draft = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps({"format": FORMAT, "seen": rows}), encoding="utf-8")
        os.replace(draft, path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
