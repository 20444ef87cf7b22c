"""From the text of a file to its record and to what the encoder sees: the costly, pure half of indexing.

Runs in worker processes. One pass over the identifiers of a unit serves both the lexical terms and the static
encoder's bag of words.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from oasis_search.index.fields import Field, definition_terms, term_id, words_of
from oasis_search.index.record import FileRecord, unit_key
from oasis_search.index.roots import terms
from oasis_search.syntax import Language, Problem, cut_units
from oasis_search.syntax.units import KINDS, CodeUnit
from oasis_search.syntax.words import identifiers

_KIND_CODE = {kind: code for code, kind in enumerate(KINDS)}
_CACHE_LIMIT = 40_000
"""Identifiers whose terms are remembered; code repeats its names, so a small memory serves nearly all."""

_body_ids: dict[str, tuple[int, ...]] = {}


def prepare(source: bytes, language: Language) -> tuple[FileRecord, list[Counter[str]], tuple[Problem, ...]]:
    """Record of a file, the identifier bag of each of its units, and what went wrong.

    Linear in the length of `source`. Bad code never raises.
    """
    units, problems = cut_units(source, language)
    texts = [source[unit.span.start_byte : unit.span.end_byte] for unit in units]
    bags = [bag_of_unit(unit.name, unit.container, text) for unit, text in zip(units, texts, strict=True)]
    ids: list[int] = []
    counts: list[int] = []
    lengths: list[int] = []
    starts = [0]
    for unit, bag in zip(units, bags, strict=True):
        entries, length = _entries(unit, bag)
        ids.extend(entries.keys())
        counts.extend(entries.values())
        lengths.append(length)
        starts.append(len(ids))
    record = FileRecord(
        kinds=np.fromiter((_KIND_CODE[unit.kind] for unit in units), np.uint8, len(units)),
        parts=np.fromiter((unit.part for unit in units), np.uint16, len(units)),
        spans=_spans(unit.span for unit in units),
        name_spans=_spans(unit.name_span for unit in units),
        keys=np.frombuffer(
            b"".join(unit_key(t, u.name, u.container) for t, u in zip(texts, units, strict=True)), np.uint8
        ).reshape(len(units), -1 if units else 16),
        lengths=np.array(lengths, np.uint32),
        term_starts=np.array(starts, np.uint32),
        term_ids=np.array(ids, np.uint64),
        term_counts=np.minimum(np.array(counts, np.int64), 255).astype(np.uint8),
        names=tuple(unit.name for unit in units),
        containers=tuple(unit.container for unit in units),
    )
    return record, bags, problems


def bag_of_unit(name: str, container: str, text: bytes) -> Counter[str]:
    """Identifier counts of what the encoder sees of a unit: its container, its name and its text."""
    bag = Counter(identifiers(text.decode("utf-8", "replace")))
    bag.update(identifiers(f"{container} {name}"))
    return bag


def text_of_unit(name: str, container: str, text: bytes) -> str:
    """The same as a text, for encoders that read in order."""
    return f"{container} {name}\n{text.decode('utf-8', 'replace')}".lstrip()


def _entries(unit: CodeUnit, bag: Mapping[str, int]) -> tuple[dict[int, int], int]:
    """(term number -> count over all fields, body length in terms) of one unit."""
    counts: dict[int, int] = {}
    length = 0
    known = _body_ids.get
    for identifier, n in bag.items():
        ids = known(identifier) or _remember(identifier)
        for number in ids:
            if number in counts:
                counts[number] += n
            else:
                counts[number] = n
        length += n * len(ids)
    for word in words_of(f"{unit.container} {unit.name}"):
        counts[term_id(Field.NAME, word)] = 1
    # Only the first piece of a long unit holds the definition; the others continue it.
    for whole in definition_terms(unit.name, unit.container) if unit.part <= 1 else ():
        counts[term_id(Field.DEFINITION, whole)] = 1
    return counts, length


def _remember(identifier: str) -> tuple[int, ...]:
    if len(_body_ids) >= _CACHE_LIMIT:
        _body_ids.clear()
    ids = tuple(term_id(Field.BODY, term) for term in terms(identifier))
    _body_ids[identifier] = ids
    return ids


def _spans(spans: Iterable[object]) -> NDArray[np.uint32]:
    rows = [(s.start_byte, s.end_byte, s.start_line0, s.end_line0) for s in spans]  # type: ignore[attr-defined]
    return np.array(rows, np.uint32).reshape(len(rows), 4)
