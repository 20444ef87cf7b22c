"""Bytes and operations of one training step on one device, from shapes alone.

Coefficients of activations were counted from what autograd saves for backward (torch 2.13, transformers 5.23,
attention by `scaled_dot_product_attention`, no dropout); tests count them again. Per layer and token, with
hidden size h, inner size m and padded length s (the mask of padding, as numbers):

         float32                   autocast
decoder  4 (10 h + 4 m + s)        34 h + 8 m + 2 s
bert     4 (8 h + 2 m + s)         24 h + 4 m + 2 s
"""

from dataclasses import dataclass

from oasis_train.plan.backbone import Backbone
from oasis_train.plan.setup import Setup

_SAVED = {  # bytes per element of h, m and s
    ("decoder", "float32"): (40, 16, 4),
    ("decoder", "autocast"): (34, 8, 2),
    ("decoder", "bf16"): (26, 8, 2),
    ("bert", "float32"): (32, 8, 4),
    ("bert", "autocast"): (24, 4, 2),
    ("bert", "bf16"): (16, 4, 2),
}

_TRANSIENT_INNER = {"decoder": 3, "bert": 2}
"""Arrays of the inner layer's size that live at once while backward passes it."""

_LOSS_ARRAYS = 6
"""Arrays of the size of the similarity matrix that forward and backward of the losses hold at once."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of one device at the peak of a step."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    """Saved for backward, with the arrays that live while backward passes the widest layer."""
    similarities: int
    """The matrix of all texts of a loss against those of the device, in float32."""
    communication: int
    """Buckets of gradients, or gathered weights."""

    @property
    def total(self) -> int:
        """All of these; what the allocator cannot use comes on top, 5 to 15 % of it."""
        return (
            self.weights
            + self.gradients
            + self.optimizer
            + self.activations
            + self.similarities
            + self.communication
        )


def step_memory(backbone: Backbone, setup: Setup, devices: int = 1) -> Memory:
    """Peak of one step with every text as long as `max_tokens`.

    Gradients appear while activations go, so without buckets and chunks only the larger of both is counted.
    """
    weight_bytes = 2 if setup.precision == "bf16" else 4
    trainable = trainable_parameters(backbone, setup)
    weights = backbone.parameters * weight_bytes + (trainable * weight_bytes if setup.lora_rank else 0)
    gradients = trainable * weight_bytes
    optimizer = _optimizer_bytes(backbone, setup, trainable)
    communication = 0
    if devices > 1:
        if setup.sharding == "ddp":
            communication = gradients
        else:
            gradients, optimizer = gradients // devices, optimizer // devices
        if setup.sharding == "fsdp":
            weights //= devices
            largest = max(backbone.layer_parameters, backbone.vocabulary * backbone.hidden)
            communication = 2 * largest * weight_bytes
    pairs = pairs_of_device(setup, devices)
    in_flight = min(setup.chunk, pairs) if setup.chunk else pairs
    activations = activation_bytes(backbone, setup, 2 * in_flight * setup.max_tokens)
    if devices == 1 and in_flight == pairs:
        gradients, activations = _larger(gradients, activations)
    gathered = pairs * min(devices, setup.gather_ranks or devices)
    similarities = (2 * pairs) * (2 * gathered) * 4 * _LOSS_ARRAYS
    return Memory(weights, gradients, optimizer, activations, similarities, communication)


def activation_bytes(backbone: Backbone, setup: Setup, n_tokens: int) -> int:
    """What `n_tokens` leave for backward, and what lives while it passes a layer."""
    of_h, of_m, of_s = _SAVED[backbone.family, setup.precision]
    h, m = backbone.hidden, backbone.inner
    per_layer = of_h * h + of_m * m + of_s * setup.max_tokens
    width = 4 if setup.precision == "float32" else 2
    edges = 2 * h * 4  # embeddings, last norm
    transient = _TRANSIENT_INNER[backbone.family] * m * width
    if setup.gradient_checkpointing:
        held = backbone.layers * h * width + per_layer
    else:
        held = backbone.layers * per_layer
    copies = 0
    if setup.precision == "autocast":  # weights cast to bfloat16 are kept while the forward pass lasts
        copies = 2 * backbone.layers * sum(rows * columns for rows, columns in backbone.matrices)
    return n_tokens * (held + transient + edges) + copies


def trainable_parameters(backbone: Backbone, setup: Setup) -> int:
    """Parameters that get gradients: all, or those of the low-rank change to every matrix of every layer."""
    if not setup.lora_rank:
        return backbone.parameters
    return backbone.layers * sum(setup.lora_rank * (rows + columns) for rows, columns in backbone.matrices)


def pairs_of_device(setup: Setup, devices: int) -> int:
    """Pairs of one device, rounded up."""
    return -(-setup.batch // devices)


def step_flops(
    backbone: Backbone, setup: Setup, query_tokens: float, code_tokens: float, devices: int = 1
) -> float:
    """Operations of one step over all devices.

    forward(queries) + forward(codes), times 1 + 2 for backward (1 + 1 with LoRA, whose frozen weights get no
    gradient), + 1 for gradient checkpointing, + 1 for cached gradients; and 2 (2N)(2G) h, times 3, for the
    similarities of N pairs with the G that each device gathers.
    """
    forward = backbone.forward_flops(setup.batch, query_tokens) + backbone.forward_flops(
        setup.batch, code_tokens
    )
    passes = (2 if setup.lora_rank else 3) + int(setup.gradient_checkpointing)
    passes += int(0 < setup.chunk < pairs_of_device(setup, devices))
    gathered = pairs_of_device(setup, devices) * min(devices, setup.gather_ranks or devices)
    similarities = 2.0 * (2 * setup.batch) * (2 * gathered) * backbone.hidden
    return passes * forward + 3 * similarities


def _optimizer_bytes(backbone: Backbone, setup: Setup, trainable: int) -> int:
    master = 4 * trainable if setup.precision == "bf16" else 0
    if setup.optimizer == "adamw":
        return master + 8 * trainable
    if setup.optimizer == "sgd" or setup.lora_rank:
        return master
    sides = sum(rows + columns for rows, columns in backbone.matrices) * backbone.layers
    return master + 4 * (sides + backbone.vocabulary + backbone.hidden)


def _larger(gradients: int, activations: int) -> tuple[int, int]:
    return (0, activations) if activations >= gradients else (gradients, 0)
