"""What a plan is asked about: the data, the way of training, the machine, the prices."""

from dataclasses import dataclass
from typing import Literal

from oasis_search.encoder.hub import locate
from oasis_search.errors import EncoderError
from oasis_train.plan.backbone import KNOWN, Backbone, load_backbone
from oasis_train.training.config import TrainConfig

Precision = Literal["float32", "autocast", "bf16"]
"""`autocast` keeps weights in float32 and multiplies in bfloat16 (this trainer by itself); `bf16` keeps
bfloat16 weights and gradients with a float32 copy in the optimizer (DeepSpeed, the paper's authors)."""

Sharding = Literal["ddp", "zero2", "fsdp"]
"""What is divided over devices: nothing, gradients and optimizer, or weights as well."""


@dataclass(frozen=True, slots=True)
class Data:
    """Rows of training and how long their texts are."""

    docstrings: int
    negatives: int = 0
    """K: pairs beside the right one, per docstring; each pair is a row."""
    query_tokens: float = 96.0
    """Mean tokens of a docstring with its prompt, at most `Setup.max_tokens`."""
    code_tokens: float = 256.0
    epochs: float = 1.0
    max_steps: int = 0
    """Training ends after so many steps; 0 sets no limit."""

    @property
    def pairs(self) -> int:
        """Rows of one epoch."""
        return self.docstrings * (1 + self.negatives)


@dataclass(frozen=True, slots=True)
class Setup:
    """The way of training."""

    batch: int
    """Pairs of a step over all devices."""
    max_tokens: int = 1024
    precision: Precision = "autocast"
    optimizer: Literal["adamw", "adafactor", "sgd"] = "adamw"
    sharding: Sharding = "ddp"
    gradient_checkpointing: bool = False
    chunk: int = 0
    """Pairs through the model at once on a device, with cached gradients; 0: all of the device."""
    gather_ranks: int = 0
    """Devices whose pairs meet in one loss; 0: all."""
    lora_rank: int = 0

    @classmethod
    def from_config(cls, config: TrainConfig, *, sharding: Sharding = "ddp") -> "Setup":
        """The setup of a recipe's `train` section; ZeRO 2 is DeepSpeed's, with its precision."""
        half: Precision = "bf16" if sharding == "zero2" else "autocast"
        return cls(
            batch=config.batch,
            max_tokens=config.max_tokens,
            precision=half if config.bf16 else "float32",
            optimizer=config.optimizer,
            sharding=sharding,
            gradient_checkpointing=config.gradient_checkpointing,
            chunk=config.chunk,
            gather_ranks=config.gather_ranks,
            lora_rank=config.lora_rank,
        )


@dataclass(frozen=True, slots=True)
class Machine:
    """Devices, as their makers state them; what a probe measured goes before."""

    devices: int = 1
    memory_gb: float = 80.0
    """Of one device, 10^9 bytes."""
    tflops: float = 312.0
    """Peak of one device in the precision of its matrix products (A100, bfloat16: 312)."""
    utilisation: float = 0.35
    """Share of the peak that training reaches; 0.3 to 0.5 for models of this size."""
    interconnect_gb_s: float = 100.0
    """Bytes that a device sends while it receives as many, 10^9 per second."""
    price_per_device_hour: float = 0.0


@dataclass(frozen=True, slots=True)
class Prices:
    """What language model and teacher charge, per million tokens, and how much they read and write."""

    llm_input: float = 0.0
    llm_output: float = 0.0
    docstring_input_tokens: float = 1500.0
    """Of a prompt: the function with callers and callees."""
    docstring_output_tokens: float = 200.0
    candidate_share: float = 0.1
    """Share of wrong pairs that refinement gives to the judge."""
    judge_input_tokens: float = 600.0
    judge_output_tokens: float = 20.0
    teacher: float = 0.0
    """text-embedding-3-large: 0.13 US dollars."""


def recipe_backbone(config: TrainConfig) -> Backbone:
    """The shape that a recipe's `train` section names: known, a folder, in the hub's local cache, or random.

    Raises RecipeError when the shape is not to be found.
    """
    name = config.backbone
    if not name:
        hidden = config.random_hidden
        return Backbone(
            "random BERT",
            "bert",
            config.random_layers,
            hidden,
            4 * hidden,
            4,
            4,
            hidden // 4,
            config.random_vocabulary,
            positions=512,
            types=2,
        )
    if name in KNOWN:
        return KNOWN[name]
    try:
        return load_backbone(str(locate(name)))
    except EncoderError:
        return load_backbone(name)
