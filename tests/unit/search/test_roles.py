import pytest

from oasis_search.index.roots import root
from oasis_search.search.roles import asked_roles, roles, roles_of


def names(path: str, language: str = "python") -> set[str]:
    return {role.name for role in roles_of(path, language)}


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("tests/helpers.py", "tests"),
        ("src/test_date.py", "tests"),
        ("pkg/date_test.go", "tests"),
        ("src/date.spec.ts", "tests"),
        ("src/main/DateTest.java", "tests"),
        ("web/__tests__/a.js", "tests"),
        ("vendor/lib/a.c", "vendored"),
        ("web/node_modules/x/index.js", "vendored"),
        ("proto/a_pb2.py", "generated"),
        ("api/types.pb.go", "generated"),
        ("_examples/hello/main.go", "examples"),
        ("src/compat/old.py", "compatibility"),
        ("docs/conf.py", "documentation"),
        ("src/types.d.ts", "declarations"),
        ("pkg/stubs.pyi", "declarations"),
        ("src/pkg/__init__.py", "reexports"),
        ("src/win/core.c", "platforms"),
        ("os/file_windows.go", "platforms"),
    ],
)
def test_path_tells_the_role(path: str, role: str) -> None:
    assert role in names(path)


@pytest.mark.parametrize(
    "path",
    [
        "src/contest.py",
        "src/latest.go",
        "src/attestation/verify.java",
        "src/inventory.py",
        "src/window.py",
        "src/darling.c",
        "src/indexer.ts",
        "src/specification.rb",
    ],
)
def test_implementation_has_no_role(path: str) -> None:
    assert names(path) == set()


def test_language_tells_the_role() -> None:
    assert names("notes/today.md", "markdown") == {"documentation"}
    assert names("app/settings.yaml", "yaml") == {"configuration"}


@pytest.mark.parametrize(
    ("question", "role"),
    [
        ("unit tests of the parser", "tests"),
        ("example of a client", "examples"),
        ("deprecated shims", "compatibility"),
    ],
)
def test_question_asks_for_a_role(question: str, role: str) -> None:
    assert role in asked_roles({root(word) for word in question.split()})


def test_plain_question_asks_for_no_role() -> None:
    assert asked_roles({root(word) for word in ("parse", "http", "date")}) == set()


def test_every_role_moves_down() -> None:
    assert all(0 < role.factor < 1 and role.asked_by for role in roles())
