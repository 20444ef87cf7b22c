"""Weight files that are missing, cut short, foreign, pickled, or not those of the configuration."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oasis_search.encoder.transformer import load_transformer
from oasis_search.encoder.weights import read_weights
from oasis_search.errors import ModelFolderError
from tests.unit.encoder.checkpoints import edit_json, write_checkpoint, write_json


@pytest.fixture(scope="module")
def _checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("weights") / "model", dense=[(8, "Tanh", True)])


@pytest.fixture
def folder(_checkpoint: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(_checkpoint, tmp_path / "model"))


def check_refused(folder: Path, message: str) -> None:
    """Loading the encoder fails with a sentence that matches and names the folder."""
    with pytest.raises(ModelFolderError, match=message) as refusal:
        load_transformer(folder, device="cpu")
    assert str(folder) in str(refusal.value)


def change_tensors(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Rewrite a safetensors file with other tensors."""
    from safetensors.torch import load_file, save_file

    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def test_headers_tell_type_and_shapes(folder: Path) -> None:
    weights = read_weights(folder)
    assert weights.files == (folder / "model.safetensors",)
    assert weights.dtype == "float32"
    assert weights.shapes["embed_tokens.weight"] == (600, 32)
    assert weights.n_bytes == (folder / "model.safetensors").stat().st_size


def test_missing_weights_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    check_refused(folder, r"model\.safetensors is missing\. Copy or download")


@pytest.mark.parametrize("missing", [1, 1000, 0.5])
def test_truncated_weights_are_refused(folder: Path, missing: float) -> None:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: -int(missing if missing >= 1 else missing * len(content))])
    check_refused(folder, rf"has \d+ bytes instead of {len(content)}: a copy or download was cut short")


def test_weights_with_something_behind_them_are_refused(folder: Path) -> None:
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"more")
    check_refused(folder, "cut short")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x05",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3087465120\n",
        b"\xff" * 64,
        (2).to_bytes(8, "little") + b"[]",
        (20).to_bytes(8, "little") + b'{"a": {"dtype": 3}}  ',
    ],
)
def test_a_file_that_is_no_safetensors_is_refused(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    check_refused(folder, r"model\.safetensors is no safetensors file, or damaged at its start")


def test_pickled_weights_are_refused_with_the_remedy(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x02")
    check_refused(folder, r"only as pytorch_model\.bin, .* can run code .* Save them as model\.safetensors")


def test_an_adapter_is_refused_with_the_remedy(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "adapter_config.json").write_text("{}")
    check_refused(folder, r"an adapter, not a model .* Merge it into its base model")


def test_a_missing_shard_is_named(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    index = {"weight_map": {"norm.weight": "model-1.safetensors", "other": "model-2.safetensors"}}
    write_json(folder / "model.safetensors.index.json", index)
    check_refused(folder, r"lacks model-2\.safetensors, which model\.safetensors\.index\.json lists")


@pytest.mark.parametrize(
    "weight_map", [None, {}, {"norm.weight": 3}, {"norm.weight": "../model.safetensors"}]
)
def test_an_index_that_lists_no_files_of_the_folder_is_refused(folder: Path, weight_map: object) -> None:
    (folder / "model.safetensors").unlink()
    write_json(folder / "model.safetensors.index.json", {"weight_map": weight_map})
    check_refused(folder, r"model\.safetensors\.index\.json")


def test_quantised_weights_are_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"F32"', b'"I32"'))
    check_refused(folder, "holds weights of type I32; only F32, F16, BF16 can be computed")


def test_a_weight_that_is_missing_is_an_error_and_never_random(folder: Path) -> None:
    change_tensors(folder / "model.safetensors", lambda tensors: tensors.pop("layers.1.mlp.up_proj.weight"))
    check_refused(folder, r"lack 1 tensors, e\.g\. layers\.1\.mlp\.up_proj\.weight")


def test_a_weight_of_another_shape_is_refused(folder: Path) -> None:
    def halve(tensors: dict[str, Any]) -> None:
        tensors["norm.weight"] = tensors["norm.weight"][:16].clone()

    change_tensors(folder / "model.safetensors", halve)
    check_refused(folder, "cannot be loaded: .*")


def test_a_configuration_with_fewer_layers_than_the_weights_is_refused(folder: Path) -> None:
    stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    edit_json(folder / "config.json", num_hidden_layers=1, layer_types=stored.get("layer_types", [])[:1])
    check_refused(folder, r"unknown to config\.json, .* layers\.1\.")


def test_a_language_models_own_head_is_not_in_the_way(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    before = load_transformer(folder, device="cpu").encode(["text"])
    tensors = {f"model.{name}": tensor for name, tensor in load_file(path).items()}
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
    save_file(tensors, path, metadata={"format": "pt"})
    assert (load_transformer(folder, device="cpu").encode(["text"]) == before).all()


@pytest.mark.parametrize("damage", ["missing", "shape", "bias"])
def test_weights_of_a_dense_module_that_do_not_fit_are_refused(folder: Path, damage: str) -> None:
    path = folder / "2_Dense" / "model.safetensors"
    if damage == "missing":
        path.unlink()
        (folder / "2_Dense" / "pytorch_model.bin").write_bytes(b"\x80\x02")
        check_refused(folder, r"2_Dense has its weights only as pytorch_model\.bin")
    elif damage == "shape":
        edit_json(folder / "2_Dense" / "config.json", out_features=7)
        check_refused(folder, r"2_Dense/model\.safetensors holds .* instead of .*\(7, 32\)")
    else:
        change_tensors(path, lambda tensors: tensors.pop("linear.bias"))
        check_refused(folder, r"2_Dense/model\.safetensors holds .* instead of")


def test_a_tokenizer_with_more_tokens_than_the_embedding_table_is_refused(folder: Path) -> None:
    other = write_checkpoint(folder.parent / "smaller")
    edit_json(other / "config.json", vocab_size=590)

    def cut(tensors: dict[str, Any]) -> None:
        tensors["embed_tokens.weight"] = tensors["embed_tokens.weight"][:590].clone()

    change_tensors(other / "model.safetensors", cut)
    check_refused(other, r"tokenizer\.json does not fit the model: .* the embedding table has 590 rows")
