"""What training must not see, by name and by content."""

import gzip
import json
from pathlib import Path

import pytest

from oasis_train.corpus.exclusion import RepositoryFilter, SuiteFilter

EXCLUDED = [
    "# a comment",
    "pallets/click",
    "rack/rack",
    "go-chi/chi",
    "exercism/python",
    "containers/image",
    "apache/commons-lang",
    "rails/rails",
    "doocs/leetcode",
    "javadev/LeetCode-in-Java",
    "colinhacks/zod",
    "jurca/indexed-db.es6",
]


@pytest.mark.parametrize(
    "name",
    [
        "click",
        "python3-click_8.1.3-2",
        "click-8.5.1.dist-info",
        "ruby-rack_2.2.6.4-1",
        "ruby-rack-test",
        "golang-github-go-chi-chi-dev_5.0.8-1",
        "golang-github-containers-image-dev_5.23.1-4",
        "exercism-python",
        "libcommons-lang3-java",
        "ruby-activesupport_6.1.7",
        "my-leetcode-answers",
        "node-zod",
        "Rack",
    ],
)
def test_package_of_an_excluded_repository_is_left_out(name: str) -> None:
    assert RepositoryFilter(EXCLUDED).excludes(name)


@pytest.mark.parametrize(
    "name",
    [
        "python3-clickhouse",
        "python3.11",
        "golang-image-draw",
        "ruby-racket",
        "commons-io_2.11.0",
        "machine",
        "",
    ],
)
def test_other_packages_stay(name: str) -> None:
    assert not RepositoryFilter(EXCLUDED).excludes(name)


CODE = """def read_rows(path, depth):
    rows = load(path, mode)
    return [row for row in rows if row.depth < depth]
"""


@pytest.fixture
def suite_folder(tmp_path: Path) -> Path:
    for name, row in (
        ("corpus", {"id": "a", "language": "python", "code": CODE}),
        ("queries", {"id": "q", "language": "python", "query": "read rows"}),
    ):
        with gzip.open(tmp_path / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    (tmp_path / "qrels.tsv").write_text("q\ta\t1\n")
    (tmp_path / "meta.json").write_text('{"task": "nl2code", "metric": "MRR@1000", "pool_by": null}')
    return tmp_path


def test_code_of_a_suite_is_found_whatever_its_layout_and_surroundings(suite_folder: Path) -> None:
    suite_filter = SuiteFilter([suite_folder])
    assert suite_filter.excludes(" ".join(CODE.split()))
    assert suite_filter.excludes(CODE + "\n\nprint(read_rows(sys.argv[1], 3))")


def test_other_code_stays(suite_folder: Path) -> None:
    suite_filter = SuiteFilter([suite_folder])
    assert not suite_filter.excludes(CODE.replace("row", "item").replace("depth", "level"))
    assert not suite_filter.excludes("")
