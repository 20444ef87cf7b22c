"""Training of the static encoder: a vector per token, learned by contrast over in-repository batches.

The model is exactly what `oasis_search.encoder.static` computes, in float32 and with gradients: a sum over
tokens of damped frequency, role weight and row, a layer behind it if wanted, compared by cosine. Half of a
batch comes from one repository, whose functions share their jargon, so that telling them apart needs
meaning; the other half is of all languages and subjects.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from oasis_search.encoder.head import Head, quantise_head
from oasis_search.encoder.protocol import Role, Vectors
from oasis_search.encoder.static import ROLES
from oasis_train.data.vectors import VectorTable
from oasis_train.losses import cosent_loss, info_nce_loss
from oasis_train.losses.distillation import distillation_loss
from oasis_train.losses.masks import equal_keys
from oasis_train.static.initial import InitialConfig
from oasis_train.static.languages import Weights, layer_without
from oasis_train.static.views import Bags, Ints, TwinBags, Views
from oasis_train.views.phrases import PHRASES

LAYER_RATE = 0.5
"""Learning rate of the layers, as a share of the table's: all texts pass through them."""

Flags = NDArray[np.bool_]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class StaticConfig:
    """How a static model is trained; the recipe `oasis-static` has the shipped model's values."""

    dim: int = 256
    share: float = 1.0
    """Of the documented functions that it is trained on; those with order labels are always among them."""
    epochs: int = 4
    batch: int = 1024
    share_from_one_repository: float = 0.5
    learning_rate: float = 2e-3
    temperature: float = 0.06
    code_damping: float = 0.4
    """Exponent of a token's frequency in code."""
    view_shares: tuple[float, float, float] = (0.55, 0.25, 0.2)
    """How often the query is the first sentence, all of the documentation, the name."""
    phrase_share: float = 0.4
    """How often a query gets words around it."""
    rest_share: float = 0.4
    """How often the code keeps the sentences of the documentation that a first-sentence query lacks."""
    weights: tuple[float, float] = (1.0, 0.0)
    """Of InfoNCE and of CoSENT over order labels."""
    pairs: int = 2048
    """Labelled pairs that CoSENT sees in a step."""
    scale: float = 20.0
    """Of CoSENT."""
    distillation: float = 0.0
    """Weight of ranking each batch as the teacher of the stage `teach` does."""
    teacher_temperature: float = 0.05
    """How sharply the teacher's ranking is read."""
    twins: float = 0.0
    """Weight of telling each code's twin from other codes."""
    twin_batch: int = 512
    """Twins of a step."""
    hidden: int = 0
    """Width of the layer behind the sum (encoder/head.py), one for each role; 0 for none."""
    language_directions: int = 0
    """Directions that tell languages apart, which the finished table, or what its layers give, loses
    (languages.py)."""
    seed: int = 3407
    initial: InitialConfig = field(default_factory=InitialConfig)
    """Where the table starts."""


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Pairs of documentation and code with order labels, by row number of the views."""

    doc: Ints
    code: Ints
    label: Floats


@dataclass(frozen=True, slots=True)
class TaughtRows:
    """A teacher's vectors, and where each row of the views finds its own."""

    vectors: VectorTable
    row: Ints
    """Row of the table for each row of the views, -1 for none."""


@dataclass(frozen=True, slots=True)
class StepLosses:
    """What one step measured."""

    total: float
    in_batch: float
    cosent: float
    distillation: float
    twins: float


class Layer(nn.Module):
    """What `oasis_search.encoder.head.Head` computes, before its last normalisation."""

    def __init__(self, dim: int, hidden: int) -> None:
        """Start as a layer that adds nothing."""
        super().__init__()
        self.inner = nn.Linear(dim, hidden)
        self.outer = nn.Linear(hidden, dim, bias=False)
        nn.init.zeros_(self.outer.weight)

    def forward(self, sums: Tensor) -> Tensor:
        """(n, dim) to (n, dim)."""
        vectors = nn.functional.normalize(sums, dim=1)
        found: Tensor = vectors + self.outer(torch.relu(self.inner(vectors)))
        return found

    def weights(self) -> Weights:
        """The layer as arrays."""
        return (
            self.inner.weight.detach().numpy().T,
            self.inner.bias.detach().numpy(),
            self.outer.weight.detach().numpy().T,
        )


