"""Training of the static encoder: a vector per token, learned by contrast over in-repository batches.

The model is exactly what `oasis_search.encoder.static` computes, in float32 and with gradients: a sum over
tokens of damped frequency, role weight and row, compared by cosine. Half of a batch comes from one repository,
whose functions share their jargon, so that telling them apart needs meaning; the rest keeps languages apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from oasis_search.encoder.protocol import Vectors
from oasis_train.losses import info_nce_loss
from oasis_train.views import PHRASES, Bags, Floats, Ints, Views


@dataclass(frozen=True, slots=True)
class StaticConfig:
    """How a static model is trained; the defaults are the shipped model's."""

    dim: int = 256
    epochs: int = 5
    batch: int = 1024
    share_from_one_repository: float = 0.5
    learning_rate: float = 2e-3
    temperature: float = 0.05
    code_damping: float = 0.5
    """Exponent of a token's frequency in code."""
    view_shares: tuple[float, float, float] = (0.55, 0.25, 0.2)
    """How often the query is the first sentence, all of the documentation, the name."""
    phrase_share: float = 0.4
    """How often a query gets words around it."""
    rest_share: float = 0.4
    """How often the code keeps the sentences of the documentation that a first-sentence query lacks."""
    seed: int = 3407


class StaticModel(nn.Module):
    """The table and a weight per token and role."""

    def __init__(self, table: Vectors, weights: Floats) -> None:
        """Start from `table` (tokens, dim) and the same `weights` (tokens,) for both roles, all above 0."""
        super().__init__()
        self.rows = nn.Parameter(torch.from_numpy(table.copy()))
        log_weights = torch.from_numpy(np.log(weights).astype(np.float32))
        self.log_code = nn.Parameter(log_weights.clone())
        self.log_query = nn.Parameter(log_weights.clone())

    def sum_bags(self, ids: Tensor, weights: Tensor, offsets: Tensor, log_weights: Tensor) -> Tensor:
        """(bags, dim) weighted sums, not normalised."""
        return nn.functional.embedding_bag(
            ids, self.rows, offsets, mode="sum", per_sample_weights=weights * log_weights[ids].exp()
        )


@dataclass(frozen=True, slots=True)
class _Batch:
    rows: Ints
    view: Ints
    """0 first sentence, 1 all, 2 name."""
    phrase: Ints
    """Row of `views.phrases`."""
    with_rest: Floats


def train_static(
    views: Views, model: StaticModel, config: StaticConfig, *, n_threads: int | None = None
) -> list[float]:
    """Train `model` in place; returns the mean loss of every epoch."""
    if n_threads is not None:
        torch.set_num_threads(n_threads)
    torch.manual_seed(config.seed)
    generator = np.random.default_rng(config.seed)
    n_rows = len(views.language)
    steps = max(1, n_rows // config.batch) * config.epochs
    optimiser = torch.optim.Adam(
        [
            {"params": [model.rows], "lr": config.learning_rate},
            {"params": [model.log_code, model.log_query], "lr": 5 * config.learning_rate},
        ]
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: max(0.02, 1 - step / steps))
    losses = []
    for _ in range(config.epochs):
        total, count = 0.0, 0
        for rows in batches(views.repository, config, generator):
            loss = batch_loss(views, model, _draw_views(rows, views, config, generator), config)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            total, count = total + loss.item(), count + 1
        losses.append(total / max(1, count))
    return losses


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


def batch_loss(views: Views, model: StaticModel, batch: _Batch, config: StaticConfig) -> Tensor:
    """InfoNCE of one batch, equal documentation and equal code not counting as negatives."""
    rows = batch.rows
    queries = _sum_some(model, model.log_query, len(rows), [
        (views.first, rows, batch.view == 0),
        (views.full, rows, batch.view == 1),
        (views.name, rows, batch.view == 2),
        (views.phrases, batch.phrase, batch.phrase >= 0),
    ])  # fmt: skip
    codes = _sum_some(model, model.log_code, len(rows), [
        (views.code, rows, batch.view != 2),
        (views.code_without_name, rows, batch.view == 2),
        (views.rest, rows, batch.with_rest > 0),
    ])  # fmt: skip
    doc = torch.from_numpy(views.doc_key[rows])
    code = torch.from_numpy(views.code_key[rows])
    mask = (doc[:, None] == doc[None, :]) | (code[:, None] == code[None, :])
    return info_nce_loss(queries, codes, temperature=config.temperature, mask=mask)


def _sum_some(
    model: StaticModel,
    log_weights: Tensor,
    n_rows: int,
    parts: list[tuple[Bags, Ints, np.ndarray[tuple[int], np.dtype[np.bool_]]]],
) -> Tensor:
    """Sum of the bags of every part whose flag is set, (n_rows, dim)."""
    total: Tensor | None = None
    for bags, which, chosen in parts:
        places = np.flatnonzero(chosen)
        if not len(places):
            continue
        ids, weights, offsets = (torch.from_numpy(array) for array in bags.take(which[places]))
        sums = model.sum_bags(ids, weights, offsets, log_weights)
        if len(places) < n_rows:
            sums = torch.zeros(n_rows, sums.shape[1]).index_add(0, torch.from_numpy(places), sums)
        total = sums if total is None else total + sums
    if total is None:
        raise ValueError("No part of the batch is chosen.")
    return total


def _draw_views(rows: Ints, views: Views, config: StaticConfig, generator: np.random.Generator) -> _Batch:
    n_rows = len(rows)
    shares = np.array(config.view_shares)
    view = generator.choice(3, n_rows, p=shares / shares.sum())
    phrase = views.language[rows] * len(PHRASES) + generator.integers(1, len(PHRASES), n_rows)
    phrase = np.where(generator.random(n_rows) < config.phrase_share, phrase, -1)
    with_rest = (view != 1) & (generator.random(n_rows) < config.rest_share)
    return _Batch(rows, view, phrase, with_rest.astype(np.float32))
