"""The teacher against torch's own transformer layers, on a tiny random model."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch  # noqa: TID253 - the trainer's own tests
from safetensors.torch import save_file

from oasis_search.errors import ModelFolderError
from oasis_train.bert import BertTeacher

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "read", "json", "##s", "##on", "js", "(", ")", "_", "cafe"]
DIM, HEADS, INNER, LAYERS = 8, 2, 16, 2


@pytest.fixture
def reference(tmp_path: Path) -> torch.nn.TransformerEncoder:
    """A random torch encoder whose weights are saved in `tmp_path` under BERT's names."""
    torch.manual_seed(5)
    layer = torch.nn.TransformerEncoderLayer(
        DIM, HEADS, INNER, dropout=0, activation="gelu", layer_norm_eps=1e-12, batch_first=True
    )
    encoder = torch.nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False).eval()
    weights = {
        "embeddings.word_embeddings.weight": torch.randn(len(WORDS), DIM),
        "embeddings.position_embeddings.weight": torch.zeros(16, DIM),
        "embeddings.token_type_embeddings.weight": torch.zeros(2, DIM),
        "embeddings.LayerNorm.weight": torch.ones(DIM),
        "embeddings.LayerNorm.bias": torch.zeros(DIM),
    }
    names = {
        "self_attn.out_proj": "attention.output.dense",
        "norm1": "attention.output.LayerNorm",
        "linear1": "intermediate.dense",
        "linear2": "output.dense",
        "norm2": "output.LayerNorm",
    }
    for index in range(LAYERS):
        state = {
            name.removeprefix(f"layers.{index}."): tensor
            for name, tensor in encoder.state_dict().items()
            if name.startswith(f"layers.{index}.")
        }
        for kind in ("weight", "bias"):
            for ours, bert in names.items():
                weights[f"encoder.layer.{index}.{bert}.{kind}"] = state[f"{ours}.{kind}"].clone()
            parts = state[f"self_attn.in_proj_{kind}"].chunk(3)
            for part, tensor in zip(("query", "key", "value"), parts, strict=True):
                weights[f"encoder.layer.{index}.attention.self.{part}.{kind}"] = tensor.clone()
    save_file(weights, tmp_path / "model.safetensors")
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    config = {"model_type": "bert", "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
              "hidden_size": DIM, "layer_norm_eps": 1e-12}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return encoder


def test_words_are_cut_into_known_pieces(reference: object, tmp_path: Path) -> None:
    teacher = BertTeacher(tmp_path)
    pieces = [WORDS[i] for i in teacher.tokenise("Read_JSONs(Café) jsx")]
    assert pieces == ["[CLS]", "read", "_", "json", "##s", "(", "cafe", ")", "[UNK]", "[SEP]"]
    assert len(BertTeacher(tmp_path, max_tokens=4).tokenise("read read read read")) == 4


def test_vectors_are_those_of_torchs_own_layers_whatever_shares_the_batch(
    reference: torch.nn.TransformerEncoder, tmp_path: Path
) -> None:
    teacher = BertTeacher(tmp_path)
    texts = ["read json", "json", "read ( json ) read"]
    vectors = teacher.encode(texts)
    table = torch.nn.functional.layer_norm(
        _word_table(tmp_path), (DIM,), eps=1e-12
    )  # fmt: skip
    for text, vector in zip(texts, vectors, strict=True):
        with torch.inference_mode():
            states = reference(table[teacher.tokenise(text)][None])
        expected = torch.nn.functional.normalize(states[0].mean(0), dim=0)
        np.testing.assert_allclose(vector, expected.numpy(), atol=1e-5)


def _word_table(folder: Path) -> torch.Tensor:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")["embeddings.word_embeddings.weight"]


def test_folder_of_another_architecture_is_refused_by_name(reference: object, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "model_type": "mpnet"}))
    with pytest.raises(ModelFolderError, match="mpnet"):
        BertTeacher(tmp_path)


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError, match=r"config\.json, vocab\.txt and model\.safetensors"):
        BertTeacher(tmp_path / "nowhere")
