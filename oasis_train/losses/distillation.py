"""Distillation of similarities: a student ranks a batch as its teacher does, whatever their dimensions."""

import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax, normalize


def distillation_loss(
    queries: Tensor,
    codes: Tensor,
    teacher_queries: Tensor,
    teacher_codes: Tensor,
    *,
    temperature: float = 0.05,
    teacher_temperature: float = 0.05,
) -> Tensor:
    """Kullback-Leibler divergence of the student's ranking of a batch from its teacher's, both directions.

    With p_ij = softmax_j(cos(tq_i, tc_j) / teacher_temperature) and r_ij = softmax_j(cos(q_i, c_j) /
    temperature) the loss is the mean over i of sum_j p_ij log(p_ij / r_ij), averaged with the same over
    columns. `queries` and `codes` are (n, d), the teacher's (n, e) with any e; none need be normalised. No
    gradient reaches the teacher. Zero exactly when both rank alike with the same margins. Reference: Hinton
    et al. 2015, on similarities as in Fang et al. 2021 (SEED); sibling: `cosent_loss`, which takes a
    teacher's order and leaves its margins.

    >>> vectors = torch.eye(3)
    >>> round(distillation_loss(vectors, vectors, vectors, vectors).item(), 6)
    0.0
    """
    if queries.shape != codes.shape or teacher_queries.shape != teacher_codes.shape:
        raise ValueError(
            f"queries and codes must be of one shape, not {queries.shape} and {codes.shape} "
            f"(teacher: {teacher_queries.shape} and {teacher_codes.shape})."
        )
    if len(queries) != len(teacher_queries):
        raise ValueError(f"The teacher has {len(teacher_queries)} rows for {len(queries)}.")
    scores = normalize(queries, dim=1) @ normalize(codes, dim=1).T / temperature  # (n, n)
    with torch.no_grad():
        wanted = normalize(teacher_queries.float(), dim=1) @ normalize(teacher_codes.float(), dim=1).T
        wanted = (wanted / teacher_temperature).to(scores.dtype)  # (n, n)
    forward = kl_div(log_softmax(scores, 1), log_softmax(wanted, 1), reduction="batchmean", log_target=True)
    backward = kl_div(
        log_softmax(scores.T, 1), log_softmax(wanted.T, 1), reduction="batchmean", log_target=True
    )
    return (forward + backward) / 2