class StaticModel(nn.Module):
    """The table, whose rows carry their weight in code as their length, and query weights per token."""

    def __init__(self, table: Vectors, hidden: int = 0) -> None:
        """Start from `table` (tokens, dim), equal weights in both roles, and layers that add nothing."""
        super().__init__()
        self.rows = nn.Parameter(torch.from_numpy(table.copy()))
        self.log_query = nn.Parameter(torch.zeros(len(table)))
        roles = ROLES if hidden else ()
        self.layers = nn.ModuleDict({role: Layer(table.shape[1], hidden) for role in roles})

    def encode_codes(self, ids: Tensor, weights: Tensor, offsets: Tensor) -> Tensor:
        """(bags, dim) vectors of codes, not normalised."""
        return self._behind("code", self.sum_codes(ids, weights, offsets))

    def encode_queries(self, ids: Tensor, weights: Tensor, offsets: Tensor) -> Tensor:
        """The same of queries."""
        return self._behind("query", self.sum_queries(ids, weights, offsets))

    def heads(self, axes: Vectors | None = None) -> dict[Role, Head]:
        """The layers by role as the encoder has them, without `axes`; empty without any layer."""
        found = {role: self.layers[role] for role in ROLES if role in self.layers}
        without = np.zeros((0, 0), dtype=np.float32) if axes is None else axes
        return {
            role: quantise_head(*layer_without(layer.weights(), without))
            for role, layer in found.items()
            if isinstance(layer, Layer)
        }

    def _behind(self, role: Role, sums: Tensor) -> Tensor:
        if role not in self.layers:
            return sums
        found: Tensor = self.layers[role](sums)
        return found

    def sum_codes(self, ids: Tensor, weights: Tensor, offsets: Tensor) -> Tensor:
        """(bags, dim) weighted sums in the code role, not normalised."""
        return nn.functional.embedding_bag(ids, self.rows, offsets, mode="sum", per_sample_weights=weights)

    def sum_queries(self, ids: Tensor, weights: Tensor, offsets: Tensor) -> Tensor:
        """The same in the query role."""
        return self.sum_codes(ids, weights * self.log_query[ids].exp(), offsets)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows, and what is shown of each."""

    rows: Ints
    view: Ints
    """0 first sentence, 1 all, 2 name."""
    phrase: Ints
    """Bag of `views.phrases`, -1 for none."""
    with_rest: Flags
    """Whether the code keeps the rest of its documentation."""


def train_static(
    views: Views,
    model: StaticModel,
    config: StaticConfig,
    labelled: LabelledRows | None = None,
    taught: TaughtRows | None = None,
    twins: TwinBags | None = None,
    on_step: Callable[[int, int, StepLosses], None] | None = None,
) -> list[float]:
    """Train `model` in place; returns the mean loss of every epoch.

    `labelled` is needed when CoSENT has a weight, `taught` when distillation, `twins` when twins have one;
    `on_step` hears of every step (step, steps, losses).
    """
    torch.manual_seed(config.seed)
    generator = np.random.default_rng(config.seed)
    documented = views.documented
    repository = views.repository[documented]
    steps = max(1, len(documented) // config.batch) * config.epochs
    optimiser = torch.optim.Adam(
        [
            {"params": [model.rows], "lr": config.learning_rate},
            {"params": [model.log_query], "lr": 5 * config.learning_rate},
            {"params": [*model.layers.parameters()], "lr": LAYER_RATE * config.learning_rate},
        ],
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: max(0.02, 1 - step / steps))
    means, step = [], 0
    for _ in range(config.epochs):
        totals = []
        for chosen in batches(repository, config, generator):
            batch = _draw_views(documented[chosen], views, config, generator)
            queries, codes = embed_batch(views, model, batch)
            in_batch = in_batch_loss(views, queries, codes, batch, config)
            cosent = torch.zeros(())
            if labelled is not None and config.weights[1]:
                drawn = generator.integers(0, len(labelled.label), config.pairs)
                cosent = order_loss(views, model, labelled, drawn, config.scale)
            distilled = torch.zeros(())
            if taught is not None and config.distillation:
                distilled = taught_loss(queries, codes, batch, taught, config)
            alike = torch.zeros(())
            if twins is not None and config.twins:
                drawn = generator.integers(0, len(twins.row), config.twin_batch)
                alike = twin_loss(views, model, twins, drawn, config.temperature)
            loss = config.weights[0] * in_batch + config.weights[1] * cosent
            loss = loss + config.distillation * distilled + config.twins * alike
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            step += 1
            losses = StepLosses(loss.item(), in_batch.item(), cosent.item(), distilled.item(), alike.item())
            totals.append(losses.total)
            if on_step:
                on_step(step, steps, losses)
        means.append(sum(totals) / max(1, len(totals)))
    return means


def order_loss(views: Views, model: StaticModel, labelled: LabelledRows, drawn: Ints, scale: float) -> Tensor:
    """CoSENT of the pairs numbered `drawn`: all documentation against the whole code, as it is served."""
    queries = model.encode_queries(*_tensors(views.full.take(labelled.doc[drawn])))
    codes = model.encode_codes(*_tensors(views.code.take(labelled.code[drawn])))
    scores = nn.functional.cosine_similarity(queries, codes)
    return cosent_loss(scores, torch.from_numpy(labelled.label[drawn]), scale=scale)


def twin_loss(views: Views, model: StaticModel, twins: TwinBags, drawn: Ints, temperature: float) -> Tensor:
    """In-batch loss of the twins numbered `drawn`; all texts of the batch are each other's negatives.

    So a code must be nearer to its twin in another language than to others of its own.
    """
    rows = twins.row[drawn]
    texts = model.encode_codes(*_tensors(twins.text.take(drawn)))
    codes = model.encode_codes(*_tensors(views.code_without_name.take(rows)))
    vectors = nn.functional.normalize(torch.cat((texts, codes)), dim=1)
    n = len(drawn)
    scores = vectors @ vectors.T / temperature  # (2n, 2n)
    keys = torch.from_numpy(np.concatenate((twins.key[drawn], views.code_key[rows])))
    same = equal_keys(keys) | equal_keys(torch.from_numpy(views.task_key[rows]).repeat(2))
    own = torch.arange(2 * n).roll(n)  # the column of each text's twin
    same[torch.arange(2 * n), own] = False
    return nn.functional.cross_entropy(scores.masked_fill(same, float("-inf")), own)


def _tensors(bags: tuple[Ints, NDArray[np.float32], Ints]) -> tuple[Tensor, Tensor, Tensor]:
    ids, weights, lengths = bags
    return torch.from_numpy(ids), torch.from_numpy(weights), torch.from_numpy(np.cumsum(lengths) - lengths)


def batches(
    repository: np.ndarray[tuple[int], np.dtype[np.int32]],
    config: StaticConfig,
    generator: np.random.Generator,
) -> Iterator[Ints]:
    """Row numbers of the batches of one epoch; every row about once.

    The first part of a batch is a run of rows of one repository (of several small ones where needed).
    """
    n_rows = len(repository)
    size = min(config.batch, n_rows)
    n_together = int(size * config.share_from_one_repository)
    shuffled = generator.permutation(n_rows)
    rank = generator.permutation(int(repository.max()) + 1)
    grouped = shuffled[np.argsort(rank[repository[shuffled]], kind="stable")]
    n_batches = max(1, n_rows // size)
    runs = generator.permutation(max(1, n_rows // max(1, n_together)))
    for index in range(n_batches):
        start = int(runs[index % len(runs)]) * n_together
        together = grouped[start : start + n_together]
        others = shuffled[index * size : index * size + size - len(together)]
        yield np.unique(np.concatenate((together, others)))


def embed_batch(views: Views, model: StaticModel, batch: Batch) -> tuple[Tensor, Tensor]:
    """(queries, codes), both (rows, dim), of what `batch` shows of its rows."""
    rows = batch.rows
    queries = model.encode_queries(*_join(len(rows), [
        (views.first, rows, batch.view == 0),
        (views.full, rows, batch.view == 1),
        (views.name, rows, batch.view == 2),
        (views.phrases, batch.phrase, batch.phrase >= 0),
    ]))  # fmt: skip
    codes = model.encode_codes(*_join(len(rows), [
        (views.code, rows, batch.view != 2),
        (views.code_without_name, rows, batch.view == 2),
        (views.rest, rows, batch.with_rest),
    ]))  # fmt: skip
    return queries, codes


def in_batch_loss(views: Views, queries: Tensor, codes: Tensor, batch: Batch, config: StaticConfig) -> Tensor:
    """InfoNCE of one batch; equal first sentences, equal code and one task do not count as negatives."""
    keys = (views.doc_key, views.code_key, views.task_key)
    mask = torch.stack([equal_keys(torch.from_numpy(key[batch.rows])) for key in keys]).any(dim=0)
    return info_nce_loss(queries, codes, temperature=config.temperature, mask=mask)


def taught_loss(
    queries: Tensor, codes: Tensor, batch: Batch, taught: TaughtRows, config: StaticConfig
) -> Tensor:
    """Distillation over the rows that the teacher saw and whose query is documentation, not a name."""
    rows = taught.row[batch.rows]
    chosen = np.flatnonzero((rows >= 0) & (batch.view != 2))
    if len(chosen) < 2:
        return torch.zeros(())
    return distillation_loss(
        queries[chosen],
        codes[chosen],
        torch.from_numpy(taught.vectors.docs[rows[chosen]].astype(np.float32)),
        torch.from_numpy(taught.vectors.codes[rows[chosen]].astype(np.float32)),
        temperature=config.temperature,
        teacher_temperature=config.teacher_temperature,
    )


def _join(n_rows: int, parts: list[tuple[Bags, Ints, Flags]]) -> tuple[Tensor, Tensor, Tensor]:
    """(ids, weights, offsets) of `n_rows` bags, each the union of its bags in the parts whose flag is set."""
    ids, weights, owners = [], [], []
    for bags, which, chosen in parts:
        places = np.flatnonzero(chosen)
        part_ids, part_weights, lengths = bags.take(which[places])
        ids.append(part_ids)
        weights.append(part_weights)
        owners.append(np.repeat(places, lengths))
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    offsets = np.searchsorted(owner[order], np.arange(n_rows))
    return (
        torch.from_numpy(np.concatenate(ids)[order]),
        torch.from_numpy(np.concatenate(weights)[order]),
        torch.from_numpy(offsets),
    )


def _draw_views(rows: Ints, views: Views, config: StaticConfig, generator: np.random.Generator) -> Batch:
    n_rows = len(rows)
    shares = np.array(config.view_shares)
    view = generator.choice(3, n_rows, p=shares / shares.sum())
    phrase = views.language[rows] * len(PHRASES) + generator.integers(1, len(PHRASES), n_rows)
    phrase = np.where(generator.random(n_rows) < config.phrase_share, phrase, -1)
    with_rest = (view != 1) & (generator.random(n_rows) < config.rest_share)
    return Batch(rows, view, phrase, with_rest)
