"""Models side by side on one set of questions, one after the other, each against the one in use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from oasis_search.comparison.apart import measure_apart
from oasis_search.comparison.lexical import lexical_ranks
from oasis_search.comparison.measure import Assignment, Measurement
from oasis_search.comparison.questions import QuestionSet
from oasis_search.comparison.ranking import Estimate, difference, hits_within, mean_reciprocal_rank
from oasis_search.errors import EncoderError
from oasis_search.service.spec import EncoderSpec
from oasis_search.settings import Settings
from oasis_search.workspace.model_tier import spec_of


@dataclass(frozen=True, slots=True)
class Quality:
    """How well questions are answered; all in percent."""

    mrr: Estimate
    hit_at_1: float
    hit_at_10: float


@dataclass(frozen=True, slots=True)
class Contender:
    """One model's result."""

    model: str
    """What the user calls it, and what `oasis models use` takes."""
    is_in_use: bool
    quality: Quality
    gain: Estimate | None
    """Points of MRR above the model in use; None for that one itself, and when it could not be measured."""
    measurement: Measurement
    index_s: float
    """Estimated time to encode the whole workspace."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A model that could not be measured."""

    model: str
    reason: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """All results; contenders in the order in which they were asked for, the one in use first."""

    asked: QuestionSet
    lexical: Quality
    contenders: tuple[Contender, ...]
    failures: tuple[Failure, ...]


def encoder_spec(settings: Settings, model: str) -> EncoderSpec:
    """How the indexing would run `model` with these settings."""
    chosen = replace(settings, search=replace(settings.search, model=model))
    return (spec_of(chosen) or EncoderSpec(model)).resolved()


def compare(
    asked: QuestionSet,
    settings: Settings,
    others: Sequence[str],
    *,
    progress: Callable[[str, int, int], None] = lambda model, done, total: None,
) -> Comparison:
    """Measures the model that `settings` name and all others; there must be at least one question.

    `progress` is told the model, and how many of how many units it has encoded. A model that fails is in
    `failures`, and the comparison goes on.
    """
    in_use = settings.search.model
    units, owners = _units(asked)
    queries = [question.text for question in asked.questions]
    answers = [list(question.answers) for question in asked.questions]
    contenders: list[Contender] = []
    failures: list[Failure] = []
    base: Sequence[float] | None = None
    for model in dict.fromkeys((in_use, *others)):
        progress(model, 0, len(units))
        try:
            spec = encoder_spec(settings, model).to_json()
            found = measure_apart(
                Assignment(spec, units, owners, queries, answers), partial(_tell, progress, model, len(units))
            )
        except EncoderError as error:
            failures.append(Failure(model, str(error)))
            continue
        if model == in_use:
            base = found.ranks
        gain = difference(found.ranks, base) if base is not None and model != in_use else None
        index_s = asked.unit_bytes / found.bytes_per_s
        contenders.append(Contender(model, model == in_use, _quality(found.ranks), gain, found, index_s))
    lexical = _quality(lexical_ranks(units, owners, queries, answers))
    return Comparison(asked, lexical, tuple(contenders), tuple(failures))


def _tell(progress: Callable[[str, int, int], None], model: str, total: int, done: int) -> None:
    progress(model, done, total)


def _units(asked: QuestionSet) -> tuple[list[list[str]], list[int]]:
    """Container, name and code of all units of the pool, and the function that each belongs to."""
    units: list[list[str]] = []
    owners: list[int] = []
    for position, function in enumerate(asked.functions):
        units += [[function.container, function.name, part] for part in function.parts]
        owners += [position] * len(function.parts)
    return units, owners


def _quality(ranks: Sequence[float]) -> Quality:
    return Quality(mean_reciprocal_rank(ranks), hits_within(ranks, 1), hits_within(ranks, 10))
