"""Which texts of a batch are no negatives of each other, from the keys of its rows.

Keys are integers; equal keys mean the same text (two functions with one and the same code, or a docstring
that several rows share). Only direct links count: no chain over a third row is followed.
"""

import torch
from torch import Tensor


def equal_keys(keys: Tensor) -> Tensor:
    """(n, n): whether two of the `keys` (n,) are equal."""
    return keys[:, None] == keys[None, :]


def in_batch_mask(query_keys: Tensor, code_keys: Tensor, *, is_gt: Tensor | None = None) -> Tensor:
    """(n, n), True where query i and code j must not be drawn apart, for `info_nce_loss`.

    That is where code j has the text of query i's own code, or query i has the text of code j's own query.
    A text is the own one of a row only where `is_gt` (n,) holds, None meaning everywhere: the code of a wrong
    row stays a negative of its docstring. The diagonal is True for right rows; the loss ignores it.

    >>> is_gt = torch.tensor([True, False, True])
    >>> in_batch_mask(torch.tensor([7, 7, 8]), torch.tensor([1, 2, 3]), is_gt=is_gt)
    tensor([[ True, False, False],
            [ True, False, False],
            [False, False,  True]])
    """
    is_gt = _rows_that_are_right(query_keys, code_keys, is_gt)
    own_code_again = equal_keys(code_keys) & is_gt[:, None]
    own_query_again = equal_keys(query_keys) & is_gt[None, :]
    return own_code_again | own_query_again


def all_texts_mask(query_keys: Tensor, code_keys: Tensor, *, is_gt: Tensor | None = None) -> Tensor:
    """(2n, 2n) over all queries, then all codes, for `hard_weighted_in_batch_loss`; symmetric.

    Between queries and codes it is `in_batch_mask`. Two queries must not be drawn apart where they are the
    same text or belong to the same code; two codes, where they are the same text or belong to the same query.

    >>> all_texts_mask(torch.tensor([7, 8]), torch.tensor([1, 1]))[:2, :2].tolist()
    [[True, True], [True, True]]
    """
    across = in_batch_mask(query_keys, code_keys, is_gt=is_gt)
    right = _rows_that_are_right(query_keys, code_keys, is_gt)
    both_right = right[:, None] & right[None, :]
    same_query, same_code = equal_keys(query_keys), equal_keys(code_keys)
    queries = same_query | (same_code & both_right)
    codes = same_code | (same_query & both_right)
    return torch.cat((torch.cat((queries, across), dim=1), torch.cat((across.T, codes), dim=1)))


def _rows_that_are_right(query_keys: Tensor, code_keys: Tensor, is_gt: Tensor | None) -> Tensor:
    is_gt = torch.ones_like(query_keys, dtype=torch.bool) if is_gt is None else is_gt.bool()
    if query_keys.ndim != 1 or not query_keys.shape == code_keys.shape == is_gt.shape:
        shapes = f"{tuple(query_keys.shape)}, {tuple(code_keys.shape)} and {tuple(is_gt.shape)}"
        raise ValueError(f"query_keys, code_keys and is_gt must all be (n,), not {shapes}.")
    return is_gt
