"""Lexical fields and the numbers that stand for their terms.

A term of a field is known to the index by 64 bits of a hash alone: no vocabulary is kept in memory or on
disk. Two of a million terms collide with a chance of 3e-8, which a ranking does not notice.
"""

from enum import IntEnum
from functools import lru_cache
from hashlib import blake2b

from oasis_search.index.roots import terms
from oasis_search.syntax.words import split_identifier


class Field(IntEnum):
    """Where in a unit a term stands."""

    BODY = 0
    """Everything: comments, signature and code."""
    NAME = 1
    """Words of the unit's name and of what encloses it."""
    PATH = 2
    """Words of the path of its file."""
    DEFINITION = 3
    """Whole names that the unit defines: `name`, `container.name`, lower case without separators."""


_PERSON = {field: field.name.encode().ljust(16, b"\0") for field in Field}


@lru_cache(maxsize=1 << 14)
def term_id(field: Field, term: str) -> int:
    """64-bit number of `term` in `field`; stable across processes, machines and versions."""
    digest = blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8, person=_PERSON[field]).digest()
    return int.from_bytes(digest, "little")


def path_number(path: str) -> int:
    """64-bit number of a whole path: orders equal scores alike, whatever the segments are."""
    return term_id(Field.PATH, f"/{path}")


def normal_name(name: str) -> str:
    """A name as `Field.DEFINITION` knows it: `parse_HTTPDate` gives `parsehttpdate`."""
    return "".join(split_identifier(name))


def definition_terms(name: str, container: str) -> tuple[str, ...]:
    """Whole-name terms of a unit: its name, and its name behind that of its nearest container."""
    plain = normal_name(name)
    if not plain:
        return ()
    enclosing = normal_name(container.rpartition(".")[2])
    return (plain, f"{enclosing}.{plain}") if enclosing else (plain,)


def words_of(text: str) -> tuple[str, ...]:
    """Distinct terms of a name, dotted container or path, in order."""
    return tuple(dict.fromkeys(term for piece in _pieces(text) for term in terms(piece)))


def whole_words_of(text: str) -> tuple[str, ...]:
    """Those of `words_of` that stand for a whole identifier: `os.read_file` gives os and `readfile`."""
    return tuple(dict.fromkeys(term for piece in _pieces(text) for term in terms(piece)[-1:]))


def _pieces(text: str) -> list[str]:
    return text.replace("/", " ").replace(".", " ").replace("-", " ").split()
