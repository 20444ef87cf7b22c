"""Segments on disk, as they lie in memory: a folder that was indexed before is searchable at once.

A pack is a cache of a cache: the store and the folder's entries remain the truth, and whoever loads a pack
compares every file's digest with them. A segment is one file that never changes and is mapped, not read; the
list of segments with the units that live is replaced atomically. Any doubt gives None.
"""

import contextlib
import json
import os
import secrets
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oasis_search.index.record import RECORD_FORMAT
from oasis_search.index.segment import Segment
from oasis_search.index.snapshot import Snapshot
from oasis_search.index.vectors import VectorColumn

PACK_FORMAT = 1
_LIST = "snapshot.json"
_ALIGNMENT = 64
_TEXTS = ("paths", "languages", "names", "containers")
_ARRAYS = tuple(
    field.name for field in fields(Segment) if field.name not in {*_TEXTS, "digests", "vectors", "signs"}
)


class Pack:
    """The pack of one workspace folder; remembers which segments are already on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._saved: dict[Segment, str] = {}

    def load(self, fingerprint: str) -> Snapshot | None:
        """The snapshot that was saved, None when there is none with these vectors or anything is odd."""
        try:
            listed = json.loads((self._folder / _LIST).read_text(encoding="utf-8"))
            if (listed["format"], listed["records"]) != (PACK_FORMAT, RECORD_FORMAT):
                return None
            segments = [_load_segment(self._folder / name) for name in listed["segments"]]
            masks = [_mask(s.n_units, bits) for s, bits in zip(segments, listed["masks"], strict=True)]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if not all(fingerprint in segment.vectors for segment in segments):
            return None
        try:
            places = {
                path: (at, file)
                for at, (segment, mask) in enumerate(zip(segments, masks, strict=True))
                for file, path in enumerate(segment.paths)
                if segment.first_units[file] < segment.first_units[file + 1]
                and mask[segment.first_units[file]]
            }
        except IndexError:  # Its arrays are damaged.
            return None
        self._saved = dict(zip(segments, listed["segments"], strict=True))
        return Snapshot(1, tuple(segments), tuple(masks), places)

    def save(self, snapshot: Snapshot) -> None:
        """Makes `load` give this snapshot; writes new segments only. Raises OSError when the disk is full."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for segment in snapshot.segments:
            # Another window on the same folder may have tidied up what it did not know.
            if segment not in self._saved or not (self._folder / self._saved[segment]).exists():
                name = f"{secrets.token_hex(8)}.segment"
                _save_segment(self._folder / name, segment)
                self._saved[segment] = name
        self._saved = {segment: self._saved[segment] for segment in snapshot.segments}
        listed = {
            "format": PACK_FORMAT,
            "records": RECORD_FORMAT,
            "segments": list(self._saved.values()),
            "masks": [np.packbits(mask).tobytes().hex() if not mask.all() else "" for mask in snapshot.masks],
        }
        _replace(self._folder / _LIST, json.dumps(listed).encode())
        for stale in self._folder.glob("*.segment"):
            if stale.name not in self._saved.values():
                with contextlib.suppress(OSError):  # Another window may still map it.
                    stale.unlink()

    def forget(self) -> None:
        """`load` gives None from now on."""
        self._saved.clear()
        with contextlib.suppress(OSError):
            (self._folder / _LIST).unlink()


def _save_segment(path: Path, segment: Segment) -> None:
    arrays: dict[str, NDArray[np.generic]] = {name: getattr(segment, name) for name in _ARRAYS}
    for key, column in segment.vectors.items():
        arrays |= {
            f"codes {key}": column.codes,
            f"scales {key}": column.scales,
            f"signs {key}": segment.signs[key],
        }
    head: dict[str, object] = {name: getattr(segment, name) for name in _TEXTS}
    head["digests"] = [digest.hex() for digest in segment.digests]
    head["arrays"] = {name: (array.dtype.str, array.shape) for name, array in arrays.items()}
    encoded = json.dumps(head, separators=(",", ":")).encode("utf-8", "surrogatepass")
    parts = [len(encoded).to_bytes(8, "little"), encoded]
    size = 8 + len(encoded)
    for array in arrays.values():
        parts += [bytes(-size % _ALIGNMENT), np.ascontiguousarray(array).tobytes()]
        size += -size % _ALIGNMENT + array.nbytes
    _replace(path, b"".join(parts))


def _load_segment(path: Path) -> Segment:
    data = np.memmap(path, np.uint8, "r")
    length = int.from_bytes(data[:8].tobytes(), "little")
    head = json.loads(data[8 : 8 + length].tobytes())
    arrays: dict[str, NDArray[Any]] = {}
    offset = 8 + length
    for name, (dtype, shape) in head["arrays"].items():
        offset += -offset % _ALIGNMENT
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        # A plain array over the mapping: slices of a memmap object are ten times as slow to make.
        arrays[name] = np.frombuffer(data[offset : offset + size], dtype).reshape(shape)
        offset += size
    if offset != len(data):
        raise ValueError(f"{path} has {len(data)} bytes instead of {offset}.")
    keys = [name.removeprefix("codes ") for name in arrays if name.startswith("codes ")]
    columns: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
    columns |= {name: tuple(map(sys.intern, head[name])) for name in _TEXTS}
    columns["digests"] = tuple(map(bytes.fromhex, head["digests"]))
    columns["vectors"] = {key: VectorColumn(arrays[f"codes {key}"], arrays[f"scales {key}"]) for key in keys}
    columns["signs"] = {key: arrays[f"signs {key}"] for key in keys}
    return Segment(**columns)


def _mask(n: int, bits: str) -> NDArray[np.bool_]:
    if not bits:
        return np.ones(n, bool)
    return np.unpackbits(np.frombuffer(bytes.fromhex(bits), np.uint8), count=n).astype(bool)


def _replace(path: Path, content: bytes) -> None:
    """Writes a file so that a reader or a crash never sees half of it."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with open(part, "wb") as file:
        file.write(content)
    os.replace(part, path)
