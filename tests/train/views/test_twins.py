"""Twins and views: what is paired and why, ids that earlier stages know, the same files each time."""

# ruff: noqa: E501 - a program per line

from pathlib import Path
from typing import Any

import pytest

import oasis_train.data.stages
import oasis_train.views.twins
from oasis_train.cli import main
from oasis_train.data import Docstring, Function, RefinedPair, ShardedTable, Stage, StageFolder, Twin, row_id
from oasis_train.errors import RecipeError
from oasis_train.labels.teachers import Vectors, encode_texts
from oasis_train.views.candidates import find_candidates
from oasis_train.views.stage import ViewConfig, draw_views
from oasis_train.views.twins import TwinConfig, find_twins, overlap

GCD = {
    "python": ("gcd_of_two", "def gcd_of_two(a, b):\n    while b:\n        a, b = b, a % b\n    return a\n"),
    "java": ("gcdOfTwo", "static int gcdOfTwo(int left, int right) {\n  return right == 0 ? left : gcd(right, left % right);\n}"),
    "go": ("GcdOfTwo", "func GcdOfTwo(x, y int) int {\n\tfor y != 0 {\n\t\tx, y = y, x%y\n\t}\n\treturn x\n}"),
}  # fmt: skip


def function(language: str, name: str, code: str, doc: str, split: str = "train") -> Function:
    repository = f"r-{language}"
    id_ = row_id(repository, name, code)
    return Function(id_, repository, "", "MIT", "a", 1, language, name, "", "", doc, code, (), (), split)


ROWS = [
    *(function(lang, name, code, "Greatest common divisor of two numbers.") for lang, (name, code) in GCD.items()),
    function("python", "open_socket", "def open_socket(host):\n    return connect(host)\n", "Opens a network socket."),
    function("java", "openSocket", "void openSocket() { draw(\"a face\"); }", "Draws the eyes of a puppet in a face."),
    function("python", "copied_here", "def copied_here(p):\n    return p.copy()\n", "Deep copy of the given parser tree."),
    function("java", "other", "def copied_here(p):\n    return p.copy()  \n", "Deep copy of the given parser tree."),
    function("go", "Held", "func Held() {}", "Greatest common divisor of two numbers.", split="dev"),
]  # fmt: skip


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    def write(name: str, table: str, rows: list, kind: type) -> Path:  # type: ignore[type-arg]
        def work(partial: Path) -> dict[str, int]:
            ShardedTable(partial / table, kind).write(0, rows)
            return {}

        StageFolder(tmp_path / name).run(Stage(name, {}), work)
        return tmp_path / name

    pair = RefinedPair(ROWS[0].id, ROWS[0].id, True, 0.8, 0.8, False, False, -1.0, "", "", "")
    return {
        "corpus": write("corpus", "functions", ROWS, Function),
        "docstrings": write(
            "docstrings", "docstrings", [Docstring(r.id, r.doc, "human", "") for r in ROWS[:4]], Docstring
        ),
        "refine": write("refine", "pairs", [pair], RefinedPair),
    }


def test_candidates_are_of_other_languages_or_repositories_and_of_the_training_split() -> None:
    found = list(find_candidates(ROWS, per_group=5, per_task=5, seed=1))
    by_id = {row.id: row for row in ROWS}
    assert found
    for pair in found:
        first, second = by_id[pair.first], by_id[pair.second]
        assert first.repository != second.repository
        assert first.split == second.split == "train"
    assert any(pair.kind == "description" for pair in found)
    assert len({frozenset((pair.first, pair.second)) for pair in found}) == len(found)
    assert list(find_candidates(ROWS, per_group=5, per_task=5, seed=1)) == found


