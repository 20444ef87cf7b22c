"""One file's units as columns: what the store keeps for a content, and what segments are built from.

A record depends on the bytes and the language of a file alone, never on its path, so that copies, branches
and worktrees share it. The byte form has its own format number; anything unexpected in it is a miss, not an
error.
"""

import json
import struct
import sys
import zlib
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

RECORD_FORMAT = 4
"""Grows when the byte form, the cutting of units or the terms change: old records are then misses."""

KEY_BYTES = 16
_HEADER = struct.Struct("<4sIIIII")
_MAGIC = b"OFR1"


@dataclass(frozen=True, slots=True, eq=False)
class FileRecord:
    """`n` units and their `m` (unit, field, term) entries."""

    kinds: NDArray[np.uint8]
    """(n,) positions in `KINDS`."""
    parts: NDArray[np.uint16]
    """(n,) 0 for whole units, 1.. for pieces of long ones."""
    spans: NDArray[np.uint32]
    """(n, 4) start byte, end byte, start line, end line; lines 0-based."""
    name_spans: NDArray[np.uint32]
    """(n, 4) the same of the names."""
    keys: NDArray[np.uint8]
    """(n, 16) content keys."""
    lengths: NDArray[np.uint32]
    """(n,) body terms with repeats: the document length of BM25."""
    term_starts: NDArray[np.uint32]
    """(n + 1,) where the entries of each unit begin."""
    term_ids: NDArray[np.uint64]
    """(m,) numbers of terms, see `fields.term_id`."""
    term_counts: NDArray[np.uint8]
    """(m,) occurrences, 255 at most."""
    names: tuple[str, ...]
    containers: tuple[str, ...]

    @property
    def n_units(self) -> int:
        """How many units the file has."""
        return len(self.names)

    def unit_keys(self) -> list[bytes]:
        """Content keys in unit order."""
        raw = self.keys.tobytes()
        return [raw[i : i + KEY_BYTES] for i in range(0, len(raw), KEY_BYTES)]


_COLUMNS: tuple[tuple[str, type[np.generic], str], ...] = (
    ("term_ids", np.uint64, "m"),
    ("spans", np.uint32, "n4"),
    ("name_spans", np.uint32, "n4"),
    ("lengths", np.uint32, "n"),
    ("term_starts", np.uint32, "n1"),
    ("parts", np.uint16, "n"),
    ("kinds", np.uint8, "n"),
    ("keys", np.uint8, "n16"),
    ("term_counts", np.uint8, "m"),
)
"""Order on disk: widest first, so that every column is aligned."""


_WIDTHS = {"n4": 4, "n16": KEY_BYTES}


def unit_key(text: bytes, name: str, container: str) -> bytes:
    """Content key of a unit: changes exactly when what the encoder sees of it changes."""
    head = f"{container}\0{name}\0".encode("utf-8", "surrogatepass")
    return blake2b(head + text, digest_size=KEY_BYTES).digest()


def encode_record(record: FileRecord) -> bytes:
    """Byte form of `record`."""
    names = json.dumps([record.names, record.containers], separators=(",", ":")).encode()
    pad = -(len(names) + _HEADER.size) % 8
    columns = [np.ascontiguousarray(getattr(record, name), dtype).tobytes() for name, dtype, _ in _COLUMNS]
    body = b"".join([names, b" " * pad, *columns])
    sizes = (record.n_units, len(record.term_ids), len(names) + pad)
    return _HEADER.pack(_MAGIC, RECORD_FORMAT, *sizes, zlib.crc32(body)) + body


def decode_record(blob: bytes) -> FileRecord | None:
    """The record in `blob` without copying its columns, or None when it is not one of this format."""
    try:
        magic, version, n, m, n_names, checksum = _HEADER.unpack_from(blob)
        if (
            magic != _MAGIC
            or version != RECORD_FORMAT
            or zlib.crc32(memoryview(blob)[_HEADER.size :]) != checksum
        ):
            return None
        offset = _HEADER.size + n_names
        names, containers = json.loads(blob[_HEADER.size : offset])
        columns: dict[str, NDArray[np.generic]] = {}
        counts = {"m": m, "n": n, "n1": n + 1, "n4": 4 * n, "n16": KEY_BYTES * n}
        for name, dtype, shape in _COLUMNS:
            column = np.frombuffer(blob, dtype, counts[shape], offset)
            offset += column.nbytes
            columns[name] = column.reshape(n, _WIDTHS[shape]) if shape in _WIDTHS else column
    except (struct.error, ValueError, TypeError):
        return None
    if offset != len(blob) or len(names) != n or len(containers) != n:
        return None
    return FileRecord(names=_shared(names), containers=_shared(containers), **columns)  # type: ignore[arg-type]


def _shared(names: list[str]) -> tuple[str, ...]:
    """The names with equal ones as one object: `__init__` and a class's name stand in thousands of units."""
    return tuple(map(sys.intern, names))
