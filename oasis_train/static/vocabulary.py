"""The words that a static model has a vector for: the most frequent ones of code and documentation."""

from collections import Counter
from collections.abc import Iterable

from oasis_search.encoder.tokens import MAX_WORD
from oasis_search.syntax.words import identifiers, split_identifier
from oasis_train.data import Function

DOCUMENTATION_WEIGHT = 4
"""Documentation is shorter than code, and questions are written in its words."""


def count_words(rows: Iterable[Function]) -> Counter[str]:
    """Occurrences of words in code and (times `DOCUMENTATION_WEIGHT`) in documentation."""
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update(identifiers(row.code))
        for identifier in identifiers(row.doc):
            counts[identifier] += DOCUMENTATION_WEIGHT
    words: Counter[str] = Counter()
    for identifier, count in counts.items():
        for word in split_identifier(identifier):
            words[word] += count
    return words


def build_vocabulary(counts: Counter[str], size: int, *, min_count: int = 3) -> list[str]:
    """Up to `size` words, most frequent first, ties in alphabetical order; long numbers and data left out."""
    wanted = (
        (-count, word)
        for word, count in counts.items()
        if count >= min_count and len(word) <= MAX_WORD and (len(word) <= 4 or not word.isdigit())
    )
    return [word for _, word in sorted(wanted)[:size]]