def test_a_teacher_keeps_what_is_alike_and_copies_are_left_out(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    config = TwinConfig(rewritten=1.0, per_group=5)
    find_twins(config, folders["corpus"], tmp_path / "twins")
    twins = list(ShardedTable(tmp_path / "twins" / "twins", Twin))
    by_id = {row.id: row for row in ROWS}
    pairs = {(by_id[t.origin].name, by_id[t.function].name) for t in twins if t.kind != "rewritten"}
    names = {name for pair in pairs for name in pair}
    assert names == {name for name, _ in GCD.values()}  # sockets are described otherwise, copies are copies
    for twin in twins:
        assert 0 <= twin.similarity < 1
        assert by_id[twin.origin].name not in twin.text
        assert (twin.kind == "rewritten") == (twin.origin == twin.function)
    assert not any(by_id[twin.function].split == "dev" for twin in twins)


def test_views_keep_ids_and_labels_and_add_twins(folders: dict[str, Path], tmp_path: Path) -> None:
    find_twins(TwinConfig(rewritten=1.0), folders["corpus"], tmp_path / "twins")
    config = ViewConfig(twins=3)
    inputs = folders["corpus"], folders["docstrings"], folders["refine"], tmp_path / "twins"
    manifest = draw_views(config, *inputs, tmp_path / "views")
    pairs = list(ShardedTable(tmp_path / "views" / "pairs", RefinedPair))
    assert pairs[0].docstring == ROWS[0].id
    assert pairs[0].similarity == 0.8
    assert len(pairs) == 4
    asked = {row.function: row for row in ShardedTable(tmp_path / "views" / "docstrings", Docstring)}
    shown = {row.id: row for row in ShardedTable(tmp_path / "views" / "functions", Function)}
    assert all(pair.docstring in asked and pair.function in shown for pair in pairs)
    assert sum(row.source == "twin" for row in asked.values()) == 3
    again = draw_views(config, *inputs, tmp_path / "again")
    assert again["outputs"] == manifest["outputs"]
    other = draw_views(ViewConfig(twins=3, seed=2), *inputs, tmp_path / "other")
    assert other["outputs"] != manifest["outputs"]


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"twins\.variables is 2"):
        TwinConfig(variables=2)
    with pytest.raises(RecipeError, match=r"views\.renamed is -1"):
        ViewConfig(renamed=-1)
    assert main(["run", "smoke", "--out", "x", "--set", "views.query.full=-1.0"]) == 2


def test_solutions_of_a_task_are_paired_across_languages_whatever_their_names_and_limits(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    def solution(language: str, task: str) -> Function:
        name, code = GCD[language]
        code = code.replace(name, "solve")
        id_ = row_id(language, task)
        return Function(id_, "r", "", "MIT", "a", 1, language, "", "", "", "", code, (), (), "train", task)

    rows = [solution(language, task) for task in ("kata:gcd", "kata:other") for language in GCD]
    pairs = list(find_candidates([*ROWS, *rows], per_group=5, per_task=2, seed=1))
    by_id = {row.id: row for row in rows}
    of_tasks = [(by_id[p.first], by_id[p.second]) for p in pairs if p.kind == "task"]
    assert sorted(first.task for first, _ in of_tasks) == ["kata:gcd"] * 2 + ["kata:other"] * 2
    assert all(first.task == second.task and first.language != second.language for first, second in of_tasks)
    assert {p.first for p in pairs if p.kind != "task"}.isdisjoint(by_id)

    def work(partial: Path) -> dict[str, int]:
        ShardedTable(partial / "functions", Function).write(0, [*ROWS, *rows])
        return {}

    StageFolder(tmp_path / "tasks").run(Stage("corpus", {}), work)
    config = TwinConfig(rewritten=0.0, limit=1, per_task=2, most_overlap=1.0)
    find_twins(config, tmp_path / "tasks", tmp_path / "twins")
    twins = list(ShardedTable(tmp_path / "twins" / "twins", Twin))
    assert [twin.kind for twin in twins].count("task") == 4
    assert len(twins) <= 5
    inputs = tmp_path / "tasks", folders["docstrings"], folders["refine"], tmp_path / "twins"
    views = draw_views(ViewConfig(twins=1), *inputs, tmp_path / "views")
    assert views["facts"]["twins"] == len(twins)


def test_overlap_is_that_of_words() -> None:
    assert overlap("def readFile", "def read_file") == 1.0
    assert overlap("a", "b") == 0.0


def test_a_run_that_was_killed_gives_the_same_twins(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oasis_train.views.twins, "_AT_ONCE", 1)
    config, calls = TwinConfig(per_group=5, most_overlap=1.0), 0
    n_parts = len(list(find_candidates(ROWS, per_group=config.per_group, per_task=5, seed=config.seed)))

    def killed(*arguments: Any) -> Vectors:  # noqa: ANN401
        nonlocal calls
        calls += 1
        if calls == 2 * n_parts:  # one side of the last part is there
            raise KeyboardInterrupt
        return encode_texts(*arguments)

    whole = find_twins(config, folders["corpus"], tmp_path / "whole")
    with monkeypatch.context() as context:
        context.setattr(oasis_train.views.twins, "encode_texts", killed)
        with pytest.raises(KeyboardInterrupt):
            find_twins(config, folders["corpus"], tmp_path / "killed")
    assert find_twins(config, folders["corpus"], tmp_path / "killed")["outputs"] == whole["outputs"]


def test_a_run_that_was_killed_before_its_manifest_gives_the_same_twins(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = find_twins(TwinConfig(), folders["corpus"], tmp_path / "whole")
    with monkeypatch.context() as context:

        def killed(path: Path) -> str:
            raise KeyboardInterrupt

        context.setattr(oasis_train.data.stages, "file_digest", killed)  # every table is written by then
        with pytest.raises(KeyboardInterrupt):
            find_twins(TwinConfig(), folders["corpus"], tmp_path / "killed")
    assert find_twins(TwinConfig(), folders["corpus"], tmp_path / "killed")["outputs"] == whole["outputs"]
