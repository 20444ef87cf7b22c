"""ONNX model folders: what loads, what is refused and how it is said, on a tiny random BERT."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from oasis_search.encoder import onnx
from oasis_search.encoder.folder import Manifest, read_manifest, record_files, write_manifest
from oasis_search.encoder.onnx import GRAPH_NAME, TOKENIZER_NAME, WEIGHTS_NAME, load_onnx
from oasis_search.errors import EncoderError, ModelFolderError
from oasis_train.onnx.export import export_onnx
from tests.unit.encoder.checkpoints import write_checkpoint

TEXTS = [f"def read_{name}(path): return open(path, {n})" * n for n, name in enumerate("abcdef", 1)]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A float32 folder of 32 dimensions."""
    root = tmp_path_factory.mktemp("exported")
    source = write_checkpoint(root / "model", "bert", pooling="mean", max_seq_length=256)
    export_onnx(source, root / "onnx")
    return root / "onnx"


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    return Path(shutil.copytree(exported, tmp_path / "onnx"))


def rewrite(folder: Path, change: Callable[[Manifest], Manifest] = lambda manifest: manifest) -> None:
    """A manifest that fits the files as they are now, changed."""
    text = json.loads((folder / "oasis.json").read_text(encoding="utf-8"))
    manifest = Manifest(
        kind=text["kind"],
        name=text["name"],
        dim=text["dim"],
        files=record_files(folder, [GRAPH_NAME, WEIGHTS_NAME, TOKENIZER_NAME]),
        prompts=text["prompts"],
        options=text["options"],
    )
    write_manifest(folder, change(manifest))


def test_vectors_do_not_depend_on_threads_batches_or_order(
    exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = load_onnx(exported, threads=1).encode(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(expected, axis=1), 1, rtol=1e-5)
    monkeypatch.setattr(onnx, "MAX_TOKENS", 40)
    encoder = load_onnx(exported, threads=3)
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)
    np.testing.assert_allclose(encoder.encode(TEXTS[::-1])[::-1], expected, atol=1e-5)
    with ThreadPoolExecutor(4) as pool:
        for vectors in pool.map(lambda _: encoder.encode(TEXTS), range(8)):
            np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_prompts_go_before_texts_by_role(exported: Path) -> None:
    encoder = load_onnx(exported)
    prompt = read_manifest(exported).prompts["query"]
    assert prompt
    np.testing.assert_allclose(encoder.encode(["a"], "query"), encoder.encode([prompt + "a"]), atol=1e-5)
    assert np.abs(encoder.encode(["a"], "query") - encoder.encode(["a"])).max() > 0.01


def test_no_texts_give_no_vectors(exported: Path) -> None:
    assert load_onnx(exported).encode([]).shape == (0, 32)


def test_text_without_a_token_gives_zeros(tmp_path: Path) -> None:
    export_onnx(write_checkpoint(tmp_path / "model", "qwen2"), tmp_path / "onnx")
    vectors = load_onnx(tmp_path / "onnx").encode(["", "read a file"])
    assert not vectors[0].any()
    np.testing.assert_allclose(np.linalg.norm(vectors[1]), 1, rtol=1e-5)


