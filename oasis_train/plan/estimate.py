"""A plan: memory, operations, time, tokens and money of a whole run.

Time of a step = operations / (devices x operations per second) + what the devices tell each other. Operations
per second are the probe's where there is one, else the peak times the share of it that is assumed. Texts are
counted at their mean lengths, memory at the greatest.
"""

from dataclasses import dataclass

from oasis_train.plan.arithmetic import (
    Memory,
    pairs_of_device,
    step_flops,
    step_memory,
    trainable_parameters,
)
from oasis_train.plan.backbone import Backbone
from oasis_train.plan.probe import LayerTimes
from oasis_train.plan.setup import Data, Machine, Prices, Setup

GB = 1e9


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will need."""

    backbone: str
    parameters: int
    trainable: int
    pairs: int
    """Rows of one epoch."""
    steps: int
    """Of all epochs."""
    tokens: float
    """That go through the model in all epochs, both sides, once each."""
    memory: Memory
    """Of one device."""
    fits: bool
    """Whether the peak and a tenth of it are below the device's memory."""
    flops_per_step: float
    """Over all devices."""
    flops: float
    """Of the whole run."""
    tflops: float
    """Of one device, as reckoned with."""
    measured: str
    """Device of the probe; empty when time is reckoned from the peak."""
    communication_s: float
    """Of one step; the part that nothing hides."""
    step_s: float
    hours: float
    """Of training, without the other stages."""
    device_cost: float
    docstring_cost: float
    judge_cost: float
    teacher_cost: float

    @property
    def cost(self) -> float:
        """All money."""
        return self.device_cost + self.docstring_cost + self.judge_cost + self.teacher_cost


def make_plan(
    backbone: Backbone,
    data: Data,
    setup: Setup,
    machine: Machine,
    prices: Prices | None = None,
    *,
    probe: LayerTimes | None = None,
) -> Plan:
    """Reckon a run; `probe` (on the same kind of device) replaces the machine's peak and utilisation."""
    prices = prices or Prices()
    seen = data.pairs * data.epochs
    if data.max_steps:
        seen = min(seen, data.max_steps * setup.batch)
    steps = max(1, round(seen / setup.batch))
    memory = step_memory(backbone, setup, machine.devices)
    lengths = min(data.query_tokens, setup.max_tokens), min(data.code_tokens, setup.max_tokens)
    flops = step_flops(backbone, setup, *lengths, devices=machine.devices)
    tflops = probe.tflops if probe else machine.tflops * machine.utilisation
    communication_s = _communication_s(backbone, setup, machine)
    trainable = trainable_parameters(backbone, setup)
    step_s = flops / (machine.devices * tflops * 1e12) + communication_s
    if probe:
        shards = machine.devices if setup.sharding != "ddp" else 1
        step_s += probe.adamw_s_per_parameter * trainable / shards
    hours = steps * step_s / 3600
    docstring_cost, judge_cost, teacher_cost = _language_costs(data, prices)
    return Plan(
        backbone=backbone.name,
        parameters=backbone.parameters,
        trainable=trainable,
        pairs=data.pairs,
        steps=steps,
        tokens=seen * sum(lengths),
        memory=memory,
        fits=memory.total * 1.1 <= machine.memory_gb * GB,
        flops_per_step=flops,
        flops=flops * steps,
        tflops=tflops,
        measured=probe.device if probe else "",
        communication_s=communication_s,
        step_s=step_s,
        hours=hours,
        device_cost=hours * machine.devices * machine.price_per_device_hour,
        docstring_cost=docstring_cost,
        judge_cost=judge_cost,
        teacher_cost=teacher_cost,
    )


def format_plan(plan: Plan) -> str:
    """The plan as lines for people."""
    memory = plan.memory
    parts = {
        "weights": memory.weights,
        "gradients": memory.gradients,
        "optimizer": memory.optimizer,
        "activations": memory.activations,
        "similarities": memory.similarities,
        "buckets": memory.communication,
    }
    speed = f"measured on {plan.measured}" if plan.measured else "peak x utilisation, not measured"
    share = "" if plan.trainable == plan.parameters else f", {plan.trainable:,} of them trained"
    rows = [
        ("model", f"{plan.backbone}: {plan.parameters:,} parameters{share}"),
        ("data", f"{plan.pairs:,} pairs an epoch, {plan.steps:,} steps, {plan.tokens:.3g} tokens"),
        (
            "memory per device",
            f"{memory.total / GB:.2f} GB ({'fits' if plan.fits else 'does NOT fit'}): "
            + ", ".join(f"{name} {size / GB:.2f}" for name, size in parts.items() if size),
        ),
        ("operations", f"{plan.flops_per_step:.3g} a step, {plan.flops:.3g} in all"),
        ("speed", f"{plan.tflops:.3g} TFLOP/s a device ({speed})"),
        ("time", f"{plan.step_s:.3g} s a step ({plan.communication_s:.2g} s talk), {plan.hours:,.1f} hours"),
        (
            "cost",
            f"{plan.cost:,.2f}: devices {plan.device_cost:,.2f}, docstrings {plan.docstring_cost:,.2f}, "
            f"judge {plan.judge_cost:,.2f}, teacher {plan.teacher_cost:,.2f}",
        ),
    ]
    return "".join(f"{name:18} {text}\n" for name, text in rows)


def _communication_s(backbone: Backbone, setup: Setup, machine: Machine) -> float:
    """Gradients go around twice, (n - 1) / n of them each time, weights of fsdp once more; and vectors."""
    n = machine.devices
    if n == 1:
        return 0.0
    width = 2 if setup.precision == "bf16" else 4
    around = (n - 1) / n
    sent = 2 * around * trainable_parameters(backbone, setup) * width
    if setup.sharding == "fsdp":
        sent += around * backbone.parameters * width
    group = min(n, setup.gather_ranks or n)
    vectors = 2 * pairs_of_device(setup, n) * backbone.hidden * 4
    return (sent + (group - 1) * vectors) / (machine.interconnect_gb_s * GB)


def _language_costs(data: Data, prices: Prices) -> tuple[float, float, float]:
    """Docstrings, judge and teacher; the teacher sees every docstring and every code once."""

    def charge(requests: float, read: float, written: float) -> float:
        return requests * (read * prices.llm_input + written * prices.llm_output) / 1e6

    candidates = data.docstrings * data.negatives * prices.candidate_share
    return (
        charge(data.docstrings, prices.docstring_input_tokens, prices.docstring_output_tokens),
        charge(candidates, prices.judge_input_tokens, prices.judge_output_tokens),
        data.docstrings * (data.query_tokens + data.code_tokens) * prices.teacher / 1e6,
    )
