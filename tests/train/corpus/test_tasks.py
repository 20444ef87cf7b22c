"""Solutions of tasks: whole files of repositories that solve the same in many languages."""

import re
from pathlib import Path

import pytest

from oasis_train.corpus.build import build_corpus
from oasis_train.corpus.config import CorpusConfig
from oasis_train.corpus.functions import FileError
from oasis_train.corpus.read import functions_table
from oasis_train.corpus.tasks import PROSE, TaskLayout, layout_of, solution_of_file

GO = b"""package main

import (
\t"fmt"
\t"os"
)

// countRises says how often depth rises.
func countRises(depths []int) int {
\tn := 0 // so far
\tfor i := 1; i < len(depths); i++ {
\t\tif depths[i] > depths[i-1] {
\t\t\tn++
\t\t}
\t}
\treturn n
}
"""
PYTHON = b"""import sys


def rises(depths):
    # pairs of neighbours
    return sum(after > before for before, after in zip(depths, depths[1:]))


print(rises([int(line) for line in sys.stdin]))
"""


def test_a_layout_is_found_under_both_forms_of_a_name_and_others_have_none() -> None:
    assert layout_of("isavita/advent_generated") is layout_of("Isavita+advent_generated") is not None
    assert layout_of("pallets/click") is None


@pytest.mark.parametrize(
    ("repository", "path", "task"),
    [
        ("isavita/advent_generated", "go/day1_part2_2021.go", "advent:day1 part2 2021"),
        ("isavita/advent_generated", "training_data/reflection-tuning/day1_part2_2021_failed.rb", ""),
        ("isavita/advent_generated", "haskell/day1_part2_2021.hs", ""),
        ("thuva4/Algorithms", "algorithms/sorting/bubble-sort/go/bubble_sort.go", "algorithms:bubblesort"),
        (
            "kennyledet/Algorithm-Implementations",
            "Bubble_Sort/Ruby/me/bubble_sort.rb",
            "algorithms:bubblesort",
        ),
        ("kennyledet/Algorithm-Implementations", "Bubble_Sort/Ruby/me/bubble_sort_test.rb", ""),
        ("ParanoidUser/codewars-handbook", "kata/6-kyu/stop-my-sdrow/main/Kata.java", "codewars:stopmysdrow"),
        ("UlrichBerntien/Codewars-Katas", "6_kyu/Stop_My_Sdrow.go", "codewars:stopmysdrow"),
        ("kwj/project-euler", "go/internal/sol/p0014/p0014.go", "euler:14"),
        ("kwj/project-euler", "python/tests/bin/test_p0088.py", ""),
    ],
)
def test_paths_name_the_same_task_alike_in_every_repository(repository: str, path: str, task: str) -> None:
    layout = layout_of(repository)
    assert layout is not None
    assert layout.task_of(path) == task


def test_a_solution_is_the_file_without_imports_package_and_comments() -> None:
    (solution,) = solution_of_file("a/b.go", GO, "kata:rises", 6000)
    assert solution.task == "kata:rises"
    assert solution.language == "go"
    assert solution.code.splitlines()[:2] == ["func countRises(depths []int) int {", "\tn := 0"]
    assert not re.search("package|import|fmt|says how often|so far", solution.code)
    assert solution.code.endswith("return n\n}")


def test_a_long_solution_is_cut_at_a_line() -> None:
    (solution,) = solution_of_file("b.go", GO, "kata:rises", 60)
    assert GO.decode().replace(" // so far", "").count(solution.code) == 1
    assert 0 < len(solution.code) <= 60


def test_files_that_say_nothing_give_nothing_and_bad_ones_an_error() -> None:
    assert solution_of_file("a.py", b"# nothing\nimport os\n", "kata:x", 6000) == []
    assert solution_of_file("a.unknown", b"some words", "kata:x", 6000) == []
    with pytest.raises(FileError, match="UTF-8"):
        solution_of_file("a.py", b"\xff\xfe", "kata:x", 6000)


def test_every_group_of_a_pattern_names_the_task() -> None:
    layout = TaskLayout("a/b", "kata", re.compile(r"(?P<year>\d+)/(?P<day>\d+)\.py"))
    assert layout.task_of("2021/07.py") == "kata:07 2021"


