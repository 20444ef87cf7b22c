"""From the text of a file to its record and to what the encoder sees: the costly, pure half of indexing.

Runs in worker processes. One pass over the identifiers of a unit serves both the lexical terms and the static
encoder's bag of words.
"""

from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from oasis_search.index.counting import TermCounter
from oasis_search.index.record import FileRecord, unit_key
from oasis_search.syntax import Language, Problem, cut_units
from oasis_search.syntax.units import KINDS, Span
from oasis_search.syntax.words import identifiers

_KIND_CODE = {kind: code for code, kind in enumerate(KINDS)}
_counter = TermCounter()
"""Only remembers: a worker process is one thread, and what it returns does not depend on its memory."""


def prepare(source: bytes, language: Language) -> tuple[FileRecord, list[Counter[str]], tuple[Problem, ...]]:
    """Record of a file, the identifier bag of each of its units, and what went wrong.

    Linear in the length of `source`. Bad code never raises.
    """
    units, problems = cut_units(source, language)
    texts = [source[unit.span.start_byte : unit.span.end_byte] for unit in units]
    bags = [bag_of_unit(unit.name, unit.container, text) for unit, text in zip(units, texts, strict=True)]
    terms = _counter.count(units, bags)
    record = FileRecord(
        kinds=np.fromiter((_KIND_CODE[unit.kind] for unit in units), np.uint8, len(units)),
        parts=np.fromiter((unit.part for unit in units), np.uint16, len(units)),
        spans=_spans(unit.span for unit in units),
        name_spans=_spans(unit.name_span for unit in units),
        keys=np.frombuffer(
            b"".join(unit_key(t, u.name, u.container) for t, u in zip(texts, units, strict=True)), np.uint8
        ).reshape(len(units), -1 if units else 16),
        lengths=terms.lengths,
        term_starts=terms.starts,
        term_ids=terms.ids,
        term_counts=terms.counts,
        names=tuple(unit.name for unit in units),
        containers=tuple(unit.container for unit in units),
    )
    return record, bags, problems


def bag_of_unit(name: str, container: str, text: bytes) -> Counter[str]:
    """Identifier counts of what the encoder sees of a unit: its container, its name and its text."""
    bag = Counter(identifiers(text.decode("utf-8", "replace")))
    bag.update(identifiers(f"{container} {name}"))
    return bag


def _spans(spans: Iterable[Span]) -> NDArray[np.uint32]:
    rows = [(span.start_byte, span.end_byte, span.start_line0, span.end_line0) for span in spans]
    return np.array(rows, np.uint32).reshape(len(rows), 4)
