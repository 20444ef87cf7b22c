"""Evaluation of suites in folders, from the command line as well."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from oasis_search.encoder import HashingEncoder, shipped_models
from oasis_train.cli import main
from oasis_train.errors import SuiteError
from oasis_train.evaluation.evaluate import evaluate
from oasis_train.evaluation.suites import load_suite

CORPUS = [
    {"id": "a", "language": "python", "code": "def read_json(path): ..."},
    {"id": "b", "language": "python", "code": "def send_mail(to): ..."},
    {"id": "c", "language": "go", "code": "func sortList(items []int) {}"},
    {"id": "d", "language": "go", "code": "func sendMail(to string) {}"},
]
QUERIES = [
    {"id": "1", "language": "python", "query": "read a json path"},
    {"id": "2", "language": "go", "query": "send mail"},
    {"id": "3", "language": "go", "query": "send mail"},
]


def _write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def _write_suite(folder: Path, meta: dict[str, Any], queries: list[dict[str, Any]], qrels: str) -> Path:
    folder.mkdir()
    _write_rows(folder / "corpus.jsonl.gz", CORPUS)
    _write_rows(folder / "queries.jsonl.gz", queries)
    (folder / "qrels.tsv").write_text(qrels, encoding="utf-8")
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    return folder


@pytest.fixture
def suite_folder(tmp_path: Path) -> Path:
    meta = {"name": "tiny", "task": "nl2code", "metric": "MRR@1000", "pool_by": "language"}
    return _write_suite(tmp_path / "tiny", meta, QUERIES, "1\ta\t1\n2\td\t1\n3\tc\t1\n")


def test_queries_are_ranked_within_their_own_pool_and_pools_weigh_alike(suite_folder: Path) -> None:
    result = evaluate(HashingEncoder(dim=512), load_suite(suite_folder))
    assert result.pools == {"go": 75.0, "python": 100.0}  # of two Go queries one finds its item second
    assert result.value == 87.5
    assert (result.queries, result.corpus) == (3, 4)
    assert result.low <= result.value <= result.high


@pytest.mark.parametrize("metric", ["MAP, mixed pool", "MAP (a query's own item removed)", "nDCG@10"])
def test_words_after_a_metric_are_read_over(tmp_path: Path, metric: str) -> None:
    meta = {"name": "c2c", "task": "code2code", "metric": metric, "pool_by": None}
    suite = load_suite(_write_suite(tmp_path / "c2c", meta, QUERIES, "1\ta\t1\n"))
    assert suite.metric == metric.split()[0].strip(",")


def test_unknown_metric_is_named(tmp_path: Path) -> None:
    meta = {"name": "c2c", "task": "code2code", "metric": "MAPPED", "pool_by": None}
    with pytest.raises(SuiteError, match="'MAPPED' is none of MRR@1000"):
        load_suite(_write_suite(tmp_path / "c2c", meta, QUERIES, "1\ta\t1\n"))


def test_code_query_is_left_out_of_its_own_ranking(tmp_path: Path) -> None:
    meta = {"name": "c2c", "task": "code2code", "metric": "MAP", "pool_by": None}
    queries = [{"id": "q", "language": "go", "query": CORPUS[3]["code"], "self_id": "d"}]
    suite = load_suite(_write_suite(tmp_path / "c2c", meta, queries, "q\tb\t1\n"))
    assert evaluate(HashingEncoder(dim=512), suite).value == 100.0


def test_command_prints_the_documented_json(suite_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--model", "static", "--suite", str(suite_folder), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["model"] == "static"
    assert set(facts["suites"][0]) == {
        "name", "task", "metric", "value", "low", "high", "pools", "queries", "corpus", "texts_per_s",
    }  # fmt: skip


def test_two_models_of_one_name_are_told_apart(
    suite_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(shipped_models()["static"], tmp_path / "copy")
    command = ["evaluate", "--model", "static", "--model", str(copy), "--suite", str(suite_folder)]
    assert main([*command, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [model["model"] for model in facts["models"]] == ["static", str(copy)]
    assert [(one["a"], one["b"]) for one in facts["comparisons"]] == [(str(copy), "static")]
    assert main([*command, "--markdown"]) == 0
    assert f"| tiny | {copy} | static |" in capsys.readouterr().out


def test_hard_queries_are_measured_besides(suite_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["evaluate", "--model", "static", "--hard", "static", "--suite", str(suite_folder), "--json"]
    assert main(command) == 0
    said = capsys.readouterr()
    whole, hard = json.loads(said.out)["suites"]
    assert (hard["name"], hard["queries"], whole["queries"]) == ("tiny hard", 1, 3)
    assert hard["value"] == 50.0  # the second of two
    assert "tiny hard: 1 of 3 queries whose code neither BM25 nor static" in said.err


def test_missing_file_is_named(suite_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (suite_folder / "qrels.tsv").unlink()
    with pytest.raises(SuiteError, match=r"qrels\.tsv is missing"):
        load_suite(suite_folder)
    assert main(["evaluate", "--model", "static", "--suite", str(suite_folder)]) == 2
    assert "qrels.tsv is missing" in capsys.readouterr().err


def test_unknown_metric_is_refused(tmp_path: Path) -> None:
    meta = {"task": "nl2code", "metric": "luck", "pool_by": None}
    with pytest.raises(SuiteError, match="luck"):
        load_suite(_write_suite(tmp_path / "odd", meta, QUERIES, "1\ta\t1\n"))
