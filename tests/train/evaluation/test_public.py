"""The public files of the paper's protocol, tiny but in exactly their formats."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from oasis_search.encoder import HashingEncoder
from oasis_train.errors import SuiteError
from oasis_train.evaluation.evaluate import evaluate
from oasis_train.evaluation.forms import in_form
from oasis_train.evaluation.hard import hard_subset
from oasis_train.evaluation.public import find_public, load_public
from oasis_train.evaluation.suites import Suite

NAMES = ("read_file", "send_mail", "sort_list", "close_socket")


def _csn_row(name: str, **more: object) -> dict[str, Any]:
    words = name.split("_")
    code = (
        f'def {name}(x):\n    """{" ".join(words).capitalize()} now."""\n    # hint\n    return x.{name}()\n'
    )
    return {
        "repo": "o/r",
        "path": "a.py",
        "func_name": name,
        "original_string": code,
        "language": "python",
        "code": code,
        "code_tokens": ["def", name, "(", "x", ")", ":", "return", "x", ".", name, "(", ")"],
        "docstring": f"{' '.join(words).capitalize()} now.",
        "docstring_tokens": [*words, "now", "."],
        "url": f"https://github.com/o/r/blob/1/a.py#{name}",
        "partition": "test",
        **more,
    }


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")


def _check_nl2code(suite: Suite, *, n_queries: int, n_items: int) -> None:
    (pool,) = suite.pools
    assert (suite.task, suite.metric) == ("nl2code", "MRR@1000")
    assert (len(pool.queries), len(pool.codes)) == (n_queries, n_items)
    assert pool.queries[0] == "read file now ."
    for query, gains, item_ids in zip(pool.queries, pool.gains, [pool.item_ids] * n_queries, strict=True):
        (item,) = gains
        assert "".join(query.split()[:2]) == item.rsplit("#", 1)[1].replace("_", "")
        assert item in item_ids
    assert evaluate(HashingEncoder(dim=512), suite).value == 100.0


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_codesearchnet_asks_its_test_rows_in_the_codebase(tmp_path: Path, suffix: str) -> None:
    rows = [_csn_row(name) for name in NAMES]
    _write(tmp_path / "CSN" / "python" / f"test.jsonl{suffix}", rows[:2])
    _write(tmp_path / "CSN" / "python" / f"codebase.jsonl{suffix}", rows)
    found = load_public(tmp_path, "csn-python")
    _check_nl2code(found.suite, n_queries=2, n_items=4)
    assert any("14,918" in note for note in found.notes)
    assert any("43,827" in note for note in found.notes)


def test_query_never_stands_in_the_formatted_code_and_tokens_are_the_publishers(tmp_path: Path) -> None:
    rows = [_csn_row(name) for name in NAMES]
    _write(tmp_path / "python" / "test.jsonl", rows)
    _write(tmp_path / "python" / "codebase.jsonl", rows)
    suite = load_public(tmp_path, "csn-python").suite
    assert suite.pools[0].codes[0] == "def read_file(x):\n    return x.read_file()"
    joined = in_form(suite, "joined").pools[0].codes[0]
    assert joined == "def read_file ( x ) : return x . read_file ( )"


def test_raw_release_of_codesearchnet_is_its_own_pool(tmp_path: Path) -> None:
    rows = [_csn_row(name) for name in NAMES]
    folder = tmp_path / "python" / "final" / "jsonl" / "test"
    _write(folder / "python_test_0.jsonl.gz", rows[:3])
    _write(folder / "python_test_1.jsonl.gz", rows[3:])
    found = load_public(tmp_path, "csn-python")
    _check_nl2code(found.suite, n_queries=4, n_items=4)
    assert found.notes


def test_advtest_takes_the_normalised_function(tmp_path: Path) -> None:
    rows = []
    for name in NAMES:
        row = _csn_row(name, idx=name)
        row["function"] = f'def Func(arg_0):\n    """Doc."""\n    return arg_0.{name}()\n'
        row["function_tokens"] = [
            "def",
            "Func",
            "(",
            "arg_0",
            ")",
            ":",
            "return",
            "arg_0",
            ".",
            name,
            "(",
            ")",
        ]
        rows.append(row)
    _write(tmp_path / "AdvTest" / "test.jsonl", rows)
    suite = load_public(tmp_path, "advtest").suite
    _check_nl2code(suite, n_queries=4, n_items=4)
    assert suite.pools[0].codes[0] == "def Func(arg_0):\n    return arg_0.read_file()"
    assert suite.pools[0].joined_codes[0].startswith("def Func ( arg_0 )")


def test_cosqa_ranks_against_the_whole_code_map(tmp_path: Path) -> None:
    folder = tmp_path / "search"
    folder.mkdir()
    codes = {f'def {name}(x):\n    """Doc of {name}."""': number for number, name in enumerate(NAMES)}
    (folder / "code_idx_map.txt").write_text(json.dumps(codes), encoding="utf-8")
    row = {
        "idx": "cosqa-dev-0",
        "doc": "python  send mail",
        "code": list(codes)[1],
        "code_tokens": "",
        "label": 1,
    }
    test = [row | {"retrieval_idx": 1}]
    (folder / "cosqa-retrieval-test-500.json").write_text(json.dumps(test), encoding="utf-8")
    suite = load_public(tmp_path, "cosqa").suite
    assert suite.pools[0].queries == ("python send mail",)
    assert "Doc of" in suite.pools[0].codes[0]
    assert evaluate(HashingEncoder(dim=512), suite).value == 100.0


def test_codenet_programs_ask_for_other_solutions_without_themselves(tmp_path: Path) -> None:
    programs = [
        ("s1", 1, "int main() { // sum\n  return sum(read()); }"),
        ("s2", 1, "int main() { return sum(read()) + 0; }"),
        ("s3", 2, "int main() { puts(sorted(list)); }"),
    ]
    rows = [{"label": label, "index": index, "func": func} for index, label, func in programs]
    _write(tmp_path / "c_with_func.jsonl", rows)
    found = load_public(tmp_path, "code2code-c")
    (pool,) = found.suite.pools
    assert (found.suite.metric, len(pool.codes), pool.self_ids) == ("MAP", 3, ("s1#0", "s2#1"))
    assert pool.gains == ({"s2#1": 1.0}, {"s1#0": 1.0})
    assert "sum\n" not in pool.codes[0]
    assert in_form(found.suite, "joined").pools[0].queries[0] == "int main() { return sum(read()); }"
    assert evaluate(HashingEncoder(dim=512), found.suite).value == 100.0
    assert found.notes == ("code2code-c has 3 items; the paper's has 11,260: its figure is another.",)


def test_every_set_of_a_folder_is_found_by_name(tmp_path: Path) -> None:
    for language in ("go", "java"):
        _write(tmp_path / "CSN" / language / "test.jsonl", [])
        _write(tmp_path / "CSN" / language / "codebase.jsonl", [])
    _write(tmp_path / "codenet" / "typescript_with_func.jsonl", [])
    assert list(find_public(tmp_path)) == ["code2code-typescript", "csn-go", "csn-java"]
    with pytest.raises(SuiteError, match="found: code2code-typescript, csn-go, csn-java"):
        load_public(tmp_path, "cosqa")


def test_damage_is_named_with_file_and_line(tmp_path: Path) -> None:
    row = json.dumps(_csn_row("read_file"))
    _write(tmp_path / "python" / "test.jsonl", [])
    _write(tmp_path / "python" / "codebase.jsonl", [])
    (tmp_path / "python" / "test.jsonl").write_text(row + "\n{oops\n", encoding="utf-8")
    with pytest.raises(SuiteError, match=r"test\.jsonl, line 2"):
        load_public(tmp_path, "csn-python")
    (tmp_path / "python" / "test.jsonl").write_text(row + "\n", encoding="utf-8")
    with pytest.raises(SuiteError, match="not of one release"):
        load_public(tmp_path, "csn-python")


def test_hard_queries_are_those_that_words_and_reference_both_miss(tmp_path: Path) -> None:
    rows = [_csn_row(name) for name in NAMES]
    rows[3]["docstring_tokens"] = ["hang", "up"]
    _write(tmp_path / "python" / "test.jsonl", rows)
    _write(tmp_path / "python" / "codebase.jsonl", rows)
    suite = load_public(tmp_path, "csn-python").suite
    reference = HashingEncoder(dim=512)
    hard, rule = hard_subset(suite, reference, depth=1)
    assert hard.pools[0].queries == ("hang up",)
    assert rule.queries == (rows[3]["url"],)
    assert len(hard.pools[0].codes) == 4
    assert "1 of 4 queries" in rule.sentence
    with pytest.raises(SuiteError, match=r"within the first 4\. Measure the whole suite alone"):
        hard_subset(suite, reference, depth=4)
