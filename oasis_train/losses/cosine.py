"""Cosines in full precision: what every loss starts from, whatever autocast is on around it.

The losses divide cosines by a temperature of 0.05; bfloat16 leaves them an error of 0.004, which would
become 0.08 in the exponent.
"""

import torch
from torch import Tensor


def unit_vectors(vectors: Tensor) -> Tensor:
    """Rows of `vectors` (n, d) at length 1, in float32 or better; zero rows stay zero."""
    return torch.nn.functional.normalize(at_least_float32(vectors), dim=-1)


def cosines(left: Tensor, right: Tensor) -> Tensor:
    """All cosines (n, m) between the rows of `left` (n, d) and `right` (m, d), in float32 or better.

    >>> cosines(torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0, 0.0], [0.0, 2.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    with torch.autocast(left.device.type, enabled=False):
        return unit_vectors(left) @ unit_vectors(right).T


def pair_cosines(left: Tensor, right: Tensor) -> Tensor:
    """Cosine (n,) of each row of `left` (n, d) with the same row of `right`, in float32 or better.

    >>> pair_cosines(torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0, 0.0]])).tolist()
    [0.6000000238418579]
    """
    return (unit_vectors(left) * unit_vectors(right)).sum(dim=-1)


def at_least_float32(values: Tensor) -> Tensor:
    """`values`, half precision raised to float32."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