def test_large_weights_are_computed_by_all_threads_at_once(
    exported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = load_onnx(exported, threads=2).encode(TEXTS)
    monkeypatch.setattr(onnx, "LARGE_BYTES", 1)
    np.testing.assert_allclose(load_onnx(exported, threads=2).encode(TEXTS), expected, atol=1e-5)


@pytest.mark.parametrize("name", [GRAPH_NAME, WEIGHTS_NAME, TOKENIZER_NAME])
def test_missing_or_truncated_files_are_named(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ModelFolderError, match=rf"{name} has \d+ bytes instead of .* Export or install"):
        load_onnx(folder)
    path.unlink()
    with pytest.raises(ModelFolderError, match=f"{name} is missing. Export or install"):
        load_onnx(folder)


def test_graph_that_is_none_is_named(folder: Path) -> None:
    (folder / GRAPH_NAME).write_bytes(b"\xff" * 100)
    rewrite(folder)
    with pytest.raises(ModelFolderError, match=r"model\.onnx cannot be loaded by onnxruntime .* Export or"):
        load_onnx(folder)


def test_weights_that_are_too_short_for_the_graph_are_refused(folder: Path) -> None:
    path = folder / WEIGHTS_NAME
    path.write_bytes(path.read_bytes()[:1000])
    rewrite(folder)
    with pytest.raises(ModelFolderError, match=r"model\.onnx cannot be loaded by onnxruntime"):
        load_onnx(folder)


def test_another_dimension_than_promised_is_refused(folder: Path) -> None:
    rewrite(folder, lambda manifest: replace(manifest, dim=48))
    with pytest.raises(ModelFolderError, match="the manifest promises vectors of 48 numbers"):
        load_onnx(folder)


def test_tokenizer_of_another_model_is_refused(folder: Path) -> None:
    path = folder / TOKENIZER_NAME
    facts = json.loads(path.read_text(encoding="utf-8"))
    facts["model"]["vocab"]["hippopotamus"] = 70_000
    path.write_text(json.dumps(facts), encoding="utf-8")
    rewrite(folder)
    message = (
        r"tokenizer\.json does not fit .* 'hippopotamus' has the number 70000, but the model knows 600\."
    )
    with pytest.raises(ModelFolderError, match=message):
        load_onnx(folder)


def test_tokenizer_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / TOKENIZER_NAME).write_text("{}", encoding="utf-8")
    rewrite(folder)
    with pytest.raises(ModelFolderError, match=r"tokenizer\.json cannot be read"):
        load_onnx(folder)


@pytest.mark.parametrize(
    "options",
    [
        {"pooling": "max"},
        {"precision": "int3"},
        {"vocab_size": "many"},
        {"pad_id": None},
        {"include_prompt": None},
    ],
)
def test_options_that_no_encoder_has_are_refused(folder: Path, options: dict[str, object]) -> None:
    rewrite(folder, lambda manifest: replace(manifest, options={**manifest.options, **options}))
    with pytest.raises(ModelFolderError, match="the options of the manifest"):
        load_onnx(folder)


def test_folder_of_another_kind_is_refused(static_folder: Path) -> None:
    with pytest.raises(ModelFolderError, match="not a folder of kind onnx"):
        load_onnx(static_folder)


def test_weights_that_are_no_numbers_are_found_out_when_they_are_used(folder: Path) -> None:
    path = folder / WEIGHTS_NAME
    path.write_bytes(b"\xff" * path.stat().st_size)
    rewrite(folder)
    with pytest.raises(EncoderError, match="gave vectors that are not numbers"):
        load_onnx(folder).encode(TEXTS)


def test_failure_of_the_library_says_on_what(folder: Path) -> None:
    path = folder / TOKENIZER_NAME
    facts = json.loads(path.read_text(encoding="utf-8"))
    facts["truncation"] = None  # so that a text can have more tokens than the model has positions
    path.write_text(json.dumps(facts), encoding="utf-8")
    rewrite(folder)
    encoder = load_onnx(folder)
    with pytest.raises(EncoderError, match=r"failed on 1 texts of \d+ tokens"):
        encoder.encode(["read " * 600])
    assert encoder.encode(["read"]).any()


def test_nothing_is_printed_and_nothing_is_imported_early(folder: Path) -> None:
    code = (
        "import sys, pathlib, oasis_search.encoder.onnx as onnx\n"
        "assert not {'onnxruntime', 'tokenizers', 'torch', 'onnx'} & set(sys.modules)\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "onnx.load_onnx(folder, threads=2).encode(['a', 'b'])\n"
        "(folder / 'model.onnx').write_bytes(b'x' * (folder / 'model.onnx').stat().st_size)\n"
        "try: onnx.load_onnx(folder)\n"
        "except onnx.ModelFolderError: pass\n"
        "else: raise SystemExit('loaded')\n"
        "assert not {'torch', 'transformers', 'onnx'} & set(sys.modules)\n"
    )
    run = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
