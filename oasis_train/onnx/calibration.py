"""What the linear layers of a model see while it encodes real code: the record that 8-bit scales come from.

The texts are functions and first sentences of documentation from any folder of source code, by default the
standard library of the Python that runs this, so that an export needs no data of its own.
"""

import random
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oasis_search.encoder.transformer import TransformerEncoder
from oasis_search.syntax import cut_units, language_of
from oasis_train.errors import CorpusError
from oasis_train.onnx.quantise import Activation, Floats

if TYPE_CHECKING:
    import torch

N_TEXTS = 256
MAX_FILES = 400
MAX_FILE_BYTES = 200_000
CODE_CHARACTERS = (60, 4000)
SHARE_OF_PROSE = 0.2
"""Of the texts: questions are prose, and code with its documentation is in part."""

MAX_ROW_NUMBERS = 4096 * 1536
"""Numbers recorded per layer: 4096 rows of the widest layer of MiniLM, 25 MB."""

MAX_ROWS = 4096

SEED = 3407


def calibration_texts(folder: Path | None = None) -> list[str]:
    """`N_TEXTS` texts from the source files under `folder`, the same for the same files.

    Raises CorpusError when there are fewer than a quarter of that.
    """
    root = folder or Path(sysconfig.get_paths()["stdlib"])
    generator = random.Random(SEED)
    paths = sorted(path for path in root.rglob("*") if _is_source(path))
    generator.shuffle(paths)
    codes: list[str] = []
    prose: list[str] = []
    for path in paths[:MAX_FILES]:
        for code, sentence in _units(path):
            codes.append(code)
            if sentence:
                prose.append(sentence)
    generator.shuffle(codes)
    generator.shuffle(prose)
    n_prose = min(len(prose), round(N_TEXTS * SHARE_OF_PROSE))
    texts = codes[: N_TEXTS - n_prose] + prose[:n_prose]
    if len(texts) < N_TEXTS // 4:
        raise CorpusError(
            f"{root} has only {len(texts)} functions, too few to measure activations by. Name a folder with "
            "more source code."
        )
    return texts


def record_activations(encoder: TransformerEncoder, texts: Sequence[str]) -> dict[str, Activation]:
    """What each linear layer of the model saw, by the name of the layer.

    Texts go through the model one by one, so that no padding is recorded.
    """
    import torch

    records: dict[str, _Record] = {}
    handles = []
    for name, module in encoder.module.named_modules():
        if isinstance(module, torch.nn.Linear):
            records[name] = record = _Record(module.in_features, len(texts))
            handles.append(module.register_forward_pre_hook(record))
    try:
        for text in texts:
            encoder.encode([text])
    finally:
        for handle in handles:
            handle.remove()
    return {name: record.activation() for name, record in records.items() if record.rows}


class _Record:
    """A hook before one layer."""

    def __init__(self, width: int, n_texts: int) -> None:
        n_rows = min(MAX_ROWS, MAX_ROW_NUMBERS // width)
        self._rows_per_text = max(1, n_rows // n_texts)
        self._generator = np.random.default_rng(SEED)
        self._low = np.zeros(width, dtype=np.float32)
        self._high = np.zeros(width, dtype=np.float32)
        self.rows: list[Floats] = []

    def __call__(self, module: "torch.nn.Module", inputs: tuple[Any, ...]) -> None:
        rows: Floats = inputs[0].detach().float().reshape(-1, len(self._low)).numpy()
        np.minimum(self._low, rows.min(axis=0), out=self._low)
        np.maximum(self._high, rows.max(axis=0), out=self._high)
        chosen = self._generator.permutation(len(rows))[: self._rows_per_text]
        chosen[0] = np.abs(rows).max(axis=1).argmax()  # rare, but what is rounded badly there shows
        self.rows.append(rows[chosen].copy())

    def activation(self) -> Activation:
        """What was recorded."""
        rows = np.concatenate(self.rows)
        return Activation(self._low, self._high, rows[self._generator.permutation(len(rows))])


def _is_source(path: Path) -> bool:
    parts = set(path.parts)
    return (
        path.is_file()
        and not parts & {"test", "tests", "site-packages", "__pycache__", "node_modules"}
        and path.stat().st_size <= MAX_FILE_BYTES
        and language_of(path, b"") is not None
    )


def _units(path: Path) -> Iterator[tuple[str, str]]:
    """Code and the first line of documentation of each function of a file."""
    source = path.read_bytes()
    language = language_of(path, source[:200])
    if language is None:
        return
    for unit in cut_units(source, language)[0]:
        code = source[unit.span.start_byte : unit.span.end_byte].decode("utf-8", "replace")
        if unit.kind in ("function", "method") and CODE_CHARACTERS[0] <= len(code) <= CODE_CHARACTERS[1]:
            yield code, unit.doc.strip().partition("\n")[0]
