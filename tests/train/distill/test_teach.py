"""Teacher's vectors on disk, and a table that learns from them."""

from pathlib import Path

import numpy as np
import pytest

from oasis_search.encoder import load
from oasis_train.data import Docstring, Function, ShardedTable, Stage, StageFolder, row_id
from oasis_train.data.vectors import VectorTable, join_shards, write_shard
from oasis_train.distill import teach as teach_module
from oasis_train.distill.teach import TeachConfig, teach
from oasis_train.errors import DataError, RecipeError, TrainingError


def stages(folder: Path, n: int) -> tuple[Path, Path]:
    """Finished stages `corpus` and `docstrings` of `n` functions, every third without docstring."""
    functions = [
        Function(
            id=row_id(f"f{k}"), repository="r", revision="", licence="", path="a.py", start_line=k,
            language="python", name=f"f{k}", container="", signature="", doc="", code=f"def f{k}(): read()",
            callers=(), callees=(), split="dev" if k == 1 else "train",
        )
        for k in range(n)
    ]  # fmt: skip
    docs = [Docstring(row.id, f"Read file {k}", "human", "") for k, row in enumerate(functions) if k % 3]
    for name, rows, kind in (("corpus", functions, Function), ("docstrings", docs, Docstring)):
        table = "functions" if name == "corpus" else "docstrings"

        def work(partial: Path) -> dict[str, int]:
            ShardedTable(partial / table, kind).write(0, rows)  # noqa: B023
            return {}

        StageFolder(folder / name).run(Stage(name, {}), work)
    return folder / "corpus", folder / "docstrings"


def test_vectors_of_the_documented_training_functions_are_kept_by_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teach_module, "SHARD", 3)
    corpus, docstrings = stages(tmp_path, 12)
    seen: list[tuple[str, int, int]] = []
    manifest = teach(
        TeachConfig("static"), corpus, docstrings, tmp_path / "teach", progress=lambda *a: seen.append(a)
    )
    assert manifest["facts"]["functions"] == 7
    table = VectorTable(tmp_path / "teach")
    rows = table.rows([row_id("f2"), row_id("f0"), row_id("f1")])
    assert rows.tolist() == [0, -1, -1]
    expected = load("static").encode(["Read file 2"], role="query")[0]
    np.testing.assert_allclose(table.docs[0], expected, atol=1e-3)
    assert seen[-1][1:] == (7, 8)
    assert sorted(p.name for p in (tmp_path / "teach").iterdir()) == [
        "codes.npy", "docs.npy", "ids.npy", "stage.json",
    ]  # fmt: skip


def test_a_share_is_a_sample_by_hash_and_none_is_an_error(tmp_path: Path) -> None:
    corpus, docstrings = stages(tmp_path, 12)
    manifest = teach(TeachConfig("static", share=0.5), corpus, docstrings, tmp_path / "teach")
    assert 0 < manifest["facts"]["functions"] < 7
    with pytest.raises(RecipeError, match="share is 0"):
        TeachConfig("static", share=0.0)
    (tmp_path / "none").mkdir()
    with pytest.raises(TrainingError, match="no docstring of a function"):
        teach(TeachConfig("static"), *stages(tmp_path / "none", 1), tmp_path / "empty")


def test_damage_is_named(tmp_path: Path) -> None:
    halves = np.zeros((2, 4), dtype=np.float16)
    write_shard(tmp_path, 0, ["a", "b"], halves, halves)
    assert join_shards(tmp_path) == 2
    np.save(tmp_path / "ids.npy", np.array(["a"]))
    with pytest.raises(DataError, match="unequal number"):
        VectorTable(tmp_path)
    (tmp_path / "ids.npy").unlink()
    with pytest.raises(DataError, match="no teacher's vectors"):
        VectorTable(tmp_path)
