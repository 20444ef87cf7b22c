"""Teachers: encoders whose cosine says how well a function answers a docstring.

A teacher is any encoder of the server: a model folder, or an OpenAI-compatible endpoint such as OpenAI's
text-embedding-3-large, which the paper used. Every text is encoded once, in blocks that are kept on disk
until the labels made from them are written, so that no paid vector is asked for twice after a kill.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from oasis_search.encoder import Encoder, Role, load, shipped_models
from oasis_search.encoder.content_hash import content_hash
from oasis_search.encoder.endpoint.options import EndpointOptions
from oasis_search.encoder.hub import locate
from oasis_search.errors import EncoderError
from oasis_train.data.files import whole_file
from oasis_train.errors import RecipeError, ReplyError

ENDPOINT = "endpoint"

BLOCK_TEXTS = 512
"""Texts whose vectors are kept together; fixed, since a vector may depend a little on its neighbours."""

MAX_SIMILARITY = float(np.nextafter(np.float32(1), np.float32(0)))
"""Largest similarity: below 1 in float32 too, in which training computes."""

_SPEED_OPTIONS = frozenset(
    (
        *("batch", "batch_chars", "concurrency", "timeout_s", "attempts", "key_variable"),
        *("requests_per_minute", "tokens_per_minute", "token_budget"),
    )
)
"""Options of an endpoint that do not change its vectors."""


Mode = Literal["doc-code", "doc-doc", "mean"]
"""What is compared with a docstring: a function's code, its docstring, or both."""

MODES: tuple[Mode, ...] = get_args(Mode)


@dataclass(frozen=True, slots=True)
class TeacherConfig:
    """One teacher."""

    model: str = ENDPOINT
    """Folder or name of a local encoder, or `endpoint` for the server that the next field describes."""
    endpoint: EndpointOptions | None = None
    """URL, model (the paper's: text-embedding-3-large) and limits; the key is in the environment only."""
    weight: float = 1.0
    """Share of this teacher in the mean of several."""
    mode: Mode | Literal[""] = ""
    """What it compares with the docstring, where not `label.mode`: a model of English knows descriptions
    better than code."""

    def __post_init__(self) -> None:
        """Raise RecipeError for a value that cannot be honoured."""
        if (self.model == ENDPOINT) != (self.endpoint is not None):
            raise RecipeError(
                'A teacher needs either a model folder or model = "endpoint" with a table "endpoint" of url '
                "and model."
            )
        if self.mode not in ("", *MODES):
            raise RecipeError(
                f"The mode of teacher {self.model} is {self.mode!r}; give doc-code, doc-doc or mean, or none."
            )
        if not self.weight > 0:
            raise RecipeError(f"The weight of teacher {self.model} is {self.weight}; give one above 0.")

    @property
    def name(self) -> str:
        """What people call it."""
        return self.endpoint.model if self.endpoint else self.model


def load_teacher(config: TeacherConfig, *, threads: int = 0, device: str = "auto") -> Encoder:
    """The encoder; raises EncoderError or SettingError when it cannot be had."""
    options = asdict(config.endpoint) if config.endpoint else None
    return load(config.model, threads=threads, device=device, endpoint=options)


def teacher_facts(config: TeacherConfig) -> dict[str, Any]:
    """What decides its vectors, without loading it: for a folder the hash of its files but its card."""
    if config.endpoint is not None:
        options = asdict(config.endpoint)
        return {
            "endpoint": {name: value for name, value in options.items() if name not in _SPEED_OPTIONS},
            "weight": config.weight,
            "mode": config.mode,
        }
    folder = shipped_models().get(config.model) or Path(config.model)
    folder = folder if folder.is_dir() else locate(config.model)
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md"):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{content_hash(path)}\n".encode())
    facts = {"model": config.name, "files": digest.hexdigest()}
    return facts | {"weight": config.weight, "mode": config.mode}


@dataclass(frozen=True, slots=True)
class Text:
    """A text to encode, and whose it is."""

    text: str
    function: str
    """Id of the function whose docstring or code it is."""


class Vectors:
    """Vectors of many texts, in blocks on disk."""

    def __init__(self, blocks: Sequence[NDArray[np.float32]]) -> None:
        """`blocks` hold `BLOCK_TEXTS` rows each, the last one fewer."""
        self._blocks = blocks

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """(len(rows), dim) the vectors of `rows`."""
        taken = np.empty((len(rows), self._blocks[0].shape[1]))
        block_of, offset = np.divmod(rows, BLOCK_TEXTS)
        for block in np.unique(block_of):
            is_there = block_of == block
            taken[is_there] = self._blocks[block][offset[is_there]]
        return taken


def encode_texts(encoder: Encoder, texts: Sequence[Text], role: Role, folder: Path, prefix: str) -> Vectors:
    """The vectors of `texts`, kept in files of `folder` whose names begin with `prefix`.

    Raises ReplyError naming the first function whose text has no usable vector.
    """
    folder.mkdir(parents=True, exist_ok=True)
    blocks: list[NDArray[np.float32]] = []
    for start in range(0, len(texts), BLOCK_TEXTS):
        path = folder / f"{prefix}-{start // BLOCK_TEXTS:05d}.npy"
        if not path.is_file():
            vectors = _encode_block(encoder, texts[start : start + BLOCK_TEXTS], role)
            with whole_file(path) as part, part.open("wb") as file:
                np.save(file, vectors)
        blocks.append(np.load(path, mmap_mode="r"))
    return Vectors(blocks)


def cosines(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) similarity of the rows of `a` and `b` (n, dim) in [0, 1).

    The cosine, with negative ones made 0 and those of `MAX_SIMILARITY` and more made that; 0 where a row is
    all zeros.
    """
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    inner = np.einsum("nd,nd->n", a, b)
    cosine = np.divide(inner, lengths, out=np.zeros(len(a)), where=lengths > 0)
    clipped: NDArray[np.float64] = np.clip(cosine, 0.0, MAX_SIMILARITY)
    return clipped


def _encode_block(encoder: Encoder, texts: Sequence[Text], role: Role) -> NDArray[np.float32]:
    kind = "docstring" if role == "query" else "code"
    first = f"the {kind} of function {texts[0].function}"
    try:
        vectors = np.asarray(encoder.encode([text.text for text in texts], role), dtype=np.float32)
    except EncoderError as error:
        raise ReplyError(
            f"Teacher {encoder.name} gave no vectors for {len(texts)} texts from {first} on: {error} "
            "Finished labels are kept."
        ) from error
    if vectors.shape != (len(texts), encoder.dim):
        raise ReplyError(
            f"Teacher {encoder.name} gave vectors of shape {vectors.shape} for {len(texts)} texts from "
            f"{first} on; ({len(texts)}, {encoder.dim}) was due. Use another teacher; finished "
            "labels are kept."
        )
    if not (is_finite := np.isfinite(vectors).all(axis=1)).all():
        text = texts[int(np.argmin(is_finite))]
        raise ReplyError(
            f"Teacher {encoder.name} gave NaN or infinity for the {kind} of function {text.function}, which "
            f"begins {text.text[:60]!r}. Mend or leave out that text, or use another teacher; finished "
            "labels are kept."
        )
    return vectors
