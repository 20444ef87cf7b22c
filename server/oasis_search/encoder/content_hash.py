"""The SHA-256 of a file, remembered, so that 3 GB of weights are hashed once and not at every start.

What is remembered counts only for the same path, size, times and inode, and only if the file had been left
alone for a while when it was hashed; any doubt means hashing again. Small files are hashed always.
"""

import hashlib
import json
import os
import time
from contextlib import suppress
from pathlib import Path

from oasis_search.cache_folder import cache_folder

MEMORY_NAME = "content-hashes.json"

REMEMBER_ABOVE_BYTES = 32 * 2**20
"""Hashing less than this takes some 20 ms."""

QUIET_S = 5.0
"""A file younger than this when it is hashed could still change without a new time stamp."""

MAX_REMEMBERED = 200
"""Files; the oldest are forgotten."""


def content_hash(path: Path) -> str:
    """64 hexadecimal digits that depend on the content of the file only; OSError if it is unreadable."""
    status = path.stat()
    if status.st_size < REMEMBER_ABOVE_BYTES:
        return _hash(path)
    memory = _memory_path()
    key = str(path.resolve())
    stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    known = _read_memory(memory).get(key)
    if known is not None and known[:-1] == stamp:
        return str(known[-1])
    digest = _hash(path)
    age_s = time.time() - max(status.st_mtime, status.st_ctime)
    if age_s > QUIET_S:
        _remember(memory, key, [*stamp, digest])
    return digest


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _memory_path() -> Path:
    return cache_folder() / MEMORY_NAME


def _read_memory(memory: Path) -> dict[str, list[int | str]]:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
        return {str(key): list(value) for key, value in known.items() if len(value) == 5}
    except (AttributeError, OSError, TypeError, ValueError):
        return {}


def _remember(memory: Path, key: str, value: list[int | str]) -> None:
    """Best effort: a memory that cannot be written costs time only."""
    known = _read_memory(memory)
    known.pop(key, None)
    entries = [*known.items(), (key, value)][-MAX_REMEMBERED:]
    temporary = memory.with_name(f"{MEMORY_NAME}.{os.getpid()}")
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(dict(entries)), encoding="utf-8")
        temporary.replace(memory)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
