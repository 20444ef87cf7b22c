"""The watcher on real folders; waits for events, never measures them."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import watchfiles

import oasis_search.workspace.watch as watch_module
from oasis_search.workspace.watch import Batch, Watcher, Watching, is_below_default_exclude, is_git_state

PATIENCE_S = 30
"""Only a failing test waits this long."""


class Log:
    """Collects what a watcher reports."""

    def __init__(self) -> None:
        self.changes: Batch = []
        self.states: list[Watching] = []
        self.problems: list[str] = []
        self.threads: set[str] = set()
        self._news = threading.Condition()

    def on_batch(self, batch: Batch) -> None:
        with self._news:
            self.changes += batch
            self.threads.add(threading.current_thread().name)
            self._news.notify_all()

    def on_state(self, watching: Watching, sentence: str) -> None:
        with self._news:
            self.states.append(watching)
            self.problems.append(sentence)
            self._news.notify_all()

    def wait_for(self, path: Path, kind: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: (str(path), kind) in self.changes, PATIENCE_S), self.changes

    def wait_for_problem(self, words: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: any(words in each for each in self.problems), PATIENCE_S)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "sub/old.py").write_text("old")
    return root


@pytest.fixture
def log(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """The log of a watcher of `root` that is seen to be awake."""
    log = Log()
    watcher = Watcher(root, on_batch=log.on_batch, on_state=log.on_state)
    watcher.start()
    wake(log, root)
    yield log
    watcher.stop()


def wake(log: Log, root: Path) -> None:
    """Returns once changes are seen: the system begins to report some time after `start`."""
    probe = root / "probe"
    for number in range(PATIENCE_S * 10):
        probe.write_text(str(number))
        with log._news:
            if log._news.wait_for(lambda: any(path == str(probe) for path, _ in log.changes), 0.1):
                break
    assert log.changes


def test_created_changed_and_deleted_files_are_reported(log: Log, root: Path) -> None:
    (root / "sub/new.py").write_text("new")
    log.wait_for(root / "sub/new.py", "created")
    (root / "sub/old.py").write_text("newer")
    log.wait_for(root / "sub/old.py", "changed")
    (root / "sub/old.py").unlink()
    log.wait_for(root / "sub/old.py", "deleted")
    assert log.threads == {"oasis-watch"}
    assert log.problems == []


def test_a_file_that_is_replaced_by_renaming_is_not_reported_as_gone(log: Log, root: Path) -> None:
    (root / "sub/.old.tmp").write_text("newer")
    os.replace(root / "sub/.old.tmp", root / "sub/old.py")
    log.wait_for(root / "sub/.old.tmp", "deleted")
    kinds = [kind for path, kind in log.changes if path == str(root / "sub/old.py")]
    assert kinds
    assert "deleted" not in kinds


def test_files_in_folders_that_appear_later_are_watched(log: Log, root: Path) -> None:
    (root / "later").mkdir()
    log.wait_for(root / "later", "created")
    (root / "later/x.py").write_text("x")
    for number in range(PATIENCE_S * 10):
        if any(path == str(root / "later/x.py") for path, _ in log.changes):
            return
        (root / "later/x.py").write_text(str(number))
        threading.Event().wait(0.1)
    pytest.fail("the file was not reported")


def test_of_git_only_the_state_is_reported_and_of_tools_nothing(log: Log, root: Path) -> None:
    subprocess.run(
        ["git", "init", "-q", "."], cwd=root, check=True, env={**os.environ, "GIT_CONFIG_GLOBAL": ""}
    )
    (root / "node_modules").mkdir()
    (root / "node_modules/x.js").write_text("x")
    (root / "end").touch()
    log.wait_for(root / "end", "created")
    (root / ".git/HEAD").write_text("ref: refs/heads/other\n")
    log.wait_for(root / ".git/HEAD", "changed")
    reported = [os.path.relpath(path, root) for path, _ in log.changes]
    assert all(is_git_state(path) for path in reported if path.startswith(".git"))
    assert not any(path.startswith("node_modules") for path in reported)


def test_what_the_caller_ignores_is_not_reported(root: Path) -> None:
    log = Log()
    asked: list[str] = []

    def ignored(path: str) -> bool:
        asked.append(path)
        return path.endswith(".log")

    watcher = Watcher(root, on_batch=log.on_batch, on_state=log.on_state, ignored=ignored)
    watcher.start()
    wake(log, root)
    (root / "sub/a.log").touch()
    (root / "sub/b.py").touch()
    log.wait_for(root / "sub/b.py", "created")
    watcher.stop()
    assert "sub/a.log" in asked
    assert not any(path.endswith(".log") for path, _ in log.changes)


def test_stop_ends_the_thread_and_may_be_called_again(root: Path) -> None:
    log = Log()
    watcher = Watcher(root, on_batch=log.on_batch, on_state=log.on_state)
    watcher.stop()
    watcher.start()
    watcher.stop()
    assert "oasis-watch" not in {thread.name for thread in threading.enumerate()}
    watcher.stop()
    assert log.problems == []


def test_stop_may_be_called_from_a_callback(root: Path) -> None:
    called = threading.Event()

    def on_batch(batch: Batch) -> None:
        watcher.stop()
        called.set()

    watcher = Watcher(root, on_batch=on_batch, on_state=lambda _, sentence: pytest.fail(sentence))
    watcher.start()
    for number in range(PATIENCE_S * 10):
        (root / "probe").write_text(str(number))
        if called.wait(0.1):
            break
    watcher.stop()
    assert called.is_set()


def test_a_callback_that_fails_does_not_end_the_watching(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = Log()

    def on_batch(batch: Batch) -> None:
        log.on_batch(batch)
        raise ValueError("a fault of the receiver")

    watcher = Watcher(root, on_batch=on_batch, on_state=log.on_state)
    watcher.start()
    wake(log, root)
    (root / "next").touch()
    log.wait_for(root / "next", "created")
    watcher.stop()
    assert log.problems == []
    assert "a fault of the receiver" in caplog.text


def test_a_root_that_goes_and_comes_back_is_reported_and_watched_again(log: Log, root: Path) -> None:
    shutil.rmtree(root)
    log.wait_for_problem(f"The folder {root} is gone")
    root.mkdir()
    log.wait_for(root, "created")
    log.changes.clear()
    wake(log, root)
    assert log.states == ["off", "own"]
    assert log.problems[-1] == ""


def test_without_notifications_the_folder_is_polled(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The limit of the system cannot be reached in a test without taking it from every other program.
    real = watchfiles.watch

    def limited(*paths: str, force_polling: bool | None, **options: object) -> object:
        if not force_polling:
            raise OSError("OS file watch limit reached.")
        return real(*paths, force_polling=True, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(watchfiles, "watch", limited)
    monkeypatch.setattr(watch_module, "_POLL_MS", 50)
    log = Log()
    watcher = Watcher(root, on_batch=log.on_batch, on_state=log.on_state)
    watcher.start()
    wake(log, root)
    (root / "sub/old.py").unlink()
    log.wait_for(root / "sub/old.py", "deleted")
    watcher.stop()
    assert log.states == ["polling"]
    assert "cannot be watched (OS file watch limit reached.)" in log.problems[0]
    assert "fs.inotify.max_user_watches" in log.problems[0]


def test_a_watcher_that_cannot_go_on_says_so(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> object:
        raise RuntimeError("no backend")

    monkeypatch.setattr(watchfiles, "watch", broken)
    log = Log()
    watcher = Watcher(root, on_batch=log.on_batch, on_state=log.on_state)
    watcher.start()
    log.wait_for_problem("are no longer watched (no backend)")
    watcher.stop()
    assert log.states == ["polling", "off"]
    assert "the watcher of" in caplog.text


def test_importing_the_module_does_not_import_watchfiles() -> None:
    code = "import sys, oasis_search.workspace.watch; sys.exit('watchfiles' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_which_paths_of_git_tell_its_state() -> None:
    state = [".git/HEAD", ".git/index", ".git/packed-refs", ".git/refs/heads/a/b", "sub/.git/HEAD"]
    noise = [
        ".git",
        ".git/index.lock",
        ".git/objects/ab/c",
        ".git/logs/HEAD",
        ".git/refs/heads/a.lock",
        "HEAD",
    ]
    assert all(map(is_git_state, state))
    assert not any(map(is_git_state, noise))
    assert is_below_default_exclude("a/node_modules/b")
    assert not is_below_default_exclude("a/modules/b")
