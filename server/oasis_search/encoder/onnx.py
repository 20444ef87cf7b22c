"""A transformer as a graph of onnxruntime: no torch, a fifth of its memory, more than twice its speed.

The folder is ours (`oasis-train export --onnx` writes it): `oasis.json`, the graph, its weights, which are
mapped rather than read, and the tokenizer. A graph takes `ids`, `mask` and `pool` and gives vectors of length
1. Several threads mean several batches at once, each on one thread: that needs no waiting within a batch,
and a batch of a few hundred tokens stays in the cache of a core. Nothing is downloaded and nothing reported.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from oasis_search.encoder.batches import token_batches
from oasis_search.encoder.folder import Manifest, read_manifest
from oasis_search.encoder.modules import Pooling
from oasis_search.encoder.packing import Ids, pack
from oasis_search.encoder.prompts import prompt_length
from oasis_search.encoder.protocol import Role, Vectors
from oasis_search.errors import EncoderError, ModelFolderError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

InferenceSession = Any
"""Of onnxruntime, which has no types."""

GRAPH_NAME = "model.onnx"
WEIGHTS_NAME = "model.weights"
TOKENIZER_NAME = "tokenizer.json"
INPUTS = frozenset({"ids", "mask", "pool"})
"""What a graph may ask for (packing.py)."""

OUTPUT = "vectors"

MAX_TOKENS = 256
"""Padded tokens of a batch: on MiniLM as fast as 64 or 1024, in 25 MB less than 512 (docs/onnx.md)."""

MAX_TEXTS = 64

TOKENISED_AT_ONCE = 256
"""Texts; the library's own record of a text takes some twenty times the memory of its ids."""

LARGE_BYTES = 2**28
"""Weights above this are shared by all threads in one batch, or a single query would take too long."""

PRECISIONS = ("int8", "float32")

_AGAIN = "Export or install the model again."


