"""Texts as token ids in Arrow files, memory-mapped: however many there are, memory holds what a step needs.

One file per shard of the table that the texts come from, written whole or not at all, so that a run that was
killed goes on after the last. `datasets.Dataset.from_file` reads the same files.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from oasis_train.data.files import whole_file
from oasis_train.errors import DataError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SCHEMA = pa.schema(
    [
        ("id", pa.uint64()),
        ("key", pa.int64()),
        ("group", pa.int64()),
        ("repository", pa.int64()),
        ("train", pa.bool_()),
        ("tokens", pa.list_(pa.int32())),
    ]
)


@dataclass(frozen=True, slots=True)
class Texts:
    """Some texts and what training must know of them, column by column."""

    ids: NDArray[np.uint64]
    repositories: Sequence[str]
    train: Sequence[bool]
    """Whether the function is in the training split."""
    texts: Sequence[str]
    groups: Sequence[str] = ()
    """Names of what texts must not be drawn apart for; empty ones, or none at all, for the text itself."""


def id_numbers(ids: Sequence[str], source: Path) -> NDArray[np.uint64]:
    """Row ids (16 hex digits each) as numbers."""
    try:
        data = bytes.fromhex("".join(ids))
    except ValueError:
        data = b""
    if len(data) != 8 * len(ids) or any(len(name) != 16 for name in ids):
        wrong = next((name for name in ids if len(name) != 16), ids[0])
        raise DataError(f"{source} has the id {wrong!r}, which is not 16 hex digits. Run its stage again.")
    return np.frombuffer(data, dtype=">u8").astype(np.uint64)


def id_text(number: int) -> str:
    """The row id of a number."""
    return f"{number:016x}"


def text_key(text: str) -> int:
    """A signed 64-bit number that equal texts share."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def write_tokens(path: Path, batches: Iterable[Texts], tokenizer: "Tokenizer", prompt: str) -> None:
    """Write one Arrow file, which appears when all of it is written."""
    repositories: dict[str, int] = {}
    with (
        whole_file(path) as part,
        pa.OSFile(str(part), "wb") as file,
        pa.ipc.new_stream(file, _SCHEMA) as writer,
    ):
        for batch in batches:
            for name in batch.repositories:
                if name not in repositories:
                    repositories[name] = text_key(name)
            encodings = tokenizer.encode_batch_fast([prompt + text for text in batch.texts])
            keys = [text_key(text) for text in batch.texts]
            groups = batch.groups or [""] * len(keys)
            columns = [
                pa.array(batch.ids),
                pa.array(keys, pa.int64()),
                pa.array(
                    [text_key(name) if name else key for key, name in zip(keys, groups, strict=True)],
                    pa.int64(),
                ),
                pa.array([repositories[name] for name in batch.repositories], pa.int64()),
                pa.array(batch.train, pa.bool_()),
                _token_lists([encoding.ids for encoding in encodings]),
            ]
            writer.write_batch(pa.record_batch(columns, schema=_SCHEMA))


def _token_lists(lists: Sequence[Sequence[int]]) -> pa.Array:
    offsets = np.cumsum([0, *map(len, lists)], dtype=np.int32)
    flat = np.fromiter((token for tokens in lists for token in tokens), np.int32, count=int(offsets[-1]))
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat))


class TokenTable:
    """Texts that `write_tokens` wrote, by row: ids, keys and repositories in memory, tokens mapped."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Open the files, in this order."""
        chunks = [batch for path in paths for batch in _batches(path)]
        lists = [batch.column(5) for batch in chunks]
        self._tokens = [(column.values.to_numpy(), column.offsets.to_numpy()) for column in lists]
        self._starts = np.cumsum([0, *(batch.num_rows for batch in chunks)])
        self.ids: NDArray[np.uint64] = _column(chunks, 0, np.uint64)
        self.keys: NDArray[np.int64] = _column(chunks, 1, np.int64)
        """Equal for equal texts."""
        self.groups: NDArray[np.int64] = _column(chunks, 2, np.int64)
        """Equal for texts that must not be drawn apart: equal ones, and solutions of one task."""
        self.repositories: NDArray[np.int64] = _column(chunks, 3, np.int64)
        self.train: NDArray[np.bool_] = _column(chunks, 4, np.bool_)
        self._order = np.argsort(self.ids, kind="stable")
        self._sorted = self.ids[self._order]

    def __len__(self) -> int:
        return len(self.ids)

    def tokens(self, row: int) -> NDArray[np.int32]:
        """Token ids of a text; read from the file when they are looked at."""
        chunk = int(np.searchsorted(self._starts, row, side="right")) - 1
        values, offsets = self._tokens[chunk]
        place = row - int(self._starts[chunk])
        tokens: NDArray[np.int32] = values[offsets[place] : offsets[place + 1]]
        return tokens

    def lengths(self) -> NDArray[np.int32]:
        """Number of tokens of every text."""
        parts = [np.diff(offsets) for _, offsets in self._tokens]
        return np.concatenate(parts).astype(np.int32) if parts else np.zeros(0, np.int32)

    def find(self, ids: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The row of each id; -1 where there is none."""
        if not len(self._sorted):
            return np.full(len(ids), -1, dtype=np.int64)
        places = np.minimum(np.searchsorted(self._sorted, ids), len(self._sorted) - 1)
        rows: NDArray[np.int64] = np.where(self._sorted[places] == ids, self._order[places], -1)
        return rows


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    try:
        with pa.ipc.open_stream(pa.memory_map(str(path))) as reader:
            yield from reader
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path} cannot be read ({error}). Delete it and run the stage again.") from error


def _column(chunks: Sequence[pa.RecordBatch], index: int, dtype: type) -> Any:  # noqa: ANN401 - an array of `dtype`
    parts = [chunk.column(index).to_numpy(zero_copy_only=False) for chunk in chunks]
    return np.concatenate(parts).astype(dtype) if parts else np.zeros(0, dtype)
