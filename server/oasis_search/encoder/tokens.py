"""Identifiers to token ids: the tokenizer of the static encoder and of its training.

A word of an identifier is one token if the vocabulary has it, else the longest pieces of it that the
vocabulary has, from the left. Position-free: what an identifier gives does not depend on its neighbours.
"""

from array import array
from collections.abc import Sequence

from oasis_search.syntax.words import split_identifier

MIN_PIECE = 3
"""Shorter pieces of an unknown word say more about spelling than about meaning."""

MAX_WORD = 40
"""Unknown words longer than this are data; cutting them would cost more than it tells."""

TOKEN_ID_BYTES = 4
"""Size of one id in a packed run."""

CACHE_SIZE = 1 << 15
"""Identifiers remembered; at about 200 bytes each this stays near 7 MB."""


class TokenIds(dict[str, bytes]):
    """Identifier -> ids of its tokens as packed int32, computed on first use; at most `CACHE_SIZE` are kept.

    Packed, because bytes joined and viewed as one array are the fastest way from many identifiers to numpy.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        super().__init__()
        self.vocabulary = {word: index for index, word in enumerate(vocabulary)}

    def __missing__(self, identifier: str) -> bytes:
        ids = array("i")
        for word in split_identifier(identifier):
            known = self.vocabulary.get(word)
            if known is not None:
                ids.append(known)
            else:
                ids.extend(self._pieces(word))
        if len(self) >= CACHE_SIZE:
            self.clear()
        result = ids.tobytes()
        self[identifier] = result
        return result

    def unpack(self, identifier: str) -> list[int]:
        """The ids of one identifier as numbers."""
        return memoryview(self[identifier]).cast("i").tolist()

    def _pieces(self, word: str) -> list[int]:
        """Greedy longest matches of at least `MIN_PIECE` characters; what fits nowhere is skipped."""
        pieces: list[int] = []
        start, length = 0, len(word)
        if length > MAX_WORD or not word.isalpha():
            return pieces
        while start <= length - MIN_PIECE:
            for end in range(length, start + MIN_PIECE - 1, -1):
                known = self.vocabulary.get(word[start:end])
                if known is not None:
                    pieces.append(known)
                    start = end
                    break
            else:
                start += 1
        return pieces
