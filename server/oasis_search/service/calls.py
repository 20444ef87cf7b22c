"""One call of a client: which rows are still without a vector, and whether a vector can be believed.

A call outlives processes: what one has answered stays, the next is only asked for the rest. Every vector is
checked here, at the receiving end: what is no unit vector (or all zeros) becomes an error, never an answer.
"""

import threading
from collections.abc import Iterator, Sequence

import numpy as np

from oasis_search.encoder.protocol import Role, Vectors
from oasis_search.errors import EncoderError, OasisError
from oasis_search.service.errors import TextsRefused
from oasis_search.service.wire import Frame, WireError

NORM_TOLERANCE = 0.01
"""Of the length of a vector; one that was normalised in bfloat16 is off by up to 0.004."""

REQUEST_CHARACTERS = 1 << 20
"""Most of one request; a longer call is sent as several."""


class Call:
    """Texts, and their vectors as they come in. Its users hold the client's lock, but for `done`."""

    def __init__(self, number: int, texts: Sequence[str], role: Role, *, is_urgent: bool) -> None:
        self.number = number
        self.is_urgent = is_urgent
        self.done = threading.Event()
        """Set when there is a result or an error."""
        self._texts = texts
        self._role = role
        self._missing = set(range(len(texts)))
        self._refused: dict[int, str] = {}
        self._vectors: Vectors | None = None
        self._fingerprint = ""
        self._error: OasisError | None = None

    def requests(self) -> Iterator[dict[str, object]]:
        """Fields of the frames that ask for all rows which are still missing."""
        rows: list[int] = []
        n_characters = 0
        for row in sorted(self._missing):
            rows.append(row)
            n_characters += len(self._texts[row]) + 1
            if n_characters >= REQUEST_CHARACTERS:
                yield self._request(rows)
                rows, n_characters = [], 0
        if rows:
            yield self._request(rows)

    def take(self, frame: Frame, dim: int, fingerprint: str) -> None:
        """Keeps the vectors of a frame; an encoder that breaks its word fails the call.

        Raises WireError when the frame does not belong to the call.
        """
        rows, shape = self._rows(frame), frame.numbers("shape")
        found = frame.text("fingerprint")
        if shape != [len(rows), dim] or len(frame.body) != 4 * len(rows) * dim:
            self.fail(
                EncoderError(
                    f"The encoder gave vectors of shape {shape} for {len(rows)} texts and {dim} dimensions."
                )
            )
            return
        if found != fingerprint:
            self.fail(EncoderError("The encoder changed while it was used. Restart the server."))
            return
        vectors = np.frombuffer(frame.body, dtype="<f4").reshape(len(rows), dim)
        with np.errstate(over="ignore", invalid="ignore"):
            norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
        is_sound = (np.abs(norms - 1) <= NORM_TOLERANCE) | ~vectors.any(axis=1)  # NaN and inf are neither.
        if self._vectors is None:
            self._vectors = np.zeros((len(self._texts), dim), dtype=np.float32)
        sound = np.flatnonzero(is_sound)
        self._vectors[np.asarray(rows)[sound]] = vectors[sound]
        for index in np.flatnonzero(~is_sound):
            self._refused[rows[index]] = f"its vector has length {norms[index]:.6g} instead of 1."
        self._answered(rows)

    def refuse(self, frame: Frame, dim: int) -> None:
        """The process will not encode these rows. Raises WireError like `take`."""
        rows = self._rows(frame)
        if self._vectors is None:
            self._vectors = np.zeros((len(self._texts), dim), dtype=np.float32)
        self._refused.update(dict.fromkeys(rows, frame.text("reason")))
        self._answered(rows)

    def fail(self, error: OasisError) -> None:
        """The call ends with this error, unless it has ended already."""
        if not self.done.is_set():
            self._error = error
            self.done.set()

    def result(self) -> Vectors:
        """(n, dim) float32; only after `done`. Raises what the call failed with, and TextsRefused."""
        if self._error is not None:
            raise self._error
        assert self._vectors is not None
        if self._refused:
            raise TextsRefused(self._refused, self._vectors)
        return self._vectors

    def _request(self, rows: list[int]) -> dict[str, object]:
        return {
            "op": "encode",
            "id": self.number,
            "role": self._role,
            "urgent": int(self.is_urgent),
            "rows": rows,
            "texts": [self._texts[row] for row in rows],
        }

    def _rows(self, frame: Frame) -> list[int]:
        rows = frame.numbers("rows")
        if not rows or len(set(rows)) != len(rows) or not self._missing.issuperset(rows):
            raise WireError("The encoder process answered for texts that it was not asked for.")
        return rows

    def _answered(self, rows: list[int]) -> None:
        self._missing.difference_update(rows)
        if not self._missing:
            self.done.set()
