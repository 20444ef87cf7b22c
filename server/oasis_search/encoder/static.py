"""The static encoder: a table with one vector per token, summed and normalised; numpy only.

A text is the bag of its identifiers, so whoever has already counted identifiers (the lexical index) can skip
the text: `encode_counts`. The vector of a bag is

    normalise( sum over tokens t of  tf(t) ** damping  *  scale[role, t]  *  weights[t] )

with int8 `weights` that stay memory-mapped and a learned `scale` per token and role; a model may put a layer
behind it (head.py). Deliberately no order, no attention, no torch.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from oasis_search.encoder.folder import Manifest, read_manifest
from oasis_search.encoder.head import Head, unpack_heads
from oasis_search.encoder.protocol import Encoder, Role, Vectors
from oasis_search.encoder.tokens import TOKEN_ID_BYTES, TokenIds
from oasis_search.errors import ModelFolderError
from oasis_search.syntax.words import identifiers

VOCABULARY_NAME = "vocabulary.txt"
WEIGHTS_NAME = "weights.npy"
SCALES_NAME = "scales.npy"
HEAD_NAME = "head.npz"
"""Only in models that have a layer behind the sum."""

ROLES: tuple[Role, ...] = ("code", "query")
"""Order of the rows of `scales.npy`."""

BLOCK = 32
"""Bags summed at a time: their rows (about 100 x 256 floats each) should stay in the processor's cache."""

_COUNT_BITS = 20
_TOKEN_BITS = 24
_COUNT_MASK = (1 << _COUNT_BITS) - 1


@runtime_checkable
class BagEncoder(Encoder, Protocol):
    """An encoder for which a text is no more than the counts of its identifiers."""

    def encode_counts(self, bags: Sequence[Mapping[str, int]], role: Role = "code") -> Vectors:
        """The same vectors as `encode` of texts whose `identifiers` have these counts."""
        ...


