"""A monorepo and a package in it, both open: both are kept up to date, and nothing is said twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from oasis_search.search.query import Query
from oasis_search.settings import Settings
from oasis_search.workspace.changes import Cause, FileChange
from oasis_search.workspace.resemblance import Selected, SimilarRequest
from oasis_search.workspace.session import Session
from tests.samples import PATIENT, RETRY

READY_S = 60


@pytest.fixture
def outer(tmp_path: Path) -> Path:
    root = tmp_path / "monorepo"
    (root / "packages/a").mkdir(parents=True)
    (root / "packages/a/retry.py").write_text(RETRY)
    (root / "main.py").write_text("def launch_rocket(fuel):\n    return fuel.burn()\n")
    return root


@pytest.fixture(params=["outer first", "inner first"])
def session(request: pytest.FixtureRequest, outer: Path, tmp_path: Path) -> Iterator[Session]:
    roots = [outer, outer / "packages/a"]
    with Session(Settings(cache_dir=str(tmp_path / "cache"))) as opened:
        for root in roots if request.param == "outer first" else reversed(roots):
            opened.add_folder(root)
        assert opened.wait_ready(READY_S)
        yield opened


def names(session: Session, text: str, folder: Path | None = None) -> list[str]:
    return [found.hit.name for found in session.search(Query(text), folder=folder).hits]


def selected(path: Path, name: bytes) -> SimilarRequest:
    return SimilarRequest(Selected(path, lambda text: (text.index(name), text.index(name))))


def test_a_change_reaches_every_folder_that_holds_the_file(session: Session, outer: Path) -> None:
    path = outer / "packages/a/retry.py"
    path.write_text("def peel_banana(fruit):\n    return fruit.peel()\n")
    session.apply([FileChange(path, Cause.WATCHED)])
    assert session.wait_ready(READY_S)
    for root in session.folders:
        assert "peel_banana" in names(session, "peel the banana", root)
    session.apply([FileChange(path, Cause.EDITED, "def slice_melon(fruit):\n    return fruit.slice()\n")])
    assert session.wait_ready(READY_S)
    for root in session.folders:
        assert "slice_melon" in names(session, "slice the melon", root)


def test_a_hit_that_turned_out_stale_is_read_again_in_its_own_folder(session: Session, outer: Path) -> None:
    (outer / "packages/a/retry.py").write_text("def peel_banana(fruit):\n    return fruit.peel()\n")
    assert "call_with_backoff" not in names(session, "call with backoff", outer)
    assert session.wait_ready(READY_S)
    assert "peel_banana" in names(session, "peel the banana", outer)


def test_a_unit_is_found_once(session: Session) -> None:
    found = names(session, "try again after a failure")
    assert found.count("call_with_backoff") == 1
    assert "launch_rocket" in names(session, "launch a rocket")


def test_a_function_is_no_copy_of_itself(session: Session, outer: Path) -> None:
    answer = session.similar(selected(outer / "packages/a/retry.py", b"call_with_backoff"))
    found = [hit.found.hit.name for hit in (*answer.copies, *answer.hits)]
    assert sorted(found) == ["", "launch_rocket"]  # The rest of its file, and another function.


def test_a_copy_is_found_once(session: Session, outer: Path) -> None:
    twin = outer / "packages/a/patient.py"
    twin.write_text(PATIENT)
    session.apply([FileChange(twin, Cause.WATCHED)])
    assert session.wait_ready(READY_S)
    answer = session.similar(selected(outer / "packages/a/retry.py", b"call_with_backoff"))
    assert [hit.found.hit.name for hit in (*answer.copies, *answer.hits)].count("patiently") == 1


def test_functions_that_the_outer_folder_leaves_out_are_known_from_the_inner(
    session: Session, outer: Path
) -> None:
    (outer / ".oasisignore").write_text("packages/\n")
    session.apply([FileChange(outer / ".oasisignore", Cause.WATCHED)])
    assert session.wait_ready(READY_S)
    assert "call_with_backoff" not in names(session, "call with backoff", outer)
    functions = session.functions_of(outer / "packages/a/retry.py")
    assert [found.hit.name for found in functions] == ["call_with_backoff"]
