"""Words of tasks as questions: one statement for all solutions, whatever their language."""

from oasis_train.corpus.tasks import PROSE
from oasis_train.data import Function
from oasis_train.views.candidates import find_candidates
from oasis_train.views.statements import find_statements


def row(number: int, language: str, code: str, task: str, name: str = "", split: str = "train") -> Function:
    id_ = f"{number}"
    return Function(id_, "r", "", "MIT", "a", 1, language, name, "", "", "", code, (), (), split, task)


ROWS = [
    row(0, PROSE, "Count the pairs of neighbours that rise.", "kata:rises"),
    row(1, "python", "sum(a > b for a, b in pairs)", "kata:rises"),
    row(2, "python", "return len(rising)", "kata:rises"),
    row(3, "go", "n++", "kata:rises"),
    row(4, "java", "sorted(list)", "kata:sortlist", name="sort-list"),
    row(5, "java", "x()", "kata:unnamed"),
    row(6, "java", "sorted(b)", "kata:sortlist", name="sort-list", split="dev"),
    row(7, "java", "y()", ""),
]


def test_a_statement_of_one_language_serves_the_solutions_of_all() -> None:
    found = list(find_statements(ROWS, per_task=2, seed=1))
    by_task = {twin.function: twin.text for twin in found}
    assert {"3", "4"} < set(by_task) <= {"1", "2", "3", "4"}
    assert len(by_task) == 3
    assert "rise" in by_task["3"]
    assert "sort list" in by_task["4"]
    assert len({twin.id for twin in found}) == len(found)
    assert {twin.kind for twin in found} == {"statement"}
    assert found == list(find_statements(ROWS, per_task=2, seed=1))


def test_a_statement_is_no_code() -> None:
    pairs = list(find_candidates(ROWS, per_group=3, per_task=12, seed=1))
    assert {name for pair in pairs for name in (pair.first, pair.second)} <= {"1", "2", "3"}
    assert pairs
