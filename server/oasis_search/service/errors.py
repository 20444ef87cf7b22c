"""What the encoder process adds to the errors a user can meet.

EncoderError
├── EncoderUnavailable   the process is down, restarting or too slow; the same call may succeed later
└── TextsRefused         some texts of a call have no vector; those of all others are in the exception
"""

from collections.abc import Mapping

from oasis_search.encoder.protocol import Vectors
from oasis_search.errors import EncoderError


class EncoderUnavailable(EncoderError):
    """The encoder process cannot answer now; nothing is wrong with the texts or the model."""


class TextsRefused(EncoderError):
    """Some texts crash the encoder or get no usable vector; repeating the call gives the same."""

    def __init__(self, reasons: Mapping[int, str], vectors: Vectors) -> None:
        """`reasons`: row -> sentence; `vectors`: (n, dim), all zeros in the refused rows."""
        self.rows: tuple[int, ...] = tuple(sorted(reasons))
        """Rows of the refused texts."""
        self.reasons = dict(reasons)
        """Why, by row."""
        self.vectors = vectors
        """(n, dim) vectors of the call; all zeros in the refused rows."""
        first = self.rows[0]
        super().__init__(
            f"{len(self.rows)} of {len(vectors)} texts cannot be encoded; text {first}: {reasons[first]}"
        )
