"""How long a real layer of a backbone takes on this machine: a measurement to scale a plan by.

Random weights are as slow as trained ones. Models of one and of three layers are timed and half their
difference taken, so that embeddings and start-up do not count as layers.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from oasis_train.plan.backbone import Backbone

_VOCABULARY = 1000
"""Of the models that are timed: looking up a vector costs the same in any table."""


@dataclass(frozen=True, slots=True)
class LayerTimes:
    """Seconds of one layer and of the optimizer."""

    device: str
    n_tokens: int
    length: int
    forward_s: float
    """One layer forward over `n_tokens` in texts of `length`."""
    backward_s: float
    adamw_s_per_parameter: float
    tflops: float
    """10^12 operations per second of forward and backward together."""


def probe_layer(
    backbone: Backbone, *, texts: int = 4, length: int = 256, repeats: int = 3, bf16: bool | None = None
) -> LayerTimes:
    """Time layers of the shape of `backbone` on the first accelerator, or on the processor without one.

    `bf16` multiplies in bfloat16; without a value it does so on an accelerator only. The fastest of `repeats`
    counts, because whatever else runs here only slows down.
    """
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    bf16 = device == "cuda" if bf16 is None else bf16
    found = {}
    for layers in (1, 3):
        model = build_model(replace(backbone, layers=layers, vocabulary=_VOCABULARY)).to(device).train()
        tokens = torch.randint(5, _VOCABULARY, (texts, length), device=device)
        optimizer = torch.optim.AdamW(model.parameters())
        found[layers] = _time_steps(model, tokens, optimizer, repeats, bf16)
        n_parameters = sum(parameter.numel() for parameter in model.parameters())
    forward, backward, _ = (max(1e-9, (b - a) / 2) for a, b in zip(found[1], found[3], strict=True))
    flops = 3 * backbone.layer_flops(texts * length, length)
    name = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    return LayerTimes(
        device=name,
        n_tokens=texts * length,
        length=length,
        forward_s=forward,
        backward_s=backward,
        adamw_s_per_parameter=found[3][2] / n_parameters,
        tflops=flops / (forward + backward) / 1e12,
    )


def build_model(backbone: Backbone) -> Any:  # noqa: ANN401 - transformers' models have no type of their own
    """A model of that shape with random weights; what it computes is noise, how long it takes is not."""
    from transformers import AutoModel, BertConfig, LlamaConfig, Qwen2Config, Qwen3Config

    from_config: Any = AutoModel.from_config

    if backbone.family == "bert":
        return from_config(
            BertConfig(
                vocab_size=backbone.vocabulary,
                hidden_size=backbone.hidden,
                num_hidden_layers=backbone.layers,
                num_attention_heads=backbone.heads,
                intermediate_size=backbone.inner,
                max_position_embeddings=backbone.positions,
                type_vocab_size=backbone.types,
                hidden_dropout_prob=0.0,
                attention_probs_dropout_prob=0.0,
            )
        )
    kind: Any = Qwen2Config if backbone.qkv_bias else Qwen3Config if backbone.qk_norm else LlamaConfig
    return from_config(
        kind(
            vocab_size=backbone.vocabulary,
            hidden_size=backbone.hidden,
            num_hidden_layers=backbone.layers,
            num_attention_heads=backbone.heads,
            num_key_value_heads=backbone.kv_heads,
            head_dim=backbone.head_dim,
            intermediate_size=backbone.inner,
            use_cache=False,
        )
    )


def _time_steps(
    model: Any,  # noqa: ANN401 - as above
    tokens: Any,  # noqa: ANN401 - a tensor; torch is imported late
    optimizer: Any,  # noqa: ANN401 - as above
    repeats: int,
    bf16: bool,
) -> tuple[float, float, float]:
    """Least seconds of forward, backward and optimizer; the first step is not counted."""
    import torch

    def timed(work: Callable[[], Any]) -> tuple[Any, float]:
        start = time.perf_counter()
        outcome = work()
        if tokens.is_cuda:
            torch.cuda.synchronize()
        return outcome, time.perf_counter() - start

    def forward() -> Any:  # noqa: ANN401 - a tensor
        with torch.autocast(tokens.device.type, torch.bfloat16, enabled=bf16):
            return model(input_ids=tokens).last_hidden_state.float().square().mean()

    times = []
    for _ in range(repeats + 1):
        loss, forward_s = timed(forward)
        _, backward_s = timed(loss.backward)
        _, optimizer_s = timed(optimizer.step)
        optimizer.zero_grad()
        times.append((forward_s, backward_s, optimizer_s))
    best = [min(column) for column in zip(*times[1:], strict=True)]
    return best[0], best[1], best[2]
