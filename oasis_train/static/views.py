"""Rows of a corpus as bags of token ids: what a static model sees of a function, from several sides.

A query view is the first sentence, all of the documentation, or the name in words; the code view is the
code, with or without the sentences that no query view holds. All bags are flat arrays, so that a batch of any
rows is one gather.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from oasis_search.encoder.tokens import TokenIds
from oasis_search.syntax.words import identifiers
from oasis_train.data import Function, Twin
from oasis_train.errors import TrainingError
from oasis_train.views.phrases import PHRASES
from oasis_train.views.queries import first_sentence
from oasis_train.views.statements import KIND as STATEMENT

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Bags:
    """Many bags of tokens, one after the other."""

    ids: NDArray[np.int32]
    weights: Floats
    """Damped frequency of each id within its bag."""
    offsets: Ints
    """Bag i is [offsets[i], offsets[i + 1])."""

    def take(self, bags: Ints) -> tuple[Ints, Floats, Ints]:
        """(ids, weights, length of each bag) of the named bags, in that order."""
        starts = self.offsets[bags]
        lengths = self.offsets[bags + 1] - starts
        ends = np.cumsum(lengths)
        begins = ends - lengths
        flat = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - begins, lengths)
        return self.ids[flat].astype(np.int64), self.weights[flat], lengths


@dataclass(frozen=True, slots=True)
class Views:
    """Everything that training needs of a corpus."""

    code: Bags
    code_without_name: Bags
    first: Bags
    """First sentence of the documentation."""
    full: Bags
    """All of the documentation."""
    rest: Bags
    """The documentation after its first sentence, weighted as code."""
    name: Bags
    """Container and name in words."""
    phrases: Bags
    """`PHRASES` for every language: bag language * len(PHRASES) + phrase."""
    language: NDArray[np.int32]
    repository: NDArray[np.int32]
    documented: Ints
    """Rows that have documentation, which training draws its anchors from."""
    doc_key: NDArray[np.int64]
    """Equal for equal first sentences."""
    code_key: NDArray[np.int64]
    """Equal for equal bags of code."""
    task_key: NDArray[np.int64]
    """Equal for solutions of one task, whose words and codes are no negatives of each other."""


def build_views(rows: Sequence[Function], vocabulary: Sequence[str], code_damping: float) -> Views:
    """Tokenise all rows once; queries are not damped. A row without documentation serves as code only."""
    token_ids = TokenIds(vocabulary)
    languages = sorted({row.language for row in rows})
    repositories = {name: index for index, name in enumerate(sorted({row.repository for row in rows}))}

    def bags(texts: Iterable[str], damping: float) -> Bags:
        return _bags((_count(text, token_ids) for text in texts), damping)

    def code_bags() -> tuple[Bags, Bags]:
        full, bare = [], []
        for row in rows:
            counts = _count(row.code, token_ids)
            own = _count(row.name, token_ids)
            full.append(counts)
            bare.append({token: count for token, count in counts.items() if token not in own})
        return _bags(full, code_damping), _bags(bare, code_damping)

    code, bare = code_bags()
    docs = [_first_and_rest(row.doc) for row in rows]
    phrases = (phrase.format(language=language) for language in languages for phrase in PHRASES)
    return Views(
        code=code,
        code_without_name=bare,
        first=bags((first for first, _ in docs), 1.0),
        full=bags((row.doc for row in rows), 1.0),
        rest=bags((rest for _, rest in docs), code_damping),
        name=bags((f"{row.container} {row.name}" for row in rows), 1.0),
        phrases=bags(phrases, 1.0),
        language=np.array([languages.index(row.language) for row in rows], dtype=np.int32),
        repository=np.array([repositories[row.repository] for row in rows], dtype=np.int32),
        documented=np.flatnonzero([bool(row.doc) for row in rows]),
        doc_key=np.array([hash(first.lower()) for first, _ in docs], dtype=np.int64),
        code_key=np.array([hash(code.ids[a:b].tobytes()) for a, b in _ranges(code)], dtype=np.int64),
        task_key=np.array([hash(row.task or row.id) for row in rows], dtype=np.int64),
    )


@dataclass(frozen=True, slots=True)
class TwinBags:
    """Codes and the functions that do the same."""

    text: Bags
    row: Ints
    """Row of the views of the function that does the same."""
    key: NDArray[np.int64]
    """Equal for equal bags of text."""


def stated_rows(twins: Iterable[Twin], rows: Sequence[Function]) -> list[Function]:
    """A row more of every solution that the words of its task ask for, described by them."""
    stated = {twin.function: twin for twin in twins if twin.kind == STATEMENT}
    return [replace(row, id=stated[row.id].id, doc=stated[row.id].text) for row in rows if row.id in stated]


def build_twins(
    twins: Iterable[Twin], rows: Sequence[Function], vocabulary: Sequence[str], code_damping: float
) -> TwinBags:
    """The twins of `rows` that are codes; raises TrainingError when there is none."""
    token_ids = TokenIds(vocabulary)
    place = {row.id: index for index, row in enumerate(rows)}
    found: list[int] = []

    def counts() -> Iterator[dict[int, int]]:
        for twin in twins:
            if twin.function in place and twin.kind != STATEMENT:
                found.append(place[twin.function])
                yield _count(twin.text, token_ids)

    found_counts = list(counts())
    if not found_counts:
        raise TrainingError("No twin is of the functions to train on. Run the stage twins again.")
    text = _bags(found_counts, code_damping)
    keys = [hash(text.ids[a:b].tobytes()) for a, b in _ranges(text)]
    return TwinBags(text, np.array(found, dtype=np.int64), np.array(keys, dtype=np.int64))


def _first_and_rest(doc: str) -> tuple[str, str]:
    """Its first sentence, which ends with the first line at the latest, and what follows."""
    first = first_sentence(doc.partition("\n")[0])
    return first, doc[len(first) :]


def _count(text: str, token_ids: TokenIds) -> dict[int, int]:
    counts: Counter[int] = Counter()
    for identifier in identifiers(text):
        counts.update(token_ids.unpack(identifier))
    return counts


def _bags(counts_of_texts: Iterable[dict[int, int]], damping: float) -> Bags:
    ids: list[NDArray[np.int32]] = []
    weights: list[Floats] = []
    lengths = [0]
    for counts in counts_of_texts:
        ids.append(np.fromiter(counts.keys(), np.int32, len(counts)))
        weights.append(np.fromiter(counts.values(), np.float32, len(counts)) ** np.float32(damping))
        lengths.append(len(counts))
    return Bags(np.concatenate(ids), np.concatenate(weights), np.cumsum(lengths))


def _ranges(bags: Bags) -> Iterable[tuple[int, int]]:
    return zip(bags.offsets[:-1].tolist(), bags.offsets[1:].tolist(), strict=True)
