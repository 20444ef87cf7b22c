"""Trained tables to model folders that the server loads.

Rows are stored as int8 with one float32 scale per row and role; the scale carries the learned weight of a
token, so that rows use the whole range of int8 whatever their length.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oasis_search.encoder.folder import Manifest, record_files, write_manifest
from oasis_search.encoder.head import Head, pack_heads
from oasis_search.encoder.protocol import Role, Vectors
from oasis_search.encoder.static import HEAD_NAME, ROLES, SCALES_NAME, VOCABULARY_NAME, WEIGHTS_NAME


def export_static(
    folder: Path,
    vocabulary: Sequence[str],
    table: Vectors,
    role_weights: Mapping[Role, NDArray[np.float32]],
    *,
    name: str,
    damping: Mapping[Role, float],
    licence: str,
    training: Mapping[str, Any],
    heads: Mapping[Role, Head] | None = None,
) -> Manifest:
    """Write a folder of kind `static`.

    `table` (tokens, dim) holds the vector of each token; `role_weights[role]` (tokens,) multiplies it;
    `heads` are the layers behind the sum, for all roles or none.
    """
    if len(vocabulary) != len(table) or any(len(w) != len(table) for w in role_weights.values()):
        raise ValueError(f"{len(vocabulary)} words, {len(table)} rows and the role weights must be as many.")
    rows, row_scales = quantise(table)
    scales = np.stack([row_scales * role_weights[role] for role in ROLES]).astype(np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / VOCABULARY_NAME).write_text("".join(f"{word}\n" for word in vocabulary), encoding="utf-8")
    np.save(folder / WEIGHTS_NAME, rows)
    np.save(folder / SCALES_NAME, scales)
    names = [VOCABULARY_NAME, WEIGHTS_NAME, SCALES_NAME]
    if heads:
        np.savez(folder / HEAD_NAME, **pack_heads(heads))  # type: ignore[arg-type]
        names.append(HEAD_NAME)
    manifest = Manifest(
        kind="static",
        name=name,
        dim=table.shape[1],
        files=record_files(folder, names),
        options={"damping": {role: float(damping[role]) for role in ROLES}},
        licence=licence,
        training=training,
    )
    write_manifest(folder, manifest)
    return manifest


def quantise(table: Vectors) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """int8 rows and the float32 scale of each: rows * scale is near `table`; zero rows stay zero."""
    largest = np.abs(table).max(axis=1)
    scales = np.where(largest > 0, largest / 127, 0).astype(np.float32)
    rows = np.divide(table, scales[:, None], out=np.zeros_like(table), where=scales[:, None] > 0)
    return np.rint(rows).astype(np.int8), scales