class StaticEncoder:
    """A loaded token table; safe to share between threads, since nothing but a cache changes."""

    def __init__(
        self,
        manifest: Manifest,
        vocabulary: Sequence[str],
        weights: NDArray[np.int8],
        scales: NDArray[np.float32],
        heads: Mapping[Role, Head] | None = None,
    ) -> None:
        """`weights`: (tokens, dim); `scales`: (2, tokens), rows in the order of `ROLES`; `heads` by role."""
        self._manifest = manifest
        self._fingerprint = manifest.fingerprint
        self._token_ids = TokenIds(vocabulary)
        self._weights = np.asarray(weights)  # still mapped, without the overhead of the memmap class
        self._scales = scales
        self._heads = heads or {}
        self._damping = {role: float(manifest.options["damping"][role]) for role in ROLES}

    @property
    def name(self) -> str:
        """What a user calls it."""
        return self._manifest.name

    @property
    def fingerprint(self) -> str:
        """Changes whenever any vector could change."""
        return self._fingerprint

    @property
    def place(self) -> str:
        """Where it computes."""
        return "CPU, numpy"

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._manifest.dim

    def encode(self, texts: Sequence[str], role: Role = "code") -> Vectors:
        """(len(texts), dim) float32, each row of length 1, or all zeros for a text without a known token."""
        prompt = self._manifest.prompts[role]
        return self.encode_counts([Counter(identifiers(prompt + text)) for text in texts], role)

    def encode_counts(self, bags: Sequence[Mapping[str, int]], role: Role = "code") -> Vectors:
        """The same vectors from counts of identifiers."""
        vectors = np.zeros((len(bags), self.dim), dtype=np.float32)
        for start in range(0, len(bags), BLOCK):
            self._sum_block(bags[start : start + BLOCK], role, vectors[start : start + BLOCK])
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.divide(vectors, norms, out=vectors, where=norms > 0)
        head = self._heads.get(role)
        return head.apply(vectors) if head else vectors

    def _sum_block(self, bags: Sequence[Mapping[str, int]], role: Role, out: Vectors) -> None:
        bag_index, token, value = self._weighted_tokens(bags, role)
        rows = self._weights[token].astype(np.float32)
        ends = np.searchsorted(bag_index, np.arange(len(bags)), side="right").tolist()
        start = 0
        for index, end in enumerate(ends):
            if end > start:
                np.dot(value[start:end], rows[start:end], out=out[index])
            start = end

    def _weighted_tokens(
        self, bags: Sequence[Mapping[str, int]], role: Role
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Bag index, token id and weight of every distinct token of every bag, in order of bag and token.

        Bag, token and count are packed into one integer, so that one plain sort groups equal tokens.
        """
        packed_ids = list(map(self._token_ids.__getitem__, chain.from_iterable(bags)))
        n_identifiers = len(packed_ids)
        n_tokens = np.fromiter(map(len, packed_ids), np.int64, n_identifiers) // TOKEN_ID_BYTES
        counts = np.fromiter(chain.from_iterable(bag.values() for bag in bags), np.int64, n_identifiers)
        owners = np.repeat(np.arange(len(bags)), list(map(len, bags)))
        heads = (owners << (_TOKEN_BITS + _COUNT_BITS)) + np.minimum(counts, _COUNT_MASK)
        token = np.frombuffer(b"".join(packed_ids), np.int32).astype(np.int64)
        packed = np.repeat(heads, n_tokens) + (token << _COUNT_BITS)
        if not len(packed):
            return packed, packed, packed.astype(np.float32)
        packed.sort()
        keys = packed >> _COUNT_BITS
        first = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
        keys = keys[first]
        frequency = np.add.reduceat(packed & _COUNT_MASK, first).astype(np.float32)
        token = keys & ((1 << _TOKEN_BITS) - 1)
        value = frequency ** np.float32(self._damping[role]) * self._scales[ROLES.index(role)][token]
        return keys >> _TOKEN_BITS, token, value


def load_static(folder: Path) -> StaticEncoder:
    """The static encoder in `folder`; its table stays on disk until its rows are used."""
    manifest = read_manifest(folder)
    missing = {VOCABULARY_NAME, WEIGHTS_NAME, SCALES_NAME} - set(manifest.files)
    if missing or manifest.kind != "static":
        raise ModelFolderError(
            f"{folder} is not a folder of kind static (kind {manifest.kind}, missing {sorted(missing)}). "
            "Export the model again."
        )
    damping = manifest.options.get("damping")
    if not isinstance(damping, dict) or set(damping) != set(ROLES):
        raise ModelFolderError(f'{folder}: "damping" must give a number for code and query. Export it again.')
    vocabulary = (folder / VOCABULARY_NAME).read_text(encoding="utf-8").splitlines()
    weights = _load_array(folder / WEIGHTS_NAME, np.int8, (len(vocabulary), manifest.dim), mmap=True)
    scales = _load_array(folder / SCALES_NAME, np.float32, (len(ROLES), len(vocabulary)), mmap=False)
    heads = _load_heads(folder / HEAD_NAME, manifest.dim) if HEAD_NAME in manifest.files else None
    return StaticEncoder(manifest, vocabulary, weights, scales, heads)


def _load_heads(path: Path, dim: int) -> dict[Role, Head]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return unpack_heads(dict(arrays), ROLES, dim)
    except (OSError, ValueError, BadZipFile) as error:
        raise ModelFolderError(
            f"{path} cannot be read ({error}). Export or install the model again."
        ) from error


def _load_array(path: Path, dtype: type, shape: tuple[int, int], *, mmap: bool) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r" if mmap else None, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ModelFolderError(
            f"{path} cannot be read ({error}). Export or install the model again."
        ) from error
    if array.dtype != dtype or array.shape != shape:
        raise ModelFolderError(
            f"{path} holds {array.dtype} {array.shape} instead of {np.dtype(dtype)} {shape}. "
            "Export or install the model again."
        )
    return array