def test_a_corpus_keeps_undocumented_solutions_and_says_which_task_they_solve(tmp_path: Path) -> None:
    for name, text in (("go/day1_part1_2021.go", GO), ("python/day1_part1_2021.py", PYTHON)):
        path = tmp_path / "sources" / "isavita+advent_generated" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(text)
    other = tmp_path / "sources" / "other" / "tool.py"
    other.parent.mkdir()
    other.write_text(
        'def load(path):\n    """Read the settings."""\n    return parse(open(path).read(), strict, path)\n'
    )
    config = CorpusConfig(
        collections=(tmp_path / "sources",), documented_only=True, min_identifiers=4, dev_share=0.0
    )
    build_corpus(config, tmp_path / "corpus")
    found = {row.path: row for row in functions_table(tmp_path / "corpus")}
    assert {path: row.task for path, row in found.items()} == {
        "go/day1_part1_2021.go": "advent:day1 part1 2021",
        "python/day1_part1_2021.py": "advent:day1 part1 2021",
        "tool.py": "",
    }
    assert found["python/day1_part1_2021.py"].doc == ""


HANDBOOK = TaskLayout(
    "a/b",
    "codewars",
    re.compile(r"kata/(?P<task>[^/]+)/main/[^/]+"),
    statement=re.compile(r"kata/(?P<task>[^/]+)/README\.md"),
)
README = b"""# [Count the likes](https://example.org "x")

Return <b>true</b> if `like` is more than 5% of the words, else false. Case does not matter.

```
evalLikes("I", "like") // true
```
"""


def test_a_file_beside_solutions_says_what_the_task_asks_for() -> None:
    (found,) = HANDBOOK.definitions("kata/count-the-likes/README.md", README, 6000)
    assert (found.language, found.task) == (PROSE, "codewars:countthelikes")
    assert found.code.split("\n")[0] == "Return true if like is more than 5% of the words, else false."
    assert "evalLikes" not in found.code
    (solution,) = HANDBOOK.definitions("kata/count-the-likes/main/Kata.go", GO, 6000)
    assert (solution.task, solution.name) == ("codewars:countthelikes", "count-the-likes")
    assert HANDBOOK.definitions("README.md", README, 6000) == []


@pytest.mark.parametrize(
    ("path", "head"),
    [
        ("kata/x/main/a.py", '"""Count the pairs of\nneighbours that rise."""\n'),
        ("kata/x/main/a.py", "#!/usr/bin/env python\n# Count the pairs of\n# neighbours that rise.\n"),
        ("kata/x/main/a.js", "/**\n * Count the pairs of\n * neighbours that rise.\n */\n"),
        ("kata/x/main/a.php", "<?php\n// Count the pairs of\n// neighbours that rise.\n"),
        ("kata/x/main/a.c", "#include <stdio.h>\n// Count the pairs of neighbours that rise.\n"),
    ],
)
def test_the_comment_at_the_head_of_a_solution_is_a_statement(path: str, head: str) -> None:
    body = "$total = rises($depths);" if path.endswith("php") else "total = rises(depths)"
    solution, statement = HANDBOOK.definitions(path, f"{head}{body}\n".encode(), 6000)
    assert statement.code == "Count the pairs of neighbours that rise."
    assert solution.code == body


def test_a_licence_at_the_head_is_no_statement() -> None:
    data = b"// Copyright 2020 the authors. All rights reserved.\ntotal = rises(depths);\n"
    assert len(HANDBOOK.definitions("kata/x/main/a.js", data, 6000)) == 1


def test_marks_inside_a_file_name_tasks() -> None:
    layout = TaskLayout("a/b", "cloud", re.compile(r"(?!test).*"), regions=True)
    text = (
        "# [START make_table]\nimport cloud\n\ndef make(name):\n    return cloud.table(name)\n"
        "# [END make_table]\n# [START outer]\n# [START drop_table]\ncloud.drop(table)\n# [END drop_table]\n"
        "# [END outer]\n# [START open]\n"
    )
    found = layout.definitions("samples/tables.py", text.encode(), 6000)
    assert [(item.task, item.name) for item in found] == [
        ("cloud:maketable", "make_table"),
        ("cloud:droptable", "drop_table"),
    ]
    assert found[0].code == "def make(name):\n    return cloud.table(name)"
    assert layout.definitions("test_tables.py", text.encode(), 6000) == []
