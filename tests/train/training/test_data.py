"""Preparation of rows: joined with the right texts, resumed after a kill, and refused when damaged."""

import argparse
import difflib
import inspect
import textwrap
from dataclasses import replace
from pathlib import Path

import datasets  # type: ignore[import-not-found, import-untyped, unused-ignore]
import numpy as np
import pytest
from tokenizers import Tokenizer

from oasis_train.data import Docstring, Function, RefinedPair, ShardedTable
from oasis_train.errors import DataError
from oasis_train.training.data import TrainingRows, read_dev_sample
from oasis_train.training.preparation import Sources, prepare_rows
from oasis_train.training.random_backbone import write_random_backbone
from tests.train.training.tables import small_config, write_stage, write_tables


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    root = tmp_path_factory.mktemp("tables")
    corpus, docstrings, refine = write_tables(root, (inspect, textwrap, argparse), (difflib,))
    return Sources(corpus / "functions", docstrings / "docstrings", refine / "pairs")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    write_random_backbone(folder, [inspect.getsource(inspect)], small_config(random_vocabulary=2000))
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def prepared(folder: Path, tables: Sources, tokenizer: Tokenizer) -> TrainingRows:
    prepare_rows(folder, tables, tokenizer, ("ask: ", ""), dev_sample=20, seed=1)
    return TrainingRows(folder)


def test_every_training_pair_has_its_texts_label_and_keys(
    tmp_path: Path, tables: Sources, tokenizer: Tokenizer
) -> None:
    rows = prepared(tmp_path, tables, tokenizer)
    functions = {row.id: row for row in ShardedTable(tables.functions, Function)}
    texts = {row.function: row.text for row in ShardedTable(tables.docstrings, Docstring)}
    pairs = [
        pair for pair in ShardedTable(tables.pairs, RefinedPair) if functions[pair.function].split == "train"
    ]
    numbers = np.arange(len(rows), dtype=np.uint32)
    batch = rows.batch(numbers)
    assert len(pairs) == len(rows) == rows.facts["pairs"]
    assert rows.names(numbers) == [(pair.docstring, pair.function) for pair in pairs]
    for index, pair in enumerate(pairs):
        assert batch.queries[index].tolist() == tokenizer.encode("ask: " + texts[pair.docstring]).ids
        assert batch.codes[index].tolist() == tokenizer.encode(functions[pair.function].code).ids
        assert batch.labels[index] == np.float32(pair.similarity)
        assert batch.is_gt[index] == pair.is_gt
    asked = [texts[pair.docstring] for pair in pairs]
    same_text = np.array(asked)[:, None] == np.array(asked)
    assert (same_text == (batch.query_keys[:, None] == batch.query_keys)).all()
    repositories = [functions[pair.function].repository for pair in pairs]
    same = np.array(repositories)[:, None] == np.array(repositories)
    assert (same == (rows.repositories()[:, None] == rows.repositories())).all()


def test_solutions_of_one_task_are_one_group_and_all_other_codes_one_each(
    tmp_path: Path, tables: Sources, tokenizer: Tokenizer
) -> None:
    functions = list(ShardedTable(tables.functions, Function))
    solved = {row.id for row in functions if row.split == "train"}
    solved = set(sorted(solved)[:5])
    marked = [replace(row, task="kata:sums") if row.id in solved else row for row in functions]
    write_stage(tmp_path / "corpus", "corpus", "functions", Function, marked)
    rows = prepared(
        tmp_path / "rows", replace(tables, functions=tmp_path / "corpus" / "functions"), tokenizer
    )
    numbers = np.arange(len(rows), dtype=np.uint32)
    batch = rows.batch(numbers)
    is_solution = np.array([function in solved for _, function in rows.names(numbers)])
    same_group = batch.code_groups[:, None] == batch.code_groups
    same_code = batch.code_keys[:, None] == batch.code_keys
    assert is_solution.any()
    assert (same_group == (same_code | (is_solution[:, None] & is_solution))).all()


def test_the_dev_sample_is_of_held_out_repositories_only(
    tmp_path: Path, tables: Sources, tokenizer: Tokenizer
) -> None:
    prepared(tmp_path, tables, tokenizer)
    functions = {row.id: row for row in ShardedTable(tables.functions, Function)}
    sample = read_dev_sample(tmp_path)
    assert len(sample) == 20
    for name, text, code in sample:
        assert functions[name].split == "dev"
        assert (text, code) == (functions[name].doc, functions[name].code)


def test_hugging_face_datasets_reads_the_token_files(
    tmp_path: Path, tables: Sources, tokenizer: Tokenizer
) -> None:
    rows = prepared(tmp_path, tables, tokenizer)
    found = datasets.Dataset.from_file(str(tmp_path / "codes" / "part-00000.arrow"))
    assert found[3]["tokens"] == rows.codes.tokens(3).tolist()


def test_a_killed_preparation_goes_on_and_leaves_the_same_files(
    tmp_path: Path, tables: Sources, tokenizer: Tokenizer
) -> None:
    prepared(tmp_path / "whole", tables, tokenizer)
    prepared(tmp_path / "killed", tables, tokenizer)
    for name in ("rows.json", "pairs.bin", "codes/part-00001.arrow"):
        (tmp_path / "killed" / name).unlink()
    (tmp_path / "killed" / "codes" / ".part-00001.arrow.part").write_bytes(b"cut short")
    kept = tmp_path / "killed" / "codes" / "part-00000.arrow"
    before = kept.stat().st_mtime_ns
    prepared(tmp_path / "killed", tables, tokenizer)
    assert kept.stat().st_mtime_ns == before
    files = sorted(p.relative_to(tmp_path / "whole") for p in (tmp_path / "whole").rglob("*") if p.is_file())
    for file in files:
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "killed" / file).read_bytes()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"similarity": float("nan")}, r"part-00000.parquet, row 3: the similarity is nan"),
        ({"similarity": 1.0}, r"row 3: the similarity is 1.0"),
        ({"function": "0" * 16}, r"names the function 0000000000000000, which the tables"),
        ({"docstring": "x"}, r"the id 'x', which is not 16 hex digits"),
    ],
)
def test_a_damaged_pair_is_named(
    tmp_path: Path, tables: Sources, tokenizer: Tokenizer, changes: dict[str, object], expected: str
) -> None:
    pairs = list(ShardedTable(tables.pairs, RefinedPair))
    pairs[2] = replace(pairs[2], **changes)  # type: ignore[arg-type]
    ShardedTable(tmp_path / "pairs", RefinedPair).write(0, pairs)
    with pytest.raises(DataError, match=expected):
        prepared(tmp_path / "out", replace(tables, pairs=tmp_path / "pairs"), tokenizer)


def test_pairs_of_held_out_repositories_alone_are_refused(
    tmp_path: Path, tables: Sources, tokenizer: Tokenizer
) -> None:
    dev = {row.id for row in ShardedTable(tables.functions, Function) if row.split == "dev"}
    pairs = [pair for pair in ShardedTable(tables.pairs, RefinedPair) if pair.function in dev]
    ShardedTable(tmp_path / "pairs", RefinedPair).write(0, pairs)
    with pytest.raises(DataError, match=r"no pair of the training split"):
        prepared(tmp_path / "out", replace(tables, pairs=tmp_path / "pairs"), tokenizer)
