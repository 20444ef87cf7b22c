"""The session with real worker processes, a real store and real files."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import oasis_search.workspace.folder as folder_module
from oasis_search.encoder import load
from oasis_search.errors import WorkspaceError
from oasis_search.index import Delta, IndexedFile, Snapshot, quantise
from oasis_search.index.prepare import prepare
from oasis_search.search.query import Query
from oasis_search.settings import IndexSettings, Settings
from oasis_search.syntax import language_of
from oasis_search.workspace.changes import Cause, FileChange
from oasis_search.workspace.files import SourceText, source_of_bytes
from oasis_search.workspace.session import Session
from oasis_search.workspace.status import FolderStatus, Phase
from tests.damage import damage_table

READY_S = 60


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    account = "class Account:\n    def withdraw(self, amount):\n        self.balance -= amount\n"
    rates = "def convert_currency(amount, rate):\n    return amount * rate\n"
    readme = "# Bank\n\nKeeps accounts and converts currencies.\n"
    write(folder, {"bank/account.py": account, "bank/rates.py": rates, "README.md": readme})
    return folder


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def open_session(cache: Path, *roots: Path, **index: object) -> Session:
    session = Session(Settings(cache_dir=str(cache), index=IndexSettings(**index)))  # type: ignore[arg-type]
    for root in roots:
        session.add_folder(root)
    assert session.wait_ready(READY_S)
    return session


def names(session: Session, text: str) -> list[str]:
    return [found.hit.name for found in session.search(Query(text)).hits]


def watched(*paths: Path) -> list[FileChange]:
    return [FileChange(path, Cause.WATCHED) for path in paths]


def test_a_question_finds_the_function_that_answers_it(cache: Path, root: Path) -> None:
    with open_session(cache, root) as session:
        answer = session.search(Query("exchange money between currencies"))
        assert answer.hits[0].hit.name == "convert_currency"
        assert answer.hits[0].preview.startswith("def convert_currency")
        assert answer.coverage.lexical == answer.coverage.static == 1.0


def test_a_second_session_embeds_nothing_again(cache: Path, root: Path) -> None:
    later = time.time() - 60
    for path in root.rglob("*.*"):
        os.utime(path, (later, later))
    time.sleep(0.05)  # past the window in which a time stamp is not trusted
    with open_session(cache, root) as session:
        assert session.status()[0].embedded > 0
        first = [found.hit for found in session.search(Query("withdraw")).hits]
    with open_session(cache, root) as session:
        assert session.status()[0].embedded == 0
        assert [found.hit for found in session.search(Query("withdraw")).hits] == first


def test_a_copy_in_another_folder_embeds_nothing_again(cache: Path, root: Path, tmp_path: Path) -> None:
    with open_session(cache, root):
        pass
    twin = tmp_path / "worktree"
    for path in root.rglob("*.*"):
        write(twin, {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")})
    with open_session(cache, twin) as session:
        assert session.status()[0].embedded == 0
        assert "withdraw" in names(session, "withdraw")


def test_unsaved_text_is_found_and_the_disk_comes_back_when_it_is_closed(cache: Path, root: Path) -> None:
    path = root / "bank/rates.py"
    with open_session(cache, root) as session:
        session.apply([FileChange(path, Cause.OPENED, "def amortise_loan(years):\n    return years\n")])
        assert session.wait_ready(READY_S)
        assert "amortise_loan" in names(session, "amortise a loan")
        assert "convert_currency" not in names(session, "convert currency")
        session.apply([FileChange(path, Cause.CLOSED)])
        assert session.wait_ready(READY_S)
        assert "amortise_loan" not in names(session, "amortise a loan")
        assert "convert_currency" in names(session, "convert currency")


def test_a_text_that_is_only_in_the_editor_is_found(cache: Path, root: Path) -> None:
    path = root / "bank/fresh.py"
    with open_session(cache, root) as session:
        session.apply([FileChange(path, Cause.OPENED, "def compound_interest(rate):\n    return rate\n")])
        assert session.wait_ready(READY_S)
        assert "compound_interest" in names(session, "compound interest")
        session.apply([FileChange(path, Cause.CLOSED)])
        assert session.wait_ready(READY_S)
        assert "compound_interest" not in names(session, "compound interest")


def test_a_stale_hit_is_never_returned_even_when_nobody_said_that_the_file_changed(
    cache: Path, root: Path
) -> None:
    with open_session(cache, root) as session:
        assert "withdraw" in names(session, "withdraw")
        write(root, {"bank/account.py": "class Account:\n    def deposit(self, amount):\n        pass\n"})
        assert "withdraw" not in names(session, "withdraw")
        assert session.wait_ready(READY_S)
        assert "deposit" in names(session, "deposit")


def test_a_deleted_folder_takes_its_units_along(cache: Path, root: Path) -> None:
    with open_session(cache, root) as session:
        for path in (root / "bank").iterdir():
            path.unlink()
        (root / "bank").rmdir()
        session.apply(watched(root / "bank"))
        assert session.wait_ready(READY_S)
        assert names(session, "convert currency") == ["Bank"]


def test_an_ignore_rule_takes_effect_while_the_session_runs(cache: Path, root: Path) -> None:
    with open_session(cache, root) as session:
        write(root, {".oasisignore": "rates.py\n"})
        session.apply(watched(root / ".oasisignore"))
        assert session.wait_ready(READY_S)
        assert "convert_currency" not in names(session, "convert currency")
        (root / ".oasisignore").unlink()
        session.apply(watched(root / ".oasisignore"))
        assert session.wait_ready(READY_S)
        assert "convert_currency" in names(session, "convert currency")


def test_our_own_watcher_follows_a_branch_switch(cache: Path, root: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-qm", "one")
    git("checkout", "-qb", "other")
    write(root, {"bank/rates.py": "def yield_curve(maturities):\n    return sorted(maturities)\n"})
    git("commit", "-qam", "two")
    with open_session(cache, root) as session:
        session.watch(root)
        assert "yield_curve" in names(session, "yield curve")
        wait_until(lambda: session.status()[0].watching == "own")
        time.sleep(0.5)  # watchfiles gives no sign when the system has begun to notify
        git("checkout", "-q", "main")
        wait_until(lambda: "convert_currency" in names(session, "convert currency"))
        assert "yield_curve" not in names(session, "yield curve")


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + READY_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_two_folders_are_searched_together_and_apart(cache: Path, root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write(other, {"zoo.py": "def feed_zebra(hay):\n    return hay\n"})
    with open_session(cache, root, other) as session:
        assert "feed_zebra" in names(session, "feed the zebra")
        inside = session.search(Query("feed the zebra"), folder=other).hits
        assert {found.root for found in inside} == {other}
        session.remove_folder(other)
        assert session.wait_ready(READY_S)
        assert "feed_zebra" not in names(session, "feed the zebra")
        with pytest.raises(WorkspaceError, match="not an open folder"):
            session.search(Query("zebra"), folder=other)


def test_a_file_in_place_of_a_folder_is_refused(cache: Path, root: Path) -> None:
    session = Session(Settings(cache_dir=str(cache)))
    with pytest.raises(WorkspaceError, match="not a folder"):
        session.add_folder(root / "README.md")


def test_bad_files_are_counted_with_a_reason_and_the_rest_is_indexed(cache: Path, root: Path) -> None:
    (root / "blob.py").write_bytes(b"\0\1\2" * 100)
    (root / "huge.py").write_text("x = 1\n" * 40_000, encoding="utf-8")
    (root / "latin.py").write_bytes("# r\xe9sum\xe9\ndef curriculum():\n    pass\n".encode("latin-1"))
    with open_session(cache, root, max_file_kb=100) as session:
        status = session.status()[0]
        assert {"binary": 1, "too-large": 1}.items() <= status.problem_counts.items()
        assert all(problem.detail for problem in status.problems)
        assert {"curriculum", "withdraw"} <= set(names(session, "curriculum withdraw"))


def too_large(session: Session) -> list[str]:
    return [problem.detail for problem in session.status()[0].problems if problem.reason == "too-large"]


def test_another_limit_on_file_size_holds_for_files_that_did_not_change(cache: Path, root: Path) -> None:
    write(root, {"long.py": "def unabridged():\n    pass\n" + "x = 1\n" * 10_000})
    time.sleep(0.05)  # past the window in which a time stamp is not trusted
    with open_session(cache, root, max_file_kb=20) as session:
        assert "unabridged" not in names(session, "unabridged")
    with open_session(cache, root, max_file_kb=30) as session:
        assert "over 30,720 bytes" in too_large(session)[0]
        session.set_settings(Settings(cache_dir=str(cache), index=IndexSettings(max_file_kb=100)))
        assert session.wait_ready(READY_S)
        assert too_large(session) == []
        assert "unabridged" in names(session, "unabridged")
    with open_session(cache, root, max_file_kb=20) as session:
        assert len(too_large(session)) == 1
        assert "unabridged" not in names(session, "unabridged")


def test_status_counts_never_fall_while_indexing(cache: Path, root: Path) -> None:
    write(root, {f"gen/m{i}.py": f"def handler_{i}():\n    return {i}\n" for i in range(300)})
    seen: list[FolderStatus] = []
    with Session(Settings(cache_dir=str(cache)), on_status=seen.append) as session:
        session.add_folder(root)
        assert session.wait_ready(READY_S)
    done = [status.files_done for status in seen if status.phase is not Phase.SCANNING]
    assert done == sorted(done)
    assert seen[-1].phase is Phase.READY
    assert seen[-1].files_done == seen[-1].files_total == 303


def test_a_folder_is_ready_with_the_files_that_were_opened_while_it_was_read(
    cache: Path, root: Path, tmp_path: Path
) -> None:
    write(tmp_path / "first", {"a.py": "def warm_up():\n    return 1\n"})
    files = [root / name for name in ("bank/account.py", "bank/rates.py", "README.md")]
    opened = [FileChange(path, Cause.EDITED, path.read_text()) for path in files]
    with Session(Settings(cache_dir=str(cache))) as session:
        session.add_folder(tmp_path / "first")
        assert session.wait_ready(READY_S)
        session.add_folder(root)
        end = time.monotonic() + READY_S
        while session.status()[-1].files_total < len(files) and time.monotonic() < end:
            time.sleep(0.001)
        session.apply(opened)
        while (found := session.status()[-1]).phase is not Phase.READY and time.monotonic() < end:
            time.sleep(0.001)
        assert session.wait_ready(READY_S)
        assert found.coverage.units == session.status()[-1].coverage.units > len(files) - 1


def test_paused_indexing_waits_and_resumed_indexing_ends(cache: Path, root: Path) -> None:
    with Session(Settings(cache_dir=str(cache))) as session:
        session.pause()
        session.add_folder(root)
        assert not session.wait_ready(1.0)
        assert session.status()[0].phase is Phase.PAUSED
        session.resume()
        assert session.wait_ready(READY_S)
        assert "withdraw" in names(session, "withdraw")


def test_killed_workers_are_replaced_and_nothing_is_lost(cache: Path, root: Path) -> None:
    write(root, {f"gen/m{i}.py": f"def handler_{i}():\n    return {i}\n" for i in range(400)})
    with Session(Settings(cache_dir=str(cache))) as session:
        session.add_folder(root)
        me = psutil.Process()
        for _ in range(3):
            wait_until(lambda: bool(me.children()) or session.wait_ready(0))
            for child in me.children():
                child.send_signal(signal.SIGKILL)
            time.sleep(0.3)
        assert session.wait_ready(READY_S)
        assert session.status()[0].problem_counts == {}
        assert "handler_399" in names(session, "handler_399")


def test_a_closed_session_leaves_no_process(cache: Path, root: Path) -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with open_session(cache, root):
        pass
    assert {child.pid for child in psutil.Process().children(recursive=True)} == before


def test_an_edit_that_is_due_when_a_session_closes_starts_no_process(cache: Path, root: Path) -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with open_session(cache, root) as session:
        indexer = session._indexer

        def close_with_an_edit_due() -> None:
            indexer._edited[(root, "bank/rates.py")] = 0.0
            indexer._close()

        indexer.post(close_with_an_edit_due)
    assert {child.pid for child in psutil.Process().children(recursive=True)} == before


def test_a_folder_that_vanishes_is_told_and_its_units_are_kept_for_its_return(
    cache: Path, root: Path, tmp_path: Path
) -> None:
    with open_session(cache, root, watch=False) as session:
        units = session.status()[0].coverage.units
        root.rename(tmp_path / "unplugged")
        assert names(session, "convert currency") == []
        wait_until(lambda: "is gone" in session.status()[0].message)
        (tmp_path / "unplugged").rename(root)
        assert names(session, "convert currency")[0] == "convert_currency"
        assert session.status()[0].coverage.units == units
        session.reindex()
        wait_until(lambda: session.status()[0].message == "")


def test_a_folder_that_comes_back_is_watched_and_its_message_is_over(
    cache: Path, root: Path, tmp_path: Path
) -> None:
    def state() -> tuple[Phase, str, str]:
        status = session.status()[0]
        return status.phase, status.watching, status.message

    with open_session(cache, root) as session:
        session.watch(root)
        wait_until(lambda: state() == (Phase.READY, "own", ""))
        root.rename(tmp_path / "unplugged")
        wait_until(lambda: state()[:2] == (Phase.FAILED, "off"))
        assert "does not exist" in state()[2]
        (tmp_path / "unplugged").rename(root)
        wait_until(lambda: state() == (Phase.READY, "own", ""))


def test_a_failed_folder_that_comes_back_is_indexed_with_the_next_change(
    cache: Path, root: Path, tmp_path: Path
) -> None:
    with open_session(cache, root, watch=False) as session:
        root.rename(tmp_path / "unplugged")
        session._indexer.post(lambda: session._indexer.rescan(root))
        wait_until(lambda: session.status()[0].phase is Phase.FAILED)
        (tmp_path / "unplugged").rename(root)
        session.apply(watched(root / "README.md"))
        wait_until(lambda: session.status()[0].phase is Phase.READY)
        assert session.status()[0].message == ""


def test_what_could_not_be_written_is_written_later(
    cache: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "SAVE_AGAIN_S", 0.1)
    with open_session(cache, root) as session:
        store = session._indexer._store
        assert store is not None
        store._db.execute("PRAGMA busy_timeout=0")
        with contextlib.closing(sqlite3.connect(session.store_file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            write(root, {"late.py": "def arrives_late():\n    return 1\n"})
            session.apply(watched(root / "late.py"))
            wait_until(lambda: "cannot be written" in session.status()[0].message)
            session.apply(watched(root / "README.md"))
            assert session.wait_ready(READY_S)
        wait_until(lambda: session.status()[0].message == "")
        assert session.status()[0].embedded > 0
    with open_session(cache, root) as session:
        assert session.status()[0].embedded == 0
        assert "arrives_late" in names(session, "arrives late")


def test_reindex_reads_everything_anew(cache: Path, root: Path) -> None:
    with open_session(cache, root) as session:
        before = session.status()[0].embedded
        session.reindex()
        assert session.wait_ready(READY_S)
        assert session.status()[0].embedded > before
        assert "withdraw" in names(session, "withdraw")


def test_an_unwritable_cache_is_said_and_searching_works_all_the_same(tmp_path: Path, root: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way", encoding="utf-8")
    with open_session(blocked / "cache", root) as session:
        assert "cannot be opened" in session.status()[0].message
        assert "withdraw" in names(session, "withdraw")


@pytest.mark.parametrize("table", ["entries", "records", "vectors"])
def test_a_damaged_index_is_said_and_searching_works_all_the_same(
    cache: Path, root: Path, table: str
) -> None:
    with open_session(cache, root) as session:
        store_file = session.store_file
    damage_table(store_file, table)
    shutil.rmtree(cache / "packs")
    with open_session(cache, root) as session:
        state = session.status()[0]
        assert state.phase is Phase.READY
        assert state.problem_counts == {}
        assert f"{store_file} is damaged" in state.message
        assert "withdraw" in names(session, "withdraw")
        session.reindex()
        assert session.wait_ready(READY_S)
        assert "Delete the file" in session.status()[0].message
        assert "withdraw" in names(session, "withdraw")
    store_file.unlink()
    with open_session(cache, root) as session:
        assert session.status()[0].message == ""


NAMES = ("a.py", "b.py", "deep/c.py", "deep/d.go", "notes.md")
BODIES = (
    "def alpha(x):\n    return x + 1\n",
    "def alpha(x):\n    return x + 1\n\n\ndef beta(y):\n    return alpha(y)\n",
    "class Gamma:\n    def delta(self):\n        return 'ünï\N{ELEPHANT}'\n",
    "package main\n\nfunc Epsilon() int { return 5 }\n",
    "",
    "\0binary",
)


def test_nothing_is_settled_while_a_step_is_under_way(
    shared: tuple[Session, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    session, base = shared
    root = base / "stepping"
    root.mkdir()
    session.add_folder(root)
    assert session.wait_ready(READY_S)
    entered, released = threading.Event(), threading.Event()
    request = session._indexer._request_edit

    def slowly(root: Path, path: str) -> None:
        entered.set()
        assert released.wait(READY_S)
        request(root, path)

    monkeypatch.setattr(session._indexer, "_request_edit", slowly)
    write(root, {"late.py": "def arrives_late():\n    return 1\n"})
    session.apply(watched(root / "late.py"))
    assert entered.wait(READY_S)
    assert not session.wait_ready(0.2)
    released.set()
    assert session.wait_ready(READY_S)
    assert living(session._indexer.folders[root].snapshot).keys() == {"late.py"}
    session.remove_folder(root)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["write", "delete", "edit", "close", "rename"]),
        st.sampled_from(NAMES),
        st.sampled_from(range(len(BODIES))),
    ),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Session, Path]]:
    base = tmp_path_factory.mktemp("property")
    with Session(Settings(cache_dir=str(base / "cache"), index=IndexSettings(workers=1))) as session:
        yield session, base


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, pauses=st.booleans())
def test_any_sequence_of_edits_equals_a_rebuild(
    shared: tuple[Session, Path], steps: list[tuple[str, str, int]], pauses: bool
) -> None:
    session, base = shared
    root = base / f"w{time.monotonic_ns()}"
    root.mkdir()
    session.add_folder(root)
    assert session.wait_ready(READY_S)
    opened: dict[str, str] = {}
    for action, name, body in steps:
        perform(session, root, opened, action, name, BODIES[body])
        if pauses:
            assert session.wait_ready(READY_S)
    assert session.wait_ready(READY_S)
    actual = living(session._indexer.folders[root].snapshot)
    for name in opened:
        session.apply([FileChange(root / name, Cause.CLOSED)])
    session.remove_folder(root)
    assert actual == living(rebuild(root, opened))


def perform(session: Session, root: Path, opened: dict[str, str], action: str, name: str, body: str) -> None:
    path = root / name
    if action == "write":
        write(root, {name: body})
        session.apply(watched(path))
    elif action == "delete" and path.exists():
        path.unlink()
        session.apply(watched(path))
    elif action == "rename" and path.exists():
        target = path.with_name(f"moved_{path.name}")
        path.rename(target)
        session.apply(watched(path, target))
    elif action == "edit":
        opened[name] = body
        session.apply([FileChange(path, Cause.EDITED, body)])
    elif action == "close" and name in opened:
        del opened[name]
        session.apply([FileChange(path, Cause.CLOSED)])


def rebuild(root: Path, opened: dict[str, str]) -> Snapshot:
    """The slow reference: every file is read and cut here, in one process, into one delta."""
    encoder = load("static")
    texts = {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.*") if path.is_file()
    }
    texts |= {name: text.encode() for name, text in opened.items()}
    files = []
    for name, raw in texts.items():
        source = source_of_bytes(name, raw)
        if isinstance(source, SourceText):
            language = language_of(name, source.text_utf8.partition(b"\n")[0])
            record, bags, _ = prepare(source.text_utf8, language)
            vectors = quantise(encoder.encode_counts(bags))  # type: ignore[attr-defined]
            columns = {encoder.fingerprint: vectors}
            files.append(IndexedFile(name, language.name, source.digest, record, columns))
    return Snapshot().apply(Delta(added=files))


def living(snapshot: Snapshot) -> dict[str, list[object]]:
    """Path -> all that is indexed of its units, without the traces of how it came there."""
    content: dict[str, list[object]] = {}
    for unit in range(snapshot.size):
        if not snapshot.alive[unit]:
            continue
        segment, row = snapshot.locate(unit)
        terms = sorted(
            int(term)
            for term, start, end in zip(
                segment.terms, segment.posting_starts, segment.posting_starts[1:], strict=False
            )
            if row in segment.posting_units[start:end]
        )
        vectors = {key: column.codes[row].tobytes() for key, column in segment.vectors.items()}
        content.setdefault(snapshot.view(unit).path, []).append((snapshot.view(unit), terms, vectors))
    return content