class OnnxEncoder:
    """A loaded graph; `encode` may be called by several threads at once."""

    def __init__(
        self, manifest: Manifest, session: InferenceSession, tokenizer: "Tokenizer", threads: int
    ) -> None:
        """Use `load_onnx`."""
        self._manifest = manifest
        self._fingerprint = manifest.fingerprint
        self._session = session
        self._inputs = {node.name for node in session.get_inputs()}
        self._tokenizer = tokenizer
        self._skip = {
            role: prompt_length(
                tokenizer, manifest.prompts[role], included=bool(manifest.options["include_prompt"])
            )
            for role in get_args(Role)
        }
        self._threads = threads
        self._workers = 1 if _is_large(manifest) else threads

    @property
    def name(self) -> str:
        """What a user calls it."""
        return self._manifest.name

    @property
    def fingerprint(self) -> str:
        """Changes whenever any vector could change."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._manifest.dim

    @property
    def place(self) -> str:
        """Where it computes, e.g. `CPU, int8 ONNX, 2 threads`."""
        precision = self._manifest.options["precision"]
        return f"CPU, {precision} ONNX, {self._threads} thread{'s' if self._threads > 1 else ''}"

    def encode(self, texts: Sequence[str], role: Role = "code") -> Vectors:
        """(len(texts), dim) float32, each row of length 1; zeros for a text without a token.

        Raises EncoderError when onnxruntime fails or gives no numbers.
        """
        tokens = self._tokenise(texts, role)
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        known = [index for index, ids in enumerate(tokens) if len(ids)]
        lengths = [len(tokens[index]) for index in known]
        batches = [
            [known[place] for place in batch]
            for batch in token_batches(lengths, max_tokens=MAX_TOKENS, max_texts=MAX_TEXTS)
        ]

        def run(batch: list[int]) -> None:
            vectors[batch] = self._encode_batch([tokens[index] for index in batch], self._skip[role])

        if self._workers == 1 or len(batches) < 2:
            for batch in batches:
                run(batch)
        else:
            with ThreadPoolExecutor(self._workers, thread_name_prefix="onnx") as pool:
                for _ in pool.map(run, batches):
                    pass
        return vectors

    def _tokenise(self, texts: Sequence[str], role: Role) -> list[Ids]:
        prompt = self._manifest.prompts[role]
        tokens: list[Ids] = []
        for start in range(0, len(texts), TOKENISED_AT_ONCE):
            some = [prompt + text for text in texts[start : start + TOKENISED_AT_ONCE]]
            tokens += [np.array(e.ids, dtype=np.int32) for e in self._tokenizer.encode_batch_fast(some)]
        return tokens

    def _encode_batch(self, texts: list[Ids], skip: int) -> Vectors:
        options = self._manifest.options
        arrays = pack(texts, options["pooling"], skip=skip, pad_id=options["pad_id"])
        inputs = {name: array for name, array in arrays.items() if name in self._inputs}
        try:
            vectors: Vectors = self._session.run([OUTPUT], inputs)[0]
        except Exception as error:  # onnxruntime raises nothing narrower
            raise EncoderError(
                f"{self.name} failed on {len(texts)} texts of {arrays['ids'].shape[1]} tokens ({error}). If "
                f"memory is short, close what else uses it; else: {_AGAIN}"
            ) from error
        if not np.isfinite(vectors).all():
            raise EncoderError(f"{self.name} gave vectors that are not numbers. {_AGAIN}")
        return vectors


def load_onnx(folder: Path, *, threads: int = 0) -> OnnxEncoder:
    """The encoder in a model folder of kind `onnx`; `threads` 0 means one per core this process may use.

    Raises ModelFolderError when the folder is damaged or its parts do not fit, EncoderError when onnxruntime
    or tokenizers cannot be loaded.
    """
    manifest = read_manifest(folder)
    _check_manifest(folder, manifest)
    threads = threads if threads > 0 else _n_cores()
    tokenizer = _load_tokenizer(folder / TOKENIZER_NAME, int(manifest.options["vocab_size"]))
    session = _start_session(folder / GRAPH_NAME, threads if _is_large(manifest) else 1)
    outputs = {node.name: node.shape[-1] for node in session.get_outputs()}
    inputs = {node.name for node in session.get_inputs()}
    if outputs.get(OUTPUT) != manifest.dim or not inputs <= INPUTS:
        raise ModelFolderError(
            f"{folder / GRAPH_NAME} takes {sorted(inputs)} and gives {outputs}, but the manifest promises "
            f"vectors of {manifest.dim} numbers from {sorted(INPUTS)}. {_AGAIN}"
        )
    return OnnxEncoder(manifest, session, tokenizer, threads)


def _check_manifest(folder: Path, manifest: Manifest) -> None:
    missing = {GRAPH_NAME, WEIGHTS_NAME, TOKENIZER_NAME} - set(manifest.files)
    if missing or manifest.kind != "onnx":
        raise ModelFolderError(
            f"{folder} is not a folder of kind onnx (kind {manifest.kind}, missing {sorted(missing)}). "
            f"{_AGAIN}"
        )
    options = manifest.options
    if (
        options.get("pooling") not in get_args(Pooling)
        or options.get("precision") not in PRECISIONS
        or not isinstance(options.get("include_prompt"), bool)
        or not all(isinstance(options.get(key), int) for key in ("vocab_size", "pad_id"))
    ):
        raise ModelFolderError(f"{folder}: the options of the manifest are not those of an encoder. {_AGAIN}")


def _load_tokenizer(path: Path, vocab_size: int) -> "Tokenizer":
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise EncoderError(
            f"tokenizers cannot be loaded ({error}). Install it: pip install tokenizers."
        ) from error
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ModelFolderError(f"{path} cannot be read ({error}). {_AGAIN}") from error
    token, largest = max(tokenizer.get_vocab().items(), key=lambda item: item[1], default=("", -1))
    if not 0 <= largest < vocab_size:
        raise ModelFolderError(
            f"{path} does not fit the model: its token {token!r} has the number {largest}, but the model "
            f"knows {vocab_size}. {_AGAIN}"
        )
    return tokenizer


def _start_session(path: Path, threads: int) -> InferenceSession:
    try:
        import onnxruntime
    except ImportError as error:
        raise EncoderError(
            f"onnxruntime cannot be loaded ({error}). Install it: pip install onnxruntime."
        ) from error
    library: Any = onnxruntime  # its types leave out half
    library.set_default_logger_severity(4)
    library.disable_telemetry_events()
    options = library.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # it keeps a plan of memory for every shape of batch ever seen
    options.graph_optimization_level = library.GraphOptimizationLevel.ORT_ENABLE_BASIC  # see onnx_bert.py
    try:
        session: InferenceSession = library.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime raises nothing narrower
        raise ModelFolderError(
            f"{path} cannot be loaded by onnxruntime {library.__version__} ({error}). {_AGAIN}"
        ) from error
    return session


def _is_large(manifest: Manifest) -> bool:
    return manifest.files[WEIGHTS_NAME].n_bytes > LARGE_BYTES


def _n_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
