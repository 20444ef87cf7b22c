"""From the vectors of tokens to the vector of a text: pooling, Dense layers, truncation, length 1.

Tokens are padded on the right, always (see transformer.py), so a text is the first `length` of its row.
Everything here is float32, whatever the transformer computes in.
"""

from typing import TYPE_CHECKING

from oasis_search.encoder.layout import DenseLayer, Layout, Pooling
from oasis_search.encoder.weights import WEIGHTS_NAME, read_weights
from oasis_search.errors import ModelFolderError

if TYPE_CHECKING:
    import torch


class Head:
    """What a folder does after its transformer, loaded onto a device."""

    def __init__(self, layout: Layout, device: str) -> None:
        """Reads the weights of the Dense layers; ModelFolderError when they are missing or do not fit."""
        self._layout = layout
        self._dense = [_load_dense(layer, device) for layer in layout.dense]

    def vectors(self, hidden: "torch.Tensor", lengths: "torch.Tensor", skip: int) -> "torch.Tensor":
        """(n, tokens, hidden) and the lengths (n,) of the texts -> (n, dim) of length 1.

        `skip` leading tokens of each text are its prompt, left out of the pooling.
        """
        from torch.nn.functional import normalize

        vectors = pool(hidden, lengths, skip, self._layout.pooling)
        for dense in self._dense:
            vectors = dense(vectors)
        return normalize(vectors[:, : self._layout.dim], dim=1)


def pool(hidden: "torch.Tensor", lengths: "torch.Tensor", skip: int, pooling: Pooling) -> "torch.Tensor":
    """(n, tokens, hidden), right-padded, with lengths (n,) of at least 1 -> (n, hidden) float32.

    A text of nothing but its prompt pools to its first token (cls) or to zeros (mean).
    """
    import torch

    rows = torch.arange(len(lengths), device=hidden.device)
    if pooling == "lasttoken":
        return hidden[rows, lengths - 1].float()
    if pooling == "cls":
        return hidden[rows, torch.where(lengths > skip, skip, 0)].float()
    position = torch.arange(hidden.shape[1], device=hidden.device)
    kept = (position >= skip) & (position < lengths[:, None])  # (n, tokens)
    total = (hidden.float() * kept[:, :, None]).sum(dim=1)
    return total / kept.sum(dim=1, keepdim=True).clamp(min=1)


def _load_dense(layer: DenseLayer, device: str) -> "torch.nn.Sequential":
    import torch
    from safetensors.torch import load_file

    expected = {"linear.weight": (layer.out_features, layer.in_features)}
    if layer.bias:
        expected["linear.bias"] = (layer.out_features,)  # type: ignore[assignment]
    found = read_weights(layer.folder).shapes
    if dict(found) != expected:
        raise ModelFolderError(
            f"{layer.folder / WEIGHTS_NAME} holds {dict(found)} instead of {expected}, which its config.json "
            "asks for. Copy or download the model folder again."
        )
    linear = torch.nn.Linear(layer.in_features, layer.out_features, bias=layer.bias)
    tensors = load_file(layer.folder / WEIGHTS_NAME)
    linear.load_state_dict({name.removeprefix("linear."): tensor for name, tensor in tensors.items()})
    return torch.nn.Sequential(linear, getattr(torch.nn, layer.activation)()).float().to(device).eval()
